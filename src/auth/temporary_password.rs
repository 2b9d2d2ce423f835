//! Setting a temporary password by phone (`P9`), and calls that end without one.

use std::time::{Duration, Instant};

use super::{AuthError, AuthService, draw_key};
use crate::clock;
use crate::db::DbError;
use crate::hashing::Salt;
use domain::audit::{AuditEntry, AuditEvent, AuditScope, AuditSource};
use domain::change::ChangeRequest;
use domain::dialog::{NewTemporaryPassword, Refusal};
use domain::phone_number::PhoneNumber;
use domain::policy::temporary_password::{SetOutcome, TemporaryPasswordRequest, decide};

impl AuthService {
    /// Hashes a temporary password and stores it with its unit, in one transaction (`P9`). Calls
    /// `on_hashed` with the time that the hash took. A future that is dropped before its commit is
    /// sent stores nothing (`P13`).
    ///
    /// # Errors
    /// [`AuthError`]
    pub async fn set_temporary(
        &self,
        new: NewTemporaryPassword,
        on_hashed: impl FnOnce(Duration),
    ) -> Result<SetOutcome, AuthError> {
        let NewTemporaryPassword { caller, contract_number, unit, login, password } = new;
        let (salt, began) = (Salt::draw(&mut rand::rng()), clock::now());
        let hashed = self.hasher.hash_for_call(password, salt).await;
        on_hashed(clock::now().saturating_duration_since(began));
        let request = TemporaryPasswordRequest { caller, unit, login, hash: hashed? };
        let change = ChangeRequest {
            contract: contract_number,
            source: AuditSource::Phone(Some(caller)),
            unit: Some(unit),
            session: None,
        };
        let decide = |snapshot: Option<&_>| decide(snapshot, &request);
        self.db.apply(draw_key(), &change, decide).await.map_err(AuthError::from_change)
    }

    /// How long the next call to be hashed for has waited.
    #[must_use]
    pub fn call_hash_wait(&self, now: Instant) -> Duration {
        self.hasher.call_wait(now)
    }

    /// Audits a call that ended without a password (`D3`).
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn record_refused_call(
        &self,
        caller: Option<PhoneNumber>,
        contract: Option<PhoneNumber>,
        refusal: Refusal,
    ) -> Result<(), DbError> {
        let scope = AuditScope { source: AuditSource::Phone(caller), contract, unit: None };
        let entry = AuditEntry { event: AuditEvent::Call(refusal), login: None };
        self.db.record(draw_key(), &scope, entry).await
    }
}
