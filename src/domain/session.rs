//! Sessions (`W5`), as the database keeps them.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::auth_unit::AuthUnit;
use crate::contract::Contract;
use crate::credential::CredentialKind;
use crate::phone_number::PhoneNumber;
use crate::rules;

/// SHA-256 of a session's token, by which the database finds the session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest(pub [u8; 32]);

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

/// A session as the database keeps it.
#[derive(Debug)]
pub struct StoredSession {
    /// The contract of its login number.
    pub contract: Contract,
    /// The number that has logged in.
    pub login_number: PhoneNumber,
    /// The kind of credential that it began with.
    pub kind: CredentialKind,
    /// When that credential was set.
    pub set_at: Timestamp,
    /// Whether strangers' wrong entries have voided that credential (`C2`).
    pub is_void: bool,
    /// When the session began.
    pub created_at: Timestamp,
    /// The version of the contract that its client has seen last (`W6`).
    pub seen_version: i64,
    /// When it was last used. Use within a fifteenth of the idle time is not written again.
    pub last_seen_at: Timestamp,
    /// The database's time.
    pub now: Timestamp,
    /// The history of its login number.
    pub history: LoginHistory,
}

impl StoredSession {
    /// The contract's unit, if the session's temporary password has expired (`C1`).
    #[must_use]
    pub fn expired_temporary(&self) -> Option<AuthUnit> {
        self.contract.unit.filter(|_| self.kind.is_expired(self.set_at, self.now))
    }
}

/// When a session ends (`W5`).
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Unless it is used again.
    pub idle_ends_at: Timestamp,
    /// In any case.
    pub lifetime_ends_at: Timestamp,
}

impl SessionLimits {
    /// Of a session that ends after `idle` without use.
    #[must_use]
    pub fn new(created_at: Timestamp, last_seen_at: Timestamp, idle: Duration) -> Self {
        let later = |from: Timestamp, by| from.saturating_add(by).unwrap_or(Timestamp::MAX);
        Self {
            idle_ends_at: later(last_seen_at, idle),
            lifetime_ends_at: later(created_at, rules::MAX_SESSION_LIFETIME),
        }
    }

    /// Whichever comes first.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.idle_ends_at.min(self.lifetime_ends_at)
    }
}

/// The part of a login number's history that the top page shows (`W11`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoginHistory {
    /// The login before the last one; `None` if there was none.
    pub previous_login: Option<PreviousLogin>,
    /// Wrong entries since then.
    pub failed_attempts: i32,
    /// The last temporary password that was set; `None` if there was none.
    pub temporary_password_set: Option<TemporaryPasswordSet>,
}

/// An earlier login of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousLogin {
    /// When it began.
    pub at: Timestamp,
    /// Where it came from, if that is known.
    pub address: Option<IpAddr>,
}

/// A temporary password that was set for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemporaryPasswordSet {
    /// When it was stored, by the database's clock.
    pub at: Timestamp,
    /// The number that called; `None` if an operator set it.
    pub caller: Option<PhoneNumber>,
}
