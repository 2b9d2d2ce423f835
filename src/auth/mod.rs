//! Who may log in, what a session may do, and what it changes. The phone line, the pages and the
//! API are equal clients of one [`AuthService`].
//!
//! A request is a value, and the answer is a verdict that its client only has to `match` on. A
//! password is compared without a lock. The database decides afterwards, and the comparison counts
//! only if the credential is still the one that was compared (`C2`, `C3`). A request whose client
//! leaves before its statement is sent has no effect; afterwards it stands.

mod change_password;
mod change_unit;
mod client_secret;
mod ended_tokens;
mod form_id;
mod login;
mod seal;
mod session_state;
mod temporary_password;
mod token;
mod unit_progress;

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

pub use change_password::ChangePassword;
pub use change_unit::ChangeUnit;
pub use client_secret::{ClientSecret, InvalidClientSecret};
pub use form_id::FormId;
pub use login::{LoginAttempt, LoginRefusal, LoginVerdict};
pub use seal::Seals;
pub use session_state::SessionState;
pub use temporary_password::{HashAhead, IssueOutcome};
pub use token::{Audience, SessionToken};
pub use unit_progress::ComparedCount;

use crate::db::session::SessionLookup;
use crate::db::{Db, DbError, DbFailure, EndedSession, IdempotencyKey};
use crate::hashing::{HashError, Hasher, Renewed, Salt};
use domain::access::Access;
use domain::common_passwords::CommonPasswords;
use domain::contract::Contract;
use domain::password::{NewPassword, PhcString, Rejection, SubmittedPassword, Verification};
use domain::phone_number::PhoneNumber;
use domain::policy::unit::{self, UnitChoices};
use domain::session::TokenDigest;
use ended_tokens::EndedTokens;
use unit_progress::UnitProgress;

/// Logs subscribers in and changes their credentials; cheap to clone.
#[derive(Debug, Clone)]
pub struct AuthService {
    db: Db,
    hasher: Hasher,
    /// The idle time after which a session ends (`W5`).
    idle: Duration,
    /// The passwords that are refused as too common (`C5`).
    common_passwords: Arc<RwLock<CommonPasswords>>,
    ended_tokens: Arc<EndedTokens>,
    unit_progress: Arc<UnitProgress>,
}

/// There is no verdict. Nothing was changed or counted, unless the answer to a commit was lost.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A hash or a verification failed, or the queue is full.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database cannot be reached.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A change was sent, and its outcome is unknown.
    #[error("a change may have been made: {0}")]
    OutcomeUnknown(DbFailure),
}

impl AuthError {
    /// The error of a change, whose outcome may be unknown.
    fn from_change(error: DbError) -> Self {
        match error {
            DbError::NotCommitted(_) => Self::Db(error),
            DbError::OutcomeUnknown(failure) => Self::OutcomeUnknown(failure),
        }
    }
}

impl AuthService {
    /// A service whose sessions end after `idle` without use (`W5`).
    #[must_use]
    pub fn new(db: Db, hasher: Hasher, idle: Duration) -> Self {
        let (common_passwords, ended_tokens) = (Arc::default(), Arc::default());
        let unit_progress = Arc::default();
        Self { db, hasher, idle, common_passwords, ended_tokens, unit_progress }
    }

    /// Refuses these passwords from now on, and no others, as too common (`C5`).
    pub fn replace_common_passwords(&self, passwords: CommonPasswords) {
        *self.common_passwords.write().unwrap_or_else(PoisonError::into_inner) = passwords;
    }

    /// Checks a new password by itself, see [`NewPassword::check`].
    ///
    /// # Errors
    /// Every reason against it.
    pub fn check_new_password(
        &self,
        current: &SubmittedPassword,
        new: &SubmittedPassword,
        confirmation: &SubmittedPassword,
    ) -> Result<NewPassword, Vec<Rejection>> {
        let common = self.common_passwords.read().unwrap_or_else(PoisonError::into_inner);
        NewPassword::check(current, new, confirmation, &common)
    }

