//! What all calls share, whichever Asterisk they come through: database, hasher, limits and
//! capacity.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::admission::SmoothedLatency;
use super::capacity::CallCapacity;
use super::rest::ErrorChain;
use crate::clock;
use crate::config::MediaNetwork;
use crate::db::audit::AuditRecord;
use crate::db::{Db, DbError, IdempotencyKey, SetOutcome, SetTemporaryPassword};
use crate::hashing::{Hasher, Salt};
use domain::dialog::{Limits, LookupResult, NewTemporaryPassword, StoreResult};
use domain::phone_number::PhoneNumber;

#[derive(Debug)]
pub(super) struct CallServices {
    pub(super) db: Db,
    pub(super) hasher: Hasher,
    pub(super) limits: Limits,
    pub(super) capacity: CallCapacity,
    /// The networks of the endpoints whose media are checked.
    pub(super) media_networks: Vec<MediaNetwork>,
    /// How long calls wait for their hashes.
    pub(super) hash_latency: Mutex<SmoothedLatency>,
    /// The daemon is shutting down and takes no new calls.
    pub(super) closing: AtomicBool,
}

impl CallServices {
    /// Whether one more call fits. A caller for whom there is no room hears the dialplan's apology,
    /// or another daemon.
    pub(super) fn has_room(&self) -> bool {
        !self.closing.load(Ordering::Relaxed) && !self.capacity.is_full()
    }

    /// How long a call waits for its hash now.
    pub(super) fn hash_wait(&self, now: Instant) -> Duration {
        self.hash_latency().at(now).max(self.hasher.call_wait(now))
    }

    fn hash_latency(&self) -> MutexGuard<'_, SmoothedLatency> {
        self.hash_latency.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks up the contract of a caller.
    pub(super) async fn look_up(self: Arc<Self>, caller: PhoneNumber) -> LookupResult {
        match self.db.contract_of(caller).await {
            Ok(Some(contract)) => LookupResult::Found(Box::new(contract)),
            Ok(None) => LookupResult::Unknown,
            Err(error) => {
                warn!(error = %ErrorChain(&error), "could not look up a caller");
                LookupResult::Unreachable
            }
        }
    }

    /// Hashes and stores a temporary password (`P9`). A future that is dropped before its commit is
    /// sent has stored nothing (`P13`).
    pub(super) async fn store_password(self: Arc<Self>, new: NewTemporaryPassword) -> StoreResult {
        let NewTemporaryPassword { caller, contract_number: contract, unit, login, password } = new;
        let salt = Salt::draw(&mut rand::rng());
        let began = clock::now();
        let hashed = self.hasher.hash_for_call(password, salt).await;
        let now = clock::now();
        self.hash_latency().record(now.saturating_duration_since(began), now);
        let phc = match hashed {
            Ok(phc) => phc,
            Err(error) => {
                warn!(error = %ErrorChain(&error), "could not store a temporary password");
                return StoreResult::Unreachable;
            }
        };
        let attempt = IdempotencyKey::draw(&mut rand::rng());
        let new = SetTemporaryPassword { attempt, caller, contract, unit, login, phc };
        match self.db.set_temporary(&new).await {
            Ok(SetOutcome::Stored) => StoreResult::Stored,
            Ok(SetOutcome::Refused) => StoreResult::Refused,
            Err(error @ DbError::NotSent(_)) => {
                warn!(error = %ErrorChain(&error), "could not store a temporary password");
                StoreResult::Unreachable
            }
            Err(error @ DbError::OutcomeUnknown(_)) => {
                let error = ErrorChain(&error);
                warn!(%error, "a temporary password may or may not have been stored");
                StoreResult::Unreachable
            }
        }
    }

    /// Writes an audit row (`D3`).
    pub(super) async fn audit(self: Arc<Self>, record: AuditRecord) {
        let attempt = IdempotencyKey::draw(&mut rand::rng());
        if let Err(error) = self.db.record(attempt, &record).await {
            warn!(error = %ErrorChain(&error), "could not write a refusal's audit row");
        }
    }
}
