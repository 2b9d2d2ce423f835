//! The passwords that a unit change requires, and its effect on each credential: table `U`.

use crate::auth_unit::AuthUnit;
use crate::contract::{Contract, Role};
use crate::credential::NumberCredential;
use crate::phone_number::PhoneNumber;
use crate::snapshot::Snapshot;
use crate::unit_outcome::{NewCredential, NewLogin};

/// A unit change, planned from the credentials of the contract's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChangePlan {
    /// The numbers whose passwords are required, in the order of the contract.
    pub required_passwords: Vec<PhoneNumber>,
    /// The numbers whose passwords are required and cannot be given, in the order of the contract.
    /// Any of them blocks the change (`U3`).
    pub blocked: Vec<PhoneNumber>,
    /// Every number that logs in afterwards, in the order of the contract (`W1`).
    pub logins: Vec<NewLogin>,
    /// Numbers whose temporary password becomes void (`U1`).
    pub voided: Vec<PhoneNumber>,
    /// Numbers that no longer log in and lose their credential (`U1`).
    pub dropped: Vec<PhoneNumber>,
}

impl UnitChangePlan {
    /// Plans the change of the snapshot's contract to `target` by the login number `initiator`,
    /// whose role allows it ([`may_change_unit`]).
    #[must_use]
    pub fn new(snapshot: &Snapshot, initiator: PhoneNumber, target: AuthUnit) -> Self {
        let Snapshot { contract, credentials, .. } = snapshot;
        let after = Contract { unit: Some(target), ..contract.clone() };
        let has_password =
            |number| credentials.iter().any(|row| row.number == number && row.has_password());
        let with = |number| match password_source(contract, target, number) {
            PasswordSource::Own | PasswordSource::OwnOrInitiator if has_password(number) => {
                NewCredential::Unchanged
            }
            PasswordSource::Initiator if number == initiator => NewCredential::Unchanged,
            PasswordSource::Own => NewCredential::Nothing,
            PasswordSource::OwnOrInitiator | PasswordSource::Initiator => {
                NewCredential::CopiedFromInitiator
            }
        };
        let is_void =
            |number| credentials.iter().any(|row| row.number == number && row.is_locked_out());
        let numbers = || contract.numbers();
        let logs_in_before = |number: &PhoneNumber| contract.role(*number).is_some();
        let logs_in_after = |number: &PhoneNumber| after.role(*number).is_some();
        let logins: Vec<NewLogin> = numbers()
            .filter(logs_in_after)
            .map(|number| NewLogin { number, with: with(number) })
            .collect();
        // Otherwise another number's subscriber, whose password is copied, would get the contract
        // number's rights.
        let is_unset_contract_number = |number: PhoneNumber| {
            let would_be_given =
                number == contract.number && number != initiator && logs_in_after(&number);
            would_be_given && contract.has_service(number) && !has_password(number)
        };
        let is_left_with_nothing = |row: &&NumberCredential| {
            let left = NewLogin { number: row.number, with: NewCredential::Nothing };
            row.has_temporary() && logins.contains(&left)
        };
        Self {
            required_passwords: numbers()
                .filter(|number| logs_in_before(number) && has_password(*number))
                .collect(),
            blocked: numbers()
                .filter(|number| {
                    logs_in_before(number) && is_void(*number) || is_unset_contract_number(*number)
                })
                .collect(),
            voided: credentials.iter().filter(is_left_with_nothing).map(|row| row.number).collect(),
            dropped: numbers().filter(|number| !logs_in_after(number)).collect(),
            logins,
        }
    }
}

/// Whether a login of `role` may change the unit at all (`U2`).
#[must_use]
pub fn may_change_unit(role: Role) -> bool {
    match role {
        Role::Line | Role::Number | Role::Admin => true,
        Role::User => false,
    }
}

/// Whose password a login number has after the change.
enum PasswordSource {
    Own,
    OwnOrInitiator,
    Initiator,
}

/// Table `U`, its third column: which password a login number gets.
fn password_source(contract: &Contract, target: AuthUnit, number: PhoneNumber) -> PasswordSource {
    match (contract.unit, target) {
        (Some(AuthUnit::Number), AuthUnit::Line)
        | (Some(AuthUnit::Line), AuthUnit::Number | AuthUnit::AdminUser) => {
            PasswordSource::Initiator
        }
        (Some(AuthUnit::Number), AuthUnit::AdminUser) if number == contract.number => {
            PasswordSource::OwnOrInitiator
        }
        (
            Some(AuthUnit::Number | AuthUnit::AdminUser) | None,
            AuthUnit::Number | AuthUnit::AdminUser,
        )
        | (Some(AuthUnit::AdminUser | AuthUnit::Line) | None, AuthUnit::Line) => {
            PasswordSource::Own
        }
    }
}

#[cfg(test)]
mod tests;
