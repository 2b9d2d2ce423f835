//! What all calls share, whatever PBX they come through: the store, the hash workers, limits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::Chain;
use super::admission::Reaction;
use super::places::Places;
use crate::clock;
use crate::config::MediaNetwork;
use crate::db::audit::Record;
use crate::db::{AttemptId, Db, DbError, SetTemporary, Setting};
use crate::hashing::{Hasher, Salt};
use domain::dialog::{Limits, LookupResult, NewTemporaryPassword, StoreResult};
use domain::phone_number::PhoneNumber;

/// What all calls share.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) store: Db,
    pub(crate) hasher: Hasher,
    pub(crate) limits: Limits,
    pub(crate) places: Places,
    /// Where the media of some endpoints are.
    pub(crate) media_networks: Vec<MediaNetwork>,
    /// How long calls wait for their hashes.
    pub(crate) hashes: Mutex<Reaction>,
    /// The daemon is shutting down: no more calls are taken.
    pub(crate) closing: AtomicBool,
}

impl Line {
    /// Whether there is room for one more call; who finds none hears the dialplan's apology, or another
    /// daemon.
    pub(crate) fn takes_calls(&self) -> bool {
        !self.closing.load(Ordering::Relaxed) && !self.places.are_taken()
    }

    /// How long calls wait for their hashes by now.
    pub(crate) fn hash_wait(&self, now: Instant) -> Duration {
        self.hashes().now(now).max(self.hasher.call_wait(now))
    }

    fn hashes(&self) -> MutexGuard<'_, Reaction> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the store knows of a caller's number.
    pub(crate) async fn look_up(self: Arc<Self>, number: PhoneNumber) -> LookupResult {
        match self.store.contract_of(number).await {
            Ok(Some(contract)) => LookupResult::Found(Box::new(contract)),
            Ok(None) => LookupResult::Unknown,
            Err(error) => {
                warn!(error = %Chain(&error), "a caller could not be looked up");
                LookupResult::Unreachable
            }
        }
    }

    /// Hashes and stores a temporary password (`P9`); dropped before its commit is sent, it has done
    /// nothing (`P13`).
    pub(crate) async fn store(self: Arc<Self>, new: NewTemporaryPassword) -> StoreResult {
        let NewTemporaryPassword { caller, contract_number: contract, unit, login, password } = new;
        let salt = Salt::draw(&mut rand::rng());
        let began = clock::now();
        let hashed = self.hasher.hash_for_call(password, salt).await;
        let now = clock::now();
        self.hashes().note(now.saturating_duration_since(began), now);
        let phc = match hashed {
            Ok(phc) => phc,
            Err(error) => {
                warn!(error = %Chain(&error), "a temporary password was not stored");
                return StoreResult::Unreachable;
            }
        };
        let attempt = AttemptId::draw(&mut rand::rng());
        let new = SetTemporary { attempt, caller, contract, unit, login, phc };
        match self.store.set_temporary(&new).await {
            Ok(Setting::Stored) => StoreResult::Stored,
            Ok(Setting::Refused) => StoreResult::Refused,
            Err(error @ DbError::NotSent(_)) => {
                warn!(error = %Chain(&error), "a temporary password was not stored");
                StoreResult::Unreachable
            }
            Err(error @ DbError::OutcomeUnknown(_)) => {
                warn!(error = %Chain(&error), "a temporary password may or may not be stored");
                StoreResult::Unreachable
            }
        }
    }

    /// Leaves an audit row (`D3`).
    pub(crate) async fn record(self: Arc<Self>, record: Record) {
        let attempt = AttemptId::draw(&mut rand::rng());
        if let Err(error) = self.store.record(attempt, &record).await {
            warn!(error = %Chain(&error), "a refusal left no audit row");
        }
    }
}
