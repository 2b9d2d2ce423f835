//! What a login is good for (`W1`, `C6`), pure; made anew from the contract at every request.

use std::time::Duration;

use jiff::Timestamp;

use crate::db::session::Session;
use domain::auth_unit::AuthUnit;
use domain::contract::{Contract, Role};
use domain::credential::{CredentialKind, PasswordChange};
use domain::phone_number::PhoneNumber;
use domain::rules;

/// What a login is good for, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The login number.
    pub login: PhoneNumber,
    /// The contract number.
    pub contract: PhoneNumber,
    /// The unit in force.
    pub unit: AuthUnit,
    /// What the login may do under it.
    pub role: Role,
    /// The numbers that it configures.
    pub numbers: Vec<PhoneNumber>,
    /// Why it is good for nothing but changing the password (`C6`).
    pub password_change: Option<PasswordChange>,
    /// When the password was set, by the database's clock.
    pub set_at: Timestamp,
    /// Until when the password is good.
    pub password_expires_at: Timestamp,
    /// When the session ends if it is not used again (`W5`).
    pub expires_at: Timestamp,
    /// The database's time at which all this is so.
    pub now: Timestamp,
    /// The contract's version that this was made from (`W6`).
    pub contract_version: i64,
    /// The version that the session's client was last told of (`W6`).
    pub seen_version: i64,
}

impl Access {
    /// What `login` is good for with a credential of `kind` set at `set_at`; `None` if it does not
    /// log in under the unit in force, the credential is past its end, or the contract is suspended.
    #[must_use]
    pub fn new(
        contract: &Contract,
        login: PhoneNumber,
        kind: CredentialKind,
        set_at: Timestamp,
        now: Timestamp,
    ) -> Option<Self> {
        if contract.suspended || kind.is_expired(set_at, now) {
            return None;
        }
        let role = contract.role(login)?;
        Some(Self {
            login,
            contract: contract.number,
            unit: contract.unit?,
            role,
            numbers: contract.configurable(role, login),
            password_change: kind.must_change(set_at, now),
            set_at,
            password_expires_at: kind.expires_at(set_at),
            expires_at: now,
            now,
            contract_version: contract.version,
            seen_version: contract.version,
        })
    }

    /// What a session is good for now; `None` if its number does not log in any more.
    #[must_use]
    pub fn for_session(session: Session, idle: Duration) -> Option<Self> {
        let Session { contract, login, kind, set_at, created_at, seen_version, seen_at, now } =
            session;
        let standing = Self::new(&contract, login, kind, set_at, now)?;
        Some(Self { seen_version, ..standing.until(created_at, seen_at, idle) })
    }

    /// The same, of a session that began at `now`.
    #[must_use]
    pub(super) fn starting(self, now: Timestamp, idle: Duration) -> Self {
        Self { now, ..self.until(now, now, idle) }
    }

    /// The same after the login's password was changed at `now`, of a session that begins with it.
    #[must_use]
    pub(super) fn with_new_password(
        self,
        old: CredentialKind,
        now: Timestamp,
        idle: Duration,
    ) -> Self {
        // A number that had none is asked for it by a change of the unit: that form shows more now (`W6`).
        let version = match old {
            CredentialKind::Temporary => self.contract_version + 1,
            CredentialKind::Password => self.contract_version,
        };
        let renewed = Self {
            password_change: None,
            set_at: now,
            password_expires_at: CredentialKind::Password.expires_at(now),
            contract_version: version,
            seen_version: version,
            ..self
        };
        renewed.starting(now, idle)
    }

    fn until(self, created_at: Timestamp, seen_at: Timestamp, idle: Duration) -> Self {
        let later = |from: Timestamp, by| from.saturating_add(by).unwrap_or(Timestamp::MAX);
        let expires_at = later(seen_at, idle).min(later(created_at, rules::MAX_SESSION_LIFETIME));
        Self { expires_at, ..self }
    }
}
