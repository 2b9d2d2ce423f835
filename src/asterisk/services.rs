//! Limits and services that all calls share, whichever Asterisk they come through.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::admission::SmoothedLatency;
use super::capacity::CallCapacity;
use super::live_calls::LiveCalls;
use super::rest::ErrorChain;
use crate::auth::{AuthError, AuthService, HashAhead};
use crate::clock;
use crate::config::MediaNetwork;
use domain::dialog::{Limits, LookupResult, NewTemporaryPassword, Refusal, StoreResult};
use domain::password::TemporaryPassword;
use domain::phone_number::PhoneNumber;
use domain::policy::temporary_password::SetOutcome;

#[derive(Debug)]
pub(super) struct CallServices {
    pub(super) auth: AuthService,
    pub(super) limits: Limits,
    pub(super) capacity: CallCapacity,
    /// The networks of the endpoints whose media are checked.
    pub(super) media_networks: Vec<MediaNetwork>,
    pub(super) live_calls: LiveCalls,
    /// How long calls wait for their hashes.
    pub(super) hash_latency: Mutex<SmoothedLatency>,
    /// The daemon is shutting down and takes no new calls.
    pub(super) closing: CancellationToken,
}

impl CallServices {
    /// Whether one more call fits. A caller for whom there is no room hears the dialplan's apology,
    /// or another daemon.
    pub(super) fn has_room(&self) -> bool {
        !self.closing.is_cancelled() && !self.capacity.is_full()
    }

    /// How long a call waits for its hash now.
    pub(super) fn hash_wait(&self, now: Instant) -> Duration {
        self.hash_latency().at(now).max(self.auth.call_hash_wait(now))
    }

    fn hash_latency(&self) -> MutexGuard<'_, SmoothedLatency> {
        self.hash_latency.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks up the contract of a caller.
    pub(super) async fn look_up(self: Arc<Self>, caller: PhoneNumber) -> LookupResult {
        match self.auth.contract_of(caller).await {
            Ok(Some(contract)) => LookupResult::Found(Box::new(contract)),
            Ok(None) => LookupResult::Unknown,
            Err(error) => {
                warn!(error = %ErrorChain(&error), "could not look up a caller");
                LookupResult::Unreachable
            }
        }
    }

    /// Starts to hash a temporary password.
    pub(super) fn hash_ahead(self: &Arc<Self>, password: TemporaryPassword) -> HashAhead {
        let services = Arc::clone(self);
        self.auth.hash_ahead(password, move |took| {
            services.hash_latency().record(took, clock::now());
        })
    }

    /// Stores a temporary password (`P9`) by the hash that was made ahead. A future that is dropped
    /// before its commit is sent has stored nothing (`P13`).
    pub(super) async fn store_password(
        self: Arc<Self>,
        new: NewTemporaryPassword,
        hash_ahead: Option<HashAhead>,
    ) -> StoreResult {
        let hash = hash_ahead.unwrap_or_else(|| self.hash_ahead(new.password.clone()));
        match self.auth.set_temporary(new, hash).await {
            Ok(SetOutcome::Stored) => StoreResult::Stored,
            Ok(SetOutcome::Refused) => StoreResult::Refused,
            Err(error @ (AuthError::Hash(_) | AuthError::Db(_))) => {
                warn!(error = %ErrorChain(&error), "could not store a temporary password");
                StoreResult::Unreachable
            }
            Err(error @ AuthError::OutcomeUnknown(_)) => {
                let error = ErrorChain(&error);
                warn!(%error, "a temporary password may or may not have been stored");
                StoreResult::Unreachable
            }
        }
    }

    /// Audits a call that ended without a password (`D3`).
    pub(super) async fn record_refused_call(
        self: Arc<Self>,
        caller: Option<PhoneNumber>,
        contract_number: Option<PhoneNumber>,
        refusal: Refusal,
    ) {
        if let Err(error) = self.auth.record_refused_call(caller, contract_number, refusal).await {
            warn!(error = %ErrorChain(&error), "could not write a refusal's audit row");
        }
    }
}