    /// The contract that `number` belongs to; `None` if no contract has it.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    pub async fn contract_of(&self, number: PhoneNumber) -> Result<Option<Contract>, DbError> {
        self.db.contract_of(number).await
    }

    /// The session of a token. A look at a live session counts as use.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    pub async fn session(
        &self,
        token: &SessionToken,
        audience: Audience,
    ) -> Result<SessionState, DbError> {
        let digest = token.digest(audience);
        if let Some(known) = self.ended_tokens.get(digest) {
            return Ok(known);
        }
        let (session, end) = match self.db.session(digest, self.idle).await? {
            SessionLookup::Live(session) => (session, None),
            SessionLookup::Idle(session) => (session, Some(SessionState::Idle)),
            SessionLookup::PastLifetime(session) => (session, Some(SessionState::PastLifetime)),
            SessionLookup::None => return self.ended_session(digest).await,
        };
        // Whatever ended it, another login would be refused.
        let expired = session.expired_temporary().map(SessionState::TemporaryExpired);
        Ok(expired.or(end).unwrap_or_else(|| {
            let history = Box::new(session.history);
            let access = Access::for_session(*session, self.idle);
            access
                .map_or(SessionState::None, |access| SessionState::Live(Box::new(access), history))
        }))
    }

    /// How a session that the database does not have any more has ended.
    async fn ended_session(&self, digest: TokenDigest) -> Result<SessionState, DbError> {
        let state = match self.db.ended_session(digest, self.idle).await? {
            // It is found for as long as a session may be idle, and may be large.
            Some(EndedSession::UnitChanged(changed)) => {
                return Ok(SessionState::UnitChanged(Box::new(changed)));
            }
            Some(EndedSession::WrongEntries(unit)) => SessionState::WrongEntries(unit),
            Some(EndedSession::LoggedOut) => SessionState::LoggedOut,
            Some(EndedSession::PasswordChanged) => SessionState::PasswordChanged,
            None => SessionState::None,
        };
        self.ended_tokens.insert(digest, state.clone());
        Ok(state)
    }

    /// Notes that a session's client has seen `version` of the contract. Its next request is
    /// compared with it (`W6`, [`FormVersion::Session`](unit::FormVersion::Session)).
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    pub async fn mark_seen(
        &self,
        token: &SessionToken,
        audience: Audience,
        access: &Access,
        version: i64,
    ) -> Result<(), DbError> {
        if access.seen_version == version {
            return Ok(());
        }
        self.db.mark_seen(token.digest(audience), version).await
    }

    /// Ends a session at once, on the server (`W5`); one that has ended stays ended.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    pub async fn log_out(
        &self,
        token: &SessionToken,
        audience: Audience,
        address: IpAddr,
    ) -> Result<(), DbError> {
        self.db.end_session(token.digest(audience), address).await
    }

    /// The choices of a unit change for a session. `None` if it may not change the unit (`U2`,
    /// `C6`), or has ended.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    pub async fn unit_choices(
        &self,
        token: &SessionToken,
        audience: Audience,
        access: &Access,
    ) -> Result<Option<UnitChoices>, DbError> {
        let snapshot = self.db.snapshot(access.contract_number, token.digest(audience)).await?;
        Ok(snapshot.as_ref().and_then(unit::choices))
    }

    /// How far the unit change that a session has sent to this daemon has come (`U4`).
    #[must_use]
    pub fn unit_progress(&self, token: &SessionToken, audience: Audience) -> Option<ComparedCount> {
        self.unit_progress.for_session(token.digest(audience))
    }

    /// Compares a submitted password with a stored hash, or with the dummy hash: one hash operation
    /// either way, in the turn of `address`.
    async fn compare(
        &self,
        login_number: PhoneNumber,
        password: SubmittedPassword,
        stored: Option<PhcString>,
        rehash: Option<Salt>,
        address: IpAddr,
    ) -> Result<Verification<Renewed>, HashError> {
        let verified = self.hasher.verify_for_login(password, stored, rehash, address).await?;
        if let Verification::Unverifiable(reason) = &verified {
            tracing::error!(login = ?login_number, reason, "a stored hash cannot be verified");
        }
        Ok(verified)
    }
}

fn draw_key() -> IdempotencyKey {
    IdempotencyKey::draw(&mut rand::rng())
}
