//! The passwords that a unit change requires, and its effect on each credential: table `U`.

use std::collections::BTreeMap;

use crate::auth_unit::AuthUnit;
use crate::contract::{Contract, ContractLine, Role};
use crate::credential::NumberCredential;
use crate::phone_number::PhoneNumber;
use crate::snapshot::Snapshot;
use crate::unit_outcome::{NewCredential, NewLogin};

/// A unit change, planned from the credentials of the contract's numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
        let credentials: BTreeMap<PhoneNumber, &NumberCredential> =
            credentials.iter().map(|row| (row.number, row)).collect();
        let mut plan = Self::default();
        for line in &contract.lines {
            let ContractLine { number, has_service } = *line;
            let role_under = |unit| contract.role_of(unit, *line);
            let credential = credentials.get(&number);
            let has_password = credential.is_some_and(|row| row.has_password());
            let is_locked_out = credential.is_some_and(|row| row.is_locked_out());
            let logs_in_before = contract.unit.and_then(role_under).is_some();
            let logs_in_after = role_under(target).is_some();
            if logs_in_before && has_password {
                plan.required_passwords.push(number);
            }
            // Otherwise another number's subscriber, whose password is copied, would get the
            // contract number's rights.
            let is_unset_contract_number = number == contract.number
                && number != initiator
                && logs_in_after
                && has_service
                && !has_password;
            if logs_in_before && is_locked_out || is_unset_contract_number {
                plan.blocked.push(number);
            }
            if logs_in_after {
                let source = password_source(contract, target, number);
                let with = source.new_credential(has_password, number == initiator);
                if with == NewCredential::Nothing
                    && credential.is_some_and(|row| row.has_temporary())
                {
                    plan.voided.push(number);
                }
                plan.logins.push(NewLogin { number, with });
            } else {
                plan.dropped.push(number);
            }
        }
        plan
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

impl PasswordSource {
    /// What a number's credential becomes.
    fn new_credential(self, has_password: bool, is_initiator: bool) -> NewCredential {
        match self {
            Self::Own | Self::OwnOrInitiator if has_password => NewCredential::Unchanged,
            Self::Initiator if is_initiator => NewCredential::Unchanged,
            Self::Own => NewCredential::Nothing,
            Self::OwnOrInitiator | Self::Initiator => NewCredential::CopiedFromInitiator,
        }
    }
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
