//! A login number's credential, and how long it is valid for which purpose (`C1`, `C2`, `C6`).

use std::time::Duration;

use jiff::Timestamp;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::password::PhcString;
use crate::phone_number::PhoneNumber;
use crate::rules;

/// The id of a credential. A new credential has a new id, so a verdict on the old one cannot affect
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CredentialId(pub i64);

/// The two kinds of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum CredentialKind {
    /// A temporary password (仮パスワード), set by phone.
    Temporary,
    /// A password (パスワード), set on the site.
    Password,
}

/// Why a session may only change the password (`C6`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum PasswordChange {
    /// The login used a temporary password.
    Temporary,
    /// The password is older than [`rules::PASSWORD_MAX_AGE`].
    Expired,
}

impl PasswordChange {
    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A login number's credential, as last read from the database.
#[derive(Debug, Clone)]
pub struct Credential {
    /// See [`CredentialId`].
    pub id: CredentialId,
    /// Temporary or not.
    pub kind: CredentialKind,
    /// When it was set, by the database's clock.
    pub set_at: Timestamp,
    /// The hash as a PHC string; `None` once the credential is void.
    pub password_hash: Option<PhcString>,
    /// Failed logins and wrong current passwords in a row (`C2`).
    pub failed_attempts: i32,
}

/// A number of a contract with its credential.
#[derive(Debug, Clone)]
pub struct NumberCredential {
    /// The number that logs in with it.
    pub number: PhoneNumber,
    /// `None` if it never had one.
    pub credential: Option<Credential>,
}

impl NumberCredential {
    /// Whether it has a password of any age that was set on the site and is not void (table `U`).
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.has(CredentialKind::Password)
    }

    /// Whether it has a temporary password that is not void.
    #[must_use]
    pub fn has_temporary(&self) -> bool {
        self.has(CredentialKind::Temporary)
    }

    /// Whether wrong entries voided its credential and no other was set since (`U3`).
    #[must_use]
    pub fn is_locked_out(&self) -> bool {
        self.credential.as_ref().is_some_and(Credential::is_locked_out)
    }

    fn has(&self, kind: CredentialKind) -> bool {
        let credential = self.credential.as_ref();
        credential
            .is_some_and(|credential| credential.password_hash.is_some() && credential.kind == kind)
    }
}

impl CredentialKind {
    /// Its name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// How many wrong entries in a row void it (`C2`).
    #[must_use]
    pub fn max_failed_attempts(self) -> i32 {
        match self {
            Self::Temporary => rules::MAX_TEMPORARY_PASSWORD_FAILURES,
            Self::Password => rules::MAX_PASSWORD_FAILURES,
        }
    }

    /// How long it logs in (`C1`); `None` without a limit.
    #[must_use]
    pub fn lifetime(self) -> Option<Duration> {
        match self {
            Self::Temporary => Some(rules::TEMPORARY_PASSWORD_LIFETIME),
            Self::Password => None,
        }
    }

    /// When a credential that was set at `set_at` expires. A temporary password no longer logs in
    /// (`C1`); a session with a password may only change it (`C6`).
    #[must_use]
    pub fn expires_at(self, set_at: Timestamp) -> Timestamp {
        let life = match self {
            Self::Temporary => rules::TEMPORARY_PASSWORD_LIFETIME,
            Self::Password => rules::PASSWORD_MAX_AGE,
        };
        set_at.saturating_add(life).unwrap_or(Timestamp::MAX)
    }

    /// Whether a credential that was set at `set_at` is too old to log in (`C1`).
    #[must_use]
    pub fn is_expired(self, set_at: Timestamp, now: Timestamp) -> bool {
        self.lifetime().is_some() && now >= self.expires_at(set_at)
    }

    /// Why a session with a credential that was set at `set_at` may only change it (`C6`).
    #[must_use]
    pub fn must_change(self, set_at: Timestamp, now: Timestamp) -> Option<PasswordChange> {
        match self {
            Self::Temporary => Some(PasswordChange::Temporary),
            Self::Password => (now >= self.expires_at(set_at)).then_some(PasswordChange::Expired),
        }
    }
}

impl Credential {
    /// Whether wrong entries voided it (`C2`). Every other reason leaves the count below the limit,
    /// because the entry that reaches the limit voids the credential.
    #[must_use]
    pub fn is_locked_out(&self) -> bool {
        self.password_hash.is_none() && self.failed_attempts >= self.kind.max_failed_attempts()
    }

    /// Whether it is too old to log in (`C1`).
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.kind.is_expired(self.set_at, now)
    }

    /// Whether the next wrong entry voids it (`C2`).
    #[must_use]
    pub fn voids_on_next_failure(&self) -> bool {
        self.password_hash.is_some() && self.tries_left() <= 1
    }

    /// How many wrong entries from now on void it (`C2`).
    #[must_use]
    pub fn tries_left(&self) -> i32 {
        self.kind.max_failed_attempts() - self.failed_attempts
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    const SET_AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn credential(kind: CredentialKind) -> Credential {
        Credential {
            id: CredentialId(1),
            kind,
            set_at: SET_AT,
            password_hash: None,
            failed_attempts: 0,
        }
    }

    #[test]
    fn c1_at_24_hours_a_temporary_password_expires() {
        let at_24_hours = SET_AT + 24.hours();
        assert!(!credential(CredentialKind::Temporary).is_expired(at_24_hours - 1.microsecond()));
        assert!(credential(CredentialKind::Temporary).is_expired(at_24_hours));
        assert!(!credential(CredentialKind::Password).is_expired(SET_AT + (1000 * 24).hours()));
    }

    #[test]
    fn c6_a_temporary_password_or_one_of_60_days_only_changes_itself() {
        let at_60_days = SET_AT + (60 * 24).hours();
        let change = |kind: CredentialKind, now| kind.must_change(SET_AT, now);
        assert_eq!(change(CredentialKind::Temporary, SET_AT), Some(PasswordChange::Temporary));
        assert_eq!(change(CredentialKind::Password, at_60_days - 1.microsecond()), None);
        assert_eq!(change(CredentialKind::Password, at_60_days), Some(PasswordChange::Expired));
    }

    #[test]
    fn u3_only_a_count_at_its_limit_shows_that_wrong_entries_voided_it() {
        for (kind, failures, is_so) in [
            (CredentialKind::Temporary, 0, false),
            (CredentialKind::Temporary, 2, false),
            (CredentialKind::Temporary, 3, true),
            (CredentialKind::Password, 3, false),
            (CredentialKind::Password, 9, false),
            (CredentialKind::Password, 10, true),
        ] {
            let void = Credential { failed_attempts: failures, ..credential(kind) };
            assert_eq!(void.is_locked_out(), is_so, "{kind:?} {failures}");
            let live = Credential { password_hash: Some("a hash".to_owned().into()), ..void };
            assert!(!live.is_locked_out(), "{kind:?} {failures}");
        }
    }
}
