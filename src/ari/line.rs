//! What all calls share, whatever PBX they come through: the store, the hash workers, limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tracing::warn;

use super::Chain;
use crate::call::{Limits, LookUp, NewTemporary, StoreReply};
use crate::hashing::{Hasher, Salt};
use crate::number::Number;
use crate::store::audit::Record;
use crate::store::{AttemptId, SetTemporary, Setting, Store, StoreError};

/// What all calls share.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) store: Store,
    pub(crate) hasher: Hasher,
    pub(crate) limits: Limits,
    /// The most calls at once.
    pub(crate) most: usize,
    /// The daemon is shutting down: no more calls are taken.
    pub(crate) closing: AtomicBool,
    /// Calls under way.
    pub(crate) live: watch::Sender<usize>,
}

impl Line {
    /// Whether there is room for one more call; who finds none hears the dialplan's apology, or another
    /// daemon.
    pub(crate) fn takes_calls(&self) -> bool {
        !self.closing.load(Ordering::Relaxed) && *self.live.borrow() < self.most
    }

    /// What the store knows of a caller's number.
    pub(crate) async fn look_up(self: Arc<Self>, number: Number) -> LookUp {
        match self.store.contract_of(number).await {
            Ok(Some(contract)) => LookUp::Found(Box::new(contract)),
            Ok(None) => LookUp::Unknown,
            Err(error) => {
                warn!(error = %Chain(&error), "a caller could not be looked up");
                LookUp::Unreachable
            }
        }
    }

    /// Hashes and stores a temporary password (`P9`); dropped before its commit is sent, it has done
    /// nothing (`P13`).
    pub(crate) async fn store(self: Arc<Self>, new: NewTemporary) -> StoreReply {
        let NewTemporary { caller, contract, unit, login, password } = new;
        let salt = Salt::draw(&mut rand::rng());
        let phc = match self.hasher.hash_for_call(password, salt).await {
            Ok(phc) => phc,
            Err(error) => {
                warn!(error = %Chain(&error), "a temporary password was not stored");
                return StoreReply::Unreachable;
            }
        };
        let attempt = AttemptId::draw(&mut rand::rng());
        let new = SetTemporary { attempt, caller, contract, unit, login, phc };
        match self.store.set_temporary(&new).await {
            Ok(Setting::Stored) => StoreReply::Stored,
            Ok(Setting::Refused) => StoreReply::Refused,
            Err(error @ StoreError::NotSent(_)) => {
                warn!(error = %Chain(&error), "a temporary password was not stored");
                StoreReply::Unreachable
            }
            Err(error @ StoreError::OutcomeUnknown(_)) => {
                warn!(error = %Chain(&error), "a temporary password may or may not be stored");
                StoreReply::Unreachable
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

/// A call under way, counted until it is dropped.
pub(crate) struct Live(pub(crate) Arc<Line>);

impl Live {
    pub(crate) fn new(line: &Arc<Line>) -> Self {
        line.live.send_modify(|live| *live += 1);
        metrics::gauge!("karipass_calls").increment(1.0);
        Self(Arc::clone(line))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.send_modify(|live| *live -= 1);
        metrics::gauge!("karipass_calls").decrement(1.0);
    }
}
