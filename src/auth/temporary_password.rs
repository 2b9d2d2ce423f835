//! Setting a temporary password by phone (`P9`) or for the help desk (`D4`), and calls that end
//! without one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{CryptoRng, RngExt as _};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::{AuthError, AuthService, draw_key};
use crate::clock;
use crate::db::DbError;
use crate::hashing::{HashError, Salt};
use domain::audit::{AuditEntry, AuditEvent, AuditScope, AuditSource};
use domain::auth_unit::AuthUnit;
use domain::change::ChangeRequest;
use domain::dialog::{NewTemporaryPassword, Refusal};
use domain::password::{PhcString, TemporaryPassword};
use domain::phone_number::PhoneNumber;
use domain::policy::temporary_password::{
    SetOutcome, TemporaryPasswordRequest, decide, decide_issue,
};
use domain::rules::TEMPORARY_PASSWORD_DIGITS;

/// The result of issuing a temporary password for the help desk.
#[derive(Debug)]
pub enum IssueOutcome {
    /// It is stored, under this unit.
    Issued(TemporaryPassword, AuthUnit),
    /// No contract has the number.
    UnknownNumber,
    /// The contract has no unit yet, and none was given.
    NoUnit,
    /// This unit is in force, and another one was given.
    OtherUnit(AuthUnit),
    /// The number does not log in under this unit, or the contract is suspended. Names the contract
    /// number.
    NoLogin(AuthUnit, PhoneNumber),
}

/// How long a hash that is made ahead waits for a confirmation. Begun at once, it would compete
/// with the guidance that answers the same digit.
const HASH_AHEAD_DELAY: Duration = Duration::from_millis(500);

/// A temporary password and its hash, which is ready or being made. Dropped, it is abandoned and
/// wiped.
#[derive(Debug)]
pub struct HashAhead {
    password: TemporaryPassword,
    confirmed: Arc<Notify>,
    hash: AbortOnDropHandle<Result<PhcString, HashError>>,
}

impl AuthService {
    /// Hashes a temporary password, after half a second or when it is confirmed. Calls `on_hashed`
    /// with the time that the hash took.
    pub fn hash_ahead(
        &self,
        password: TemporaryPassword,
        on_hashed: impl FnOnce(Duration) + Send + 'static,
    ) -> HashAhead {
        let (hasher, salt) = (self.hasher.clone(), Salt::draw(&mut rand::rng()));
        let (to_hash, confirmed) = (password.clone(), Arc::new(Notify::new()));
        let is_confirmed = Arc::clone(&confirmed);
        let hashing = async move {
            tokio::select! {
                () = tokio::time::sleep(HASH_AHEAD_DELAY) => {}
                () = is_confirmed.notified() => {}
            }
            let began = clock::now();
            let result = hasher.hash_for_call(to_hash, salt).await;
            on_hashed(clock::now().saturating_duration_since(began));
            result
        };
        let hash = AbortOnDropHandle::new(tokio::spawn(hashing.in_current_span()));
        HashAhead { password, confirmed, hash }
    }

    /// Stores a temporary password with its unit, in one transaction (`P9`). A future that is
    /// dropped before its commit is sent stores nothing (`P13`).
    ///
    /// # Errors
    /// [`AuthError`], among them [`HashError::Failed`] if `hash` belongs to another
    /// password.
    pub async fn set_temporary(
        &self,
        new: NewTemporaryPassword,
        hash: HashAhead,
    ) -> Result<SetOutcome, AuthError> {
        let NewTemporaryPassword { caller, contract_number, unit, login_number, password } = new;
        if !hash.password.matches(&password) {
            return Err(HashError::Failed("the hash belongs to another password".to_owned()).into());
        }
        hash.confirmed.notify_one();
        let hashed = hash.hash.await.map_err(|error| HashError::Failed(error.to_string()))?;
        let request = TemporaryPasswordRequest { caller, unit, login_number, hash: hashed? };
        let change = ChangeRequest {
            contract_number,
            source: AuditSource::Phone(Some(caller)),
            unit: Some(unit),
            session: None,
            entries: Vec::new(),
        };
        let decide = |snapshot: Option<&_>| decide(snapshot, &request);
        self.db.apply(draw_key(), &change, decide).await.map_err(AuthError::from_change)
    }

    /// Draws a temporary password for a login number, and stores it as one set by phone (`D4`). The
    /// unit in force stays; `unit` is for a contract without one. The database handle names the
    /// operator ([`Db::with_operator`](crate::db::Db::with_operator)).
    ///
    /// # Errors
    /// [`AuthError`] if there is no verdict.
    pub async fn issue_temporary(
        &self,
        login_number: PhoneNumber,
        unit: Option<AuthUnit>,
    ) -> Result<IssueOutcome, AuthError> {
        let Some(contract) = self.db.contract_of(login_number).await? else {
            return Ok(IssueOutcome::UnknownNumber);
        };
        let unit = match (contract.unit, unit) {
            (Some(in_force), Some(given)) if in_force != given => {
                return Ok(IssueOutcome::OtherUnit(in_force));
            }
            (Some(unit), _) | (None, Some(unit)) => unit,
            (None, None) => return Ok(IssueOutcome::NoUnit),
        };
        let password = draw_password(&mut rand::rng())?;
        let salt = Salt::draw(&mut rand::rng());
        let hash = self.hasher.hash_for_call(password.clone(), salt).await?;
        let request =
            TemporaryPasswordRequest { caller: contract.number, unit, login_number, hash };
        let change = ChangeRequest {
            contract_number: contract.number,
            source: AuditSource::Operator,
            unit: Some(unit),
            session: None,
            entries: Vec::new(),
        };
        let decide = |snapshot: Option<&_>| decide_issue(snapshot, &request);
        let outcome = self.db.apply(draw_key(), &change, decide).await;
        Ok(match outcome.map_err(AuthError::from_change)? {
            SetOutcome::Stored => IssueOutcome::Issued(password, unit),
            SetOutcome::Refused => IssueOutcome::NoLogin(unit, contract.number),
        })
    }

    /// Waiting time of the oldest call job.
    #[must_use]
    pub fn call_hash_wait(&self, now: Instant) -> Duration {
        self.hasher.call_wait(now)
    }

    /// Audits a call that ended without a password (`D3`).
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    pub async fn record_refused_call(
        &self,
        caller: Option<PhoneNumber>,
        contract_number: Option<PhoneNumber>,
        refusal: Refusal,
    ) -> Result<(), DbError> {
        let scope = AuditScope { source: AuditSource::Phone(caller), contract_number, unit: None };
        let entry = AuditEntry { event: AuditEvent::Call(refusal), login_number: None };
        self.db.record(draw_key(), &scope, entry).await
    }
}

fn draw_password(rng: &mut impl CryptoRng) -> Result<TemporaryPassword, HashError> {
    let digits: [u8; TEMPORARY_PASSWORD_DIGITS] =
        std::array::from_fn(|_| rng.random_range(b'0'..=b'9'));
    TemporaryPassword::try_from(&digits[..]).map_err(|error| HashError::Failed(error.to_string()))
}
