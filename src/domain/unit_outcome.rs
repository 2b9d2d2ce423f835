//! The outcome of a unit change: who logs in afterwards, and with which password (`W1`, table `U`).

use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::auth_unit::AuthUnit;
use crate::credential::CredentialKind;
use crate::phone_number::PhoneNumber;

/// A unit change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChanged {
    /// The unit now in force.
    pub unit: AuthUnit,
    /// The login number that made the change.
    pub initiator: PhoneNumber,
    /// Every number that logs in now, and with which password (`W1`).
    pub logins: Vec<NewLogin>,
    /// The credentials that are void or replaced (`U1`).
    pub lost: Vec<LostCredential>,
}

/// A credential that a unit change takes from its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostCredential {
    /// The number that has lost it.
    pub number: PhoneNumber,
    /// Whether it is a password or a temporary password.
    pub kind: CredentialKind,
}

/// A number that logs in under the new unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewLogin {
    /// A service number, or the contract number (`W1`).
    pub number: PhoneNumber,
    /// The password that it logs in with.
    pub with: NewCredential,
}

/// The password that a number logs in with after a unit change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
pub enum NewCredential {
    /// The password that it had.
    #[strum(serialize = "own")]
    Unchanged,
    /// The password of the login that made the change.
    #[strum(serialize = "changers")]
    CopiedFromInitiator,
    /// Nothing: a temporary password must be set by phone first.
    #[strum(serialize = "none")]
    Nothing,
}

impl NewCredential {
    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
