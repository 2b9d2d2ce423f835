//! The steps of the dialog, and the effect of an entry in each (`P3`–`P8`, `P14`), without time or
//! sound.

use super::digits::{Completion, DigitBuffer};
use super::progress::{StepName, WrongEntry};
use super::prompt::Prompt;
use super::{LookupResult, NewTemporaryPassword};
use crate::auth_unit::AuthUnit;
use crate::contract::Contract;
use crate::password::TemporaryPassword;
use crate::phone_number::PhoneNumber;

/// A caller whose contract the line serves.
#[derive(Debug)]
pub(super) struct ServedCaller {
    caller: PhoneNumber,
    contract: Box<Contract>,
}

/// Whether the line serves a caller (`P2`).
#[derive(Debug)]
pub(super) enum Eligibility {
    Served(ServedCaller),
    NotAvailable,
    Unreachable,
}

impl ServedCaller {
    pub(super) fn admit(caller: PhoneNumber, found: LookupResult) -> Eligibility {
        match found {
            LookupResult::Found(contract) if contract.is_served() => {
                Eligibility::Served(Self { caller, contract })
            }
            LookupResult::Found(_) | LookupResult::Unknown => Eligibility::NotAvailable,
            LookupResult::Unreachable => Eligibility::Unreachable,
        }
    }

    fn is_contract_number(&self) -> bool {
        self.caller == self.contract.number
    }

    fn may_set_own(&self, unit: AuthUnit) -> bool {
        self.contract.may_set(self.caller, unit, self.caller)
    }
}

/// The target of a temporary password.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    unit: AuthUnit,
    login_number: PhoneNumber,
    /// Whether the guidance says 登録したい (`P6`).
    registers: bool,
}

/// The entry that the line waits for.
#[derive(Debug)]
pub(super) enum Step {
    /// The unit (`P3`).
    Menu,
    /// The login number under this unit (`P5`).
    Number(AuthUnit),
    /// The temporary password (`P7`).
    Password(Target),
    /// The same password again (`P8`).
    Confirm(Target, TemporaryPassword),
}

/// The result of an entry.
#[derive(Debug)]
pub(super) enum Verdict {
    /// On to this step.
    Next(Step),
    /// A wrong entry: the same step again.
    Wrong(WrongEntry),
    /// The two passwords differ: a wrong entry, and back to this step (`P8`).
    Differs(Step),
    /// Both agree (`P9`).
    Store(NewTemporaryPassword),
    /// A user's number without service (`P6`).
    NotAvailable,
}

impl Step {
    pub(super) fn name(&self) -> StepName {
        match self {
            Self::Menu => StepName::Menu,
            Self::Number(_) => StepName::Number,
            Self::Password(_) => StepName::Password,
            Self::Confirm(..) => StepName::Confirmation,
        }
    }

    /// The unit that the caller has chosen.
    pub(super) fn unit(&self) -> Option<AuthUnit> {
        match self {
            Self::Menu => None,
            Self::Number(unit) => Some(*unit),
            Self::Password(target) | Self::Confirm(target, _) => Some(target.unit),
        }
    }

    pub(super) fn completion(&self) -> Completion {
        match self {
            Self::Menu => Completion::OneKey,
            Self::Number(_) => Completion::UntilHash,
            Self::Password(_) | Self::Confirm(..) => Completion::Password,
        }
    }

    /// The password that is yet to be confirmed.
    pub(super) fn unconfirmed(&self) -> Option<&TemporaryPassword> {
        match self {
            Self::Menu | Self::Number(_) | Self::Password(_) => None,
            Self::Confirm(_, first) => Some(first),
        }
    }

    /// Whether its wrong entries count with those of the step before it (`P10`).
    pub(super) fn shares_wrong_entries(&self) -> bool {
        match self {
            Self::Menu | Self::Number(_) | Self::Password(_) => false,
            Self::Confirm(..) => true,
        }
    }

    pub(super) fn guidance(&self) -> Prompt {
        match self {
            Self::Menu => Prompt::Menu,
            Self::Number(_) => Prompt::EnterNumber,
            Self::Password(target) if target.registers => {
                Prompt::RegisterPassword(target.login_number)
            }
            Self::Password(target) => Prompt::SetPassword(target.login_number),
            Self::Confirm(..) => Prompt::ConfirmPassword,
        }
    }

    /// Judges an entry that is complete, or that silence has ended.
    pub(super) fn judge(&self, entry: &DigitBuffer, subscriber: &ServedCaller) -> Verdict {
        match self {
            Self::Menu => judge_menu(entry, subscriber),
            Self::Number(unit) => judge_number(entry, *unit, subscriber),
            Self::Password(target) => match parse_password(entry) {
                Some(password) => Verdict::Next(Self::Confirm(*target, password)),
                None => wrong_verdict(entry, WrongEntry::NotAPassword),
            },
            Self::Confirm(target, first) => match parse_password(entry) {
                Some(password) if password.matches(first) => {
                    Verdict::Store(new_temporary(*target, password, subscriber))
                }
                Some(_) => Verdict::Differs(Self::Password(*target)),
                None => wrong_verdict(entry, WrongEntry::NotAPassword),
            },
        }
    }
}

fn judge_menu(entry: &DigitBuffer, subscriber: &ServedCaller) -> Verdict {
    let is_chosen = |unit: &AuthUnit| entry.digits() == Some(&[unit.menu_key()]);
    let Some(unit) = AuthUnit::ALL.into_iter().find(is_chosen) else {
        return wrong_verdict(entry, WrongEntry::NoSuchChoice);
    };
    if !subscriber.contract.may_choose(subscriber.caller, unit) {
        return Verdict::Wrong(WrongEntry::UnitNotAllowed);
    }
    let ask_password = |login_number, registers| {
        Verdict::Next(Step::Password(Target { unit, login_number, registers }))
    };
    match unit {
        AuthUnit::Line => ask_password(subscriber.contract.number, false),
        AuthUnit::Number => Verdict::Next(Step::Number(unit)),
        AuthUnit::AdminUser if subscriber.is_contract_number() => Verdict::Next(Step::Number(unit)),
        AuthUnit::AdminUser if subscriber.may_set_own(unit) => {
            ask_password(subscriber.caller, true)
        }
        AuthUnit::AdminUser => Verdict::NotAvailable,
    }
}

fn judge_number(entry: &DigitBuffer, unit: AuthUnit, subscriber: &ServedCaller) -> Verdict {
    entry
        .digits()
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .filter(|login_number| subscriber.contract.may_set(subscriber.caller, unit, *login_number))
        .map_or_else(
            || wrong_verdict(entry, WrongEntry::NumberNotAllowed),
            |login_number| {
                Verdict::Next(Step::Password(Target { unit, login_number, registers: false }))
            },
        )
}

fn wrong_verdict(entry: &DigitBuffer, reason: WrongEntry) -> Verdict {
    Verdict::Wrong(if entry.is_empty() { WrongEntry::Empty } else { reason })
}

fn parse_password(entry: &DigitBuffer) -> Option<TemporaryPassword> {
    TemporaryPassword::try_from(entry.digits()?).ok()
}

fn new_temporary(
    target: Target,
    password: TemporaryPassword,
    subscriber: &ServedCaller,
) -> NewTemporaryPassword {
    NewTemporaryPassword {
        caller: subscriber.caller,
        contract_number: subscriber.contract.number,
        unit: target.unit,
        login_number: target.login_number,
        password,
    }
}
