//! A contract: its numbers, which of them have the settings service, and the unit in force.

use strum::{IntoStaticStr, VariantNames};

use crate::auth_unit::AuthUnit;
use crate::phone_number::PhoneNumber;

/// One customer's line, as last read from the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// The contract number (契約番号); it may or may not have the service.
    pub number: PhoneNumber,
    /// Every number of the contract, the contract number's own row included.
    pub lines: Vec<ContractLine>,
    /// The unit in force; none before the first temporary password.
    pub unit: Option<AuthUnit>,
    /// Suspended by the operator: no password can be set, and no login succeeds.
    pub suspended: bool,
    /// Increases with every change that a form about the contract would show (`W6`).
    pub version: i64,
}

/// A number of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContractLine {
    /// The number itself.
    pub number: PhoneNumber,
    /// Whether it has the settings service.
    pub has_service: bool,
}

/// What a login may do under the unit in force (`W1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
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
        self.into()
    }
}

impl Contract {
    /// Its numbers, the contract number first.
    pub fn numbers(&self) -> impl Iterator<Item = PhoneNumber> + '_ {
        self.lines.iter().map(|line| line.number)
    }

    /// The numbers that have the settings service, in the order of the contract.
    pub fn service_numbers(&self) -> impl Iterator<Item = PhoneNumber> + '_ {
        self.lines.iter().filter(|line| line.has_service).map(|line| line.number)
    }

    /// Whether `number` is one of this contract's service numbers.
    #[must_use]
    pub fn has_service(&self, number: PhoneNumber) -> bool {
        self.service_numbers().any(|service| service == number)
    }

    /// Whether the phone line serves this contract's callers at all (`P2`).
    #[must_use]
    pub fn is_served(&self) -> bool {
        !self.suspended && self.service_numbers().next().is_some()
    }

    /// Whether `caller` may choose `unit` by phone: an additional number may choose only the unit
    /// in force (`P14`).
    #[must_use]
    pub fn may_choose(&self, caller: PhoneNumber, unit: AuthUnit) -> bool {
        caller == self.number || self.keeps_unit(unit)
    }

    /// Whether `unit` may come into force without a change: it is in force, or the contract has no
    /// unit yet.
    #[must_use]
    pub fn keeps_unit(&self, unit: AuthUnit) -> bool {
        self.unit.is_none_or(|in_force| in_force == unit)
    }

    /// Whether `caller` may set the password of `login_number` by phone, under `unit` (`P2`,
    /// `P4`–`P6`, `P14`).
    #[must_use]
    pub fn may_set(&self, caller: PhoneNumber, unit: AuthUnit, login_number: PhoneNumber) -> bool {
        let is_caller = self.lines.iter().any(|line| line.number == caller);
        let may_speak_for_number =
            unit != AuthUnit::AdminUser || caller == self.number || caller == login_number;
        let logs_in = self.role_under(unit, login_number).is_some();
        self.is_served()
            && is_caller
            && self.may_choose(caller, unit)
            && may_speak_for_number
            && logs_in
    }

    /// What `number` may do under the unit in force; `None` if it does not log in at all (`W1`).
    #[must_use]
    pub fn role(&self, number: PhoneNumber) -> Option<Role> {
        self.role_under(self.unit?, number)
    }

    /// What `number` may do while `unit` is in force; `None` if it does not log in at all (`W1`).
    #[must_use]
    pub fn role_under(&self, unit: AuthUnit, number: PhoneNumber) -> Option<Role> {
        self.role_of(unit, ContractLine { number, has_service: self.has_service(number) })
    }

    /// The same for a line of the contract, which need not be searched for (`U4`).
    pub(crate) fn role_of(&self, unit: AuthUnit, line: ContractLine) -> Option<Role> {
        let ContractLine { number, has_service } = line;
        let is_contract_number = number == self.number;
        match unit {
            AuthUnit::Line => is_contract_number.then_some(Role::Line),
            AuthUnit::Number => has_service.then_some(Role::Number),
            AuthUnit::AdminUser if is_contract_number => Some(Role::Admin),
            AuthUnit::AdminUser => has_service.then_some(Role::User),
        }
    }

    /// The numbers that a login of `role` as `login_number` configures (`W1`).
    #[must_use]
    pub fn configurable(&self, role: Role, login_number: PhoneNumber) -> Vec<PhoneNumber> {
        match role {
            Role::Line | Role::Admin => self.service_numbers().collect(),
            Role::Number | Role::User => vec![login_number],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone_number(text: &str) -> PhoneNumber {
        text.parse().unwrap()
    }

    /// Contract number without service, one additional number with it, one without.
    fn contract(unit: Option<AuthUnit>) -> Contract {
        let line =
            |text, service| ContractLine { number: phone_number(text), has_service: service };
        Contract {
            number: phone_number("0612345600"),
            lines: vec![
                line("0612345600", false),
                line("0612345601", true),
                line("0612345602", false),
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
        for (caller, unit, number, may) in [
            (CONTRACT, AuthUnit::Line, CONTRACT, true),
            (WITHOUT, AuthUnit::Line, CONTRACT, true),
            (CONTRACT, AuthUnit::Line, WITH_SERVICE, false),
            (WITHOUT, AuthUnit::Number, WITH_SERVICE, true),
            (CONTRACT, AuthUnit::Number, CONTRACT, false),
            (CONTRACT, AuthUnit::Number, FOREIGN, false),
            (CONTRACT, AuthUnit::AdminUser, CONTRACT, true),
            (CONTRACT, AuthUnit::AdminUser, WITH_SERVICE, true),
            (CONTRACT, AuthUnit::AdminUser, WITHOUT, false),
            (WITH_SERVICE, AuthUnit::AdminUser, WITH_SERVICE, true),
            (WITH_SERVICE, AuthUnit::AdminUser, CONTRACT, false),
            (WITHOUT, AuthUnit::AdminUser, WITHOUT, false),
            (WITHOUT, AuthUnit::AdminUser, WITH_SERVICE, false),
            (FOREIGN, AuthUnit::Line, CONTRACT, false),
        ] {
            assert_eq!(
                contract.may_set(phone_number(caller), unit, phone_number(number)),
                may,
                "{caller} sets {number} under {unit}"
            );
        }
    }

    #[test]
    fn p14_only_the_contract_number_chooses_another_unit() {
        for in_force in [AuthUnit::Line, AuthUnit::Number, AuthUnit::AdminUser] {
            for chosen in [AuthUnit::Line, AuthUnit::Number, AuthUnit::AdminUser] {
                let contract = contract(Some(in_force));
                let number = if chosen == AuthUnit::Line { CONTRACT } else { WITH_SERVICE };
                assert!(contract.may_set(phone_number(CONTRACT), chosen, phone_number(number)));
                assert_eq!(
                    contract.may_set(phone_number(WITH_SERVICE), chosen, phone_number(number)),
                    chosen == in_force,
                    "{in_force} in force, {chosen} chosen"
                );
            }
        }
    }

    #[test]
    fn p2_nothing_is_set_on_a_contract_that_is_not_served() {
        let suspended = Contract { suspended: true, ..contract(None) };
        assert!(!suspended.may_set(phone_number(CONTRACT), AuthUnit::Line, phone_number(CONTRACT)));
        let mut without_service = contract(None);
        without_service.lines.iter_mut().for_each(|line| line.has_service = false);
        assert!(!without_service.may_set(
            phone_number(CONTRACT),
            AuthUnit::Line,
            phone_number(CONTRACT)
        ));
    }

    #[test]
    fn w1_line_only_the_contract_number_logs_in_for_every_service_number() {
        let contract = contract(Some(AuthUnit::Line));
        assert_eq!(contract.role(phone_number("0612345600")), Some(Role::Line));
        assert_eq!(contract.role(phone_number("0612345601")), None);
        assert_eq!(
            contract.configurable(Role::Line, phone_number("0612345600")),
            [phone_number("0612345601")]
        );
    }

    #[test]
    fn w1_number_each_service_number_logs_in_for_itself() {
        let contract = contract(Some(AuthUnit::Number));
        assert_eq!(contract.role(phone_number("0612345600")), None);
        assert_eq!(contract.role(phone_number("0612345601")), Some(Role::Number));
        assert_eq!(contract.role(phone_number("0612345602")), None);
        assert_eq!(
            contract.configurable(Role::Number, phone_number("0612345601")),
            [phone_number("0612345601")]
        );
    }

    #[test]
    fn w1_admin_user_the_contract_number_administers_and_users_log_in_for_themselves() {
        let contract = contract(Some(AuthUnit::AdminUser));
        assert_eq!(contract.role(phone_number("0612345600")), Some(Role::Admin));
        assert_eq!(contract.role(phone_number("0612345601")), Some(Role::User));
        assert_eq!(contract.role(phone_number("0612345602")), None);
        assert_eq!(
            contract.configurable(Role::Admin, phone_number("0612345600")),
            [phone_number("0612345601")]
        );
        assert_eq!(
            contract.configurable(Role::User, phone_number("0612345601")),
            [phone_number("0612345601")]
        );
    }

    #[test]
    fn w1_nobody_logs_in_before_a_unit_is_in_force() {
        assert_eq!(contract(None).role(phone_number("0612345600")), None);
    }
}
