//! How a login is compared, and when it is refused whatever the secret is (`W1`, `W2`, `C1`).

use jiff::Timestamp;

use crate::audit::LoginOutcome;
use crate::contract::Contract;
use crate::credential::Credential;
use crate::phone_number::PhoneNumber;

/// A number that wants to log in, as the database knows it.
#[derive(Debug)]
pub struct LoginCandidate {
    /// The contract of the number, with this number's line alone.
    pub contract: Contract,
    /// The number's credential.
    pub credential: Option<Credential>,
    /// The database's time.
    pub now: Timestamp,
}

/// The hash to compare a login's secret with.
#[derive(Debug)]
pub enum Comparison {
    /// The hash of this credential.
    Credential {
        /// The credential, with its hash.
        credential: Credential,
        /// The database's time.
        now: Timestamp,
    },
    /// The dummy hash: the login is refused whatever the secret is.
    Dummy {
        /// Why, for the audit row.
        outcome: LoginOutcome,
        /// The credential that has expired and becomes void.
        expired: Option<Credential>,
    },
}

/// Selects the hash to compare the secret of `login_number` with. The access of the login is
/// computed after a match.
#[must_use]
pub fn comparison(login_number: PhoneNumber, candidate: Option<LoginCandidate>) -> Comparison {
    let dummy = |outcome| Comparison::Dummy { outcome, expired: None };
    let Some(LoginCandidate { contract, credential, now }) = candidate else {
        return dummy(LoginOutcome::UnknownNumber);
    };
    if contract.suspended {
        return dummy(LoginOutcome::Suspended);
    }
    let Some(credential) = credential else { return dummy(LoginOutcome::NoCredential) };
    if credential.password_hash.is_none() {
        return dummy(LoginOutcome::Void);
    }
    if credential.is_expired(now) {
        return Comparison::Dummy { outcome: LoginOutcome::Expired, expired: Some(credential) };
    }
    match contract.role(login_number) {
        Some(_) => Comparison::Credential { credential, now },
        None => dummy(LoginOutcome::NotALogin),
    }
}
