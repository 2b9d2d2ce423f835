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
    /// Raised by everything that changes what a form about the contract shows (`W6`).
    pub version: i64,
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

    /// Whether `caller` may set the password of `login` by phone and choose `unit` in doing so
    /// (`P2`, `P4`–`P6`, `P14`).
    #[must_use]
    pub fn may_set(&self, caller: Number, unit: Unit, login: Number) -> bool {
        let by_contract_number = caller == self.number;
        let is_caller = self.numbers.iter().any(|row| row.number == caller);
        let may_choose = by_contract_number || self.unit.is_none_or(|in_force| in_force == unit);
        let may_speak_for_login = match unit {
            Unit::Line => login == self.number,
            Unit::Number => self.has_service(login),
            Unit::AdminUser if by_contract_number => {
                login == self.number || self.has_service(login)
            }
            Unit::AdminUser => login == caller && self.has_service(login),
        };
        self.is_served() && is_caller && may_choose && may_speak_for_login
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
            version: 0,
        }
    }

    const CONTRACT: &str = "0612345600";
    const WITH_SERVICE: &str = "0612345601";
    const WITHOUT: &str = "0612345602";
    const FOREIGN: &str = "0799999999";

    #[test]
    fn p4_p5_p6_whose_password_a_caller_may_set() {
        let contract = contract(None);
        for (caller, unit, login, may) in [
            (CONTRACT, Unit::Line, CONTRACT, true),
            (WITHOUT, Unit::Line, CONTRACT, true),
            (CONTRACT, Unit::Line, WITH_SERVICE, false),
            (WITHOUT, Unit::Number, WITH_SERVICE, true),
            (CONTRACT, Unit::Number, CONTRACT, false),
            (CONTRACT, Unit::Number, FOREIGN, false),
            (CONTRACT, Unit::AdminUser, CONTRACT, true),
            (CONTRACT, Unit::AdminUser, WITH_SERVICE, true),
            (CONTRACT, Unit::AdminUser, WITHOUT, false),
            (WITH_SERVICE, Unit::AdminUser, WITH_SERVICE, true),
            (WITH_SERVICE, Unit::AdminUser, CONTRACT, false),
            (WITHOUT, Unit::AdminUser, WITHOUT, false),
            (WITHOUT, Unit::AdminUser, WITH_SERVICE, false),
            (FOREIGN, Unit::Line, CONTRACT, false),
        ] {
            assert_eq!(
                contract.may_set(number(caller), unit, number(login)),
                may,
                "{caller} sets {login} under {unit}"
            );
        }
    }

    #[test]
    fn p14_only_the_contract_number_chooses_another_unit() {
        for in_force in [Unit::Line, Unit::Number, Unit::AdminUser] {
            for chosen in [Unit::Line, Unit::Number, Unit::AdminUser] {
                let contract = contract(Some(in_force));
                let login = if chosen == Unit::Line { CONTRACT } else { WITH_SERVICE };
                assert!(contract.may_set(number(CONTRACT), chosen, number(login)));
                assert_eq!(
                    contract.may_set(number(WITH_SERVICE), chosen, number(login)),
                    chosen == in_force,
                    "{in_force} in force, {chosen} chosen"
                );
            }
        }
    }

    #[test]
    fn p2_nobody_sets_anything_on_a_contract_that_is_not_served() {
        let suspended = Contract { suspended: true, ..contract(None) };
        assert!(!suspended.may_set(number(CONTRACT), Unit::Line, number(CONTRACT)));
        let mut without_service = contract(None);
        without_service.numbers.iter_mut().for_each(|row| row.service = false);
        assert!(!without_service.may_set(number(CONTRACT), Unit::Line, number(CONTRACT)));
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
