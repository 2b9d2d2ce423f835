//! The access of a session (`W1`, `C6`), computed from the contract at each request.

use std::time::Duration;

use jiff::Timestamp;

use crate::auth_unit::AuthUnit;
use crate::contract::{Contract, Role};
use crate::credential::{CredentialKind, PasswordChange};
use crate::phone_number::PhoneNumber;
use crate::session::{SessionLimits, StoredSession};

/// What a session may do, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The number that has logged in.
    pub login_number: PhoneNumber,
    /// Of the contract that `login_number` belongs to.
    pub contract_number: PhoneNumber,
    /// In force now; it decides `role` and `numbers`.
    pub unit: AuthUnit,
    /// The part that `login_number` has under `unit`.
    pub role: Role,
    /// The numbers whose settings `login_number` may change (`W1`).
    pub numbers: Vec<PhoneNumber>,
    /// Why the session may only change its password (`C6`).
    pub password_change: Option<PasswordChange>,
    /// When the password was set, by the database's clock.
    pub set_at: Timestamp,
    /// When the password ends (`C1`), or has to be changed (`C6`).
    pub password_expires_at: Timestamp,
    /// Whether strangers' wrong entries have voided the password of this session (`C2`).
    pub is_void: bool,
    /// When the session ends unless it is used again (`W5`).
    pub expires_at: Timestamp,
    /// When the session ends in any case (`W5`).
    pub lifetime_ends_at: Timestamp,
    /// The database's time when this was computed.
    pub now: Timestamp,
    /// The contract's version that this was computed from (`W6`).
    pub contract_version: i64,
    /// The version that the session's client has seen last (`W6`).
    pub seen_version: i64,
}

impl Access {
    /// The access of `login_number` with a credential of `kind` that was set at `set_at`. `None` if
    /// it does not log in under the unit in force, the credential has expired, or the contract is
    /// suspended.
    #[must_use]
    pub fn new(
        contract: &Contract,
        login_number: PhoneNumber,
        kind: CredentialKind,
        set_at: Timestamp,
        now: Timestamp,
    ) -> Option<Self> {
        if contract.suspended || kind.is_expired(set_at, now) {
            return None;
        }
        let role = contract.role(login_number)?;
        Some(Self {
            login_number,
            contract_number: contract.number,
            unit: contract.unit?,
            role,
            numbers: contract.configurable(role, login_number),
            password_change: kind.must_change(set_at, now),
            set_at,
            password_expires_at: kind.expires_at(set_at),
            is_void: false,
            expires_at: now,
            lifetime_ends_at: now,
            now,
            contract_version: contract.version,
            seen_version: contract.version,
        })
    }

    /// The access of a session; `None` if its number no longer logs in.
    #[must_use]
    pub fn for_session(session: StoredSession, idle: Duration) -> Option<Self> {
        let StoredSession { contract, login_number, kind, set_at, is_void, created_at, .. } =
            session;
        let access = Self::new(&contract, login_number, kind, set_at, session.now)?;
        let seen_version = session.seen_version;
        let access = access.until(created_at, session.last_seen_at, idle);
        Some(Self { is_void, seen_version, ..access })
    }

    /// The access of a session that begins at `now`.
    #[must_use]
    pub fn starting(self, now: Timestamp, idle: Duration) -> Self {
        Self { now, ..self.until(now, now, idle) }
    }

    /// The access of the session that begins when a new password replaces a credential of kind
    /// `old` at `now`.
    #[must_use]
    pub(crate) fn with_new_password(
        self,
        old: CredentialKind,
        now: Timestamp,
        idle: Duration,
    ) -> Self {
        // The form of a unit change now asks for this number's password (`W6`).
        let version = match old {
            CredentialKind::Temporary => self.contract_version + 1,
            CredentialKind::Password => self.contract_version,
        };
        let renewed = Self {
            password_change: None,
            set_at: now,
            password_expires_at: CredentialKind::Password.expires_at(now),
            is_void: false,
            contract_version: version,
            seen_version: version,
            ..self
        };
        renewed.starting(now, idle)
    }

    fn until(self, created_at: Timestamp, seen_at: Timestamp, idle: Duration) -> Self {
        let limits = SessionLimits::new(created_at, seen_at, idle);
        Self { expires_at: limits.ends_at(), lifetime_ends_at: limits.lifetime_ends_at, ..self }
    }
}
