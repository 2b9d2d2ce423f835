//! A contract: its numbers, which of them have the settings service, and the unit in force.

use crate::number::Number;
use crate::unit::Unit;

/// One customer's line, as the store last saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// The contract number (契約番号); it may or may not have the service.
    pub number: Number,
    /// Every number of the contract, the contract number's own row included.
    pub numbers: Vec<ContractNumber>,
    /// The unit in force; none before the first temporary password.
    pub unit: Option<Unit>,
    /// Suspended by the operator: nobody sets a password or logs in.
    pub suspended: bool,
}

/// A number of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContractNumber {
    /// The number itself.
    pub number: Number,
    /// Whether it has the settings service.
    pub service: bool,
}

/// What a login may do under the unit in force (`W1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The contract number under `line`: every service number.
    Line,
    /// A service number under `number`: itself.
    Number,
    /// The contract number under `admin_user`: every service number.
    Admin,
    /// An additional service number under `admin_user`: itself.
    User,
}

impl Role {
    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Number => "number",
            Self::Admin => "admin",
            Self::User => "user",
        }
    }
}

impl Contract {
    /// The numbers that have the settings service, in the order of the contract.
    pub fn service_numbers(&self) -> impl Iterator<Item = Number> + '_ {
        self.numbers.iter().filter(|row| row.service).map(|row| row.number)
    }

    /// Whether `number` is one of this contract's service numbers.
    #[must_use]
    pub fn has_service(&self, number: Number) -> bool {
        self.service_numbers().any(|service| service == number)
    }

    /// Whether the phone line serves this contract's callers at all (`P2`).
    #[must_use]
    pub fn is_served(&self) -> bool {
        !self.suspended && self.service_numbers().next().is_some()
    }

    /// What `login` may do under the unit in force; `None` if it does not log in at all (`W1`).
    #[must_use]
    pub fn role_of(&self, login: Number) -> Option<Role> {
        let is_contract_number = login == self.number;
        match self.unit? {
            Unit::Line => is_contract_number.then_some(Role::Line),
            Unit::Number => self.has_service(login).then_some(Role::Number),
            Unit::AdminUser if is_contract_number => Some(Role::Admin),
            Unit::AdminUser => self.has_service(login).then_some(Role::User),
        }
    }

    /// The numbers that a login of `role` as `login` configures (`W1`).
    #[must_use]
    pub fn configurable(&self, role: Role, login: Number) -> Vec<Number> {
        match role {
            Role::Line | Role::Admin => self.service_numbers().collect(),
            Role::Number | Role::User => vec![login],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    /// Contract number without service, one additional number with it, one without.
    fn contract(unit: Option<Unit>) -> Contract {
        let row = |text, service| ContractNumber { number: number(text), service };
        Contract {
            number: number("0612345600"),
            numbers: vec![
                row("0612345600", false),
                row("0612345601", true),
                row("0612345602", false),
            ],
            unit,
            suspended: false,
        }
    }

    #[test]
    fn w1_line_only_the_contract_number_logs_in_for_every_service_number() {
        let contract = contract(Some(Unit::Line));
        assert_eq!(contract.role_of(number("0612345600")), Some(Role::Line));
        assert_eq!(contract.role_of(number("0612345601")), None);
        assert_eq!(contract.configurable(Role::Line, number("0612345600")), [number("0612345601")]);
    }

    #[test]
    fn w1_number_each_service_number_logs_in_for_itself() {
        let contract = contract(Some(Unit::Number));
        assert_eq!(contract.role_of(number("0612345600")), None);
        assert_eq!(contract.role_of(number("0612345601")), Some(Role::Number));
        assert_eq!(contract.role_of(number("0612345602")), None);
        assert_eq!(
            contract.configurable(Role::Number, number("0612345601")),
            [number("0612345601")]
        );
    }

    #[test]
    fn w1_admin_user_the_contract_number_administers_and_users_log_in_for_themselves() {
        let contract = contract(Some(Unit::AdminUser));
        assert_eq!(contract.role_of(number("0612345600")), Some(Role::Admin));
        assert_eq!(contract.role_of(number("0612345601")), Some(Role::User));
        assert_eq!(contract.role_of(number("0612345602")), None);
        assert_eq!(
            contract.configurable(Role::Admin, number("0612345600")),
            [number("0612345601")]
        );
        assert_eq!(contract.configurable(Role::User, number("0612345601")), [number("0612345601")]);
    }

    #[test]
    fn w1_nobody_logs_in_before_a_unit_is_in_force() {
        assert_eq!(contract(None).role_of(number("0612345600")), None);
    }
}
