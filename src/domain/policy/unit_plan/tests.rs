//! U3: which credentials block a change, for every pair of units and every state of a number.

use std::collections::HashSet;

use jiff::Timestamp;

use super::*;
use crate::credential::{Credential, CredentialId, CredentialKind};
use crate::rules;

const CONTRACT: &str = "0612345600";
const ONE: &str = "0612345601";
const TWO: &str = "0612345602";
const PLAIN: &str = "0612345603";
const UNITS: [AuthUnit; 3] = [AuthUnit::Line, AuthUnit::Number, AuthUnit::AdminUser];

/// The state of a number's credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Has {
    Nothing,
    Live(CredentialKind),
    VoidByWrongEntries(CredentialKind),
    /// By a unit change, or expired.
    VoidOtherwise(CredentialKind),
}

const ALL: [Has; 7] = [
    Has::Nothing,
    Has::Live(CredentialKind::Temporary),
    Has::Live(CredentialKind::Password),
    Has::VoidByWrongEntries(CredentialKind::Temporary),
    Has::VoidByWrongEntries(CredentialKind::Password),
    Has::VoidOtherwise(CredentialKind::Temporary),
    Has::VoidOtherwise(CredentialKind::Password),
];

fn number(text: &str) -> PhoneNumber {
    text.parse().unwrap()
}

/// The contract number with or without service, two additional numbers with it, one without.
fn contract(unit: AuthUnit, service: bool) -> Contract {
    let row = |text, service| ContractLine { number: number(text), has_service: service };
    let numbers = vec![row(CONTRACT, service), row(ONE, true), row(TWO, true), row(PLAIN, false)];
    let number = number(CONTRACT);
    Contract { number, lines: numbers, unit: Some(unit), suspended: false, version: 0 }
}

fn snapshot(contract: Contract, credentials: impl Into<Vec<NumberCredential>>) -> Snapshot {
    let now = Timestamp::UNIX_EPOCH;
    let (credentials, counted) = (credentials.into(), HashSet::new());
    Snapshot { contract, credentials, session: None, counted, now }
}

fn held(text: &str, has: Has) -> NumberCredential {
    let credential = |kind, phc: Option<&str>, failures| {
        let phc = phc.map(|phc| phc.to_owned().into());
        let id = CredentialId(1);
        Some(Credential {
            id,
            kind,
            set_at: Timestamp::UNIX_EPOCH,
            password_hash: phc,
            failed_attempts: failures,
        })
    };
    let limit = |kind| match kind {
        CredentialKind::Temporary => rules::MAX_TEMPORARY_PASSWORD_FAILURES,
        CredentialKind::Password => rules::MAX_PASSWORD_FAILURES,
    };
    let credential = match has {
        Has::Nothing => None,
        Has::Live(kind) => credential(kind, Some("a hash"), limit(kind) - 1),
        Has::VoidByWrongEntries(kind) => credential(kind, None, limit(kind)),
        Has::VoidOtherwise(kind) => credential(kind, None, limit(kind) - 1),
    };
    NumberCredential { number: number(text), credential }
}

/// Who logs in under a unit (`W1`).
fn logins(unit: AuthUnit, service: bool) -> Vec<&'static str> {
    match (unit, service) {
        (AuthUnit::Line, _) => vec![CONTRACT],
        (AuthUnit::Number, false) => vec![ONE, TWO],
        (AuthUnit::Number, true) | (AuthUnit::AdminUser, _) => vec![CONTRACT, ONE, TWO],
    }
}

/// Who may make a change (`U2`).
fn changers(unit: AuthUnit, service: bool) -> Vec<&'static str> {
    match unit {
        AuthUnit::Line | AuthUnit::AdminUser => vec![CONTRACT],
        AuthUnit::Number => logins(unit, service),
    }
}

/// Every change of the unit, by everyone who may make it.
fn changes() -> Vec<(AuthUnit, AuthUnit, bool, &'static str)> {
    let mut all = Vec::new();
    for from in UNITS {
        for to in UNITS.into_iter().filter(|to| *to != from) {
            for service in [true, false] {
                let by = changers(from, service).into_iter();
                all.extend(by.map(|changer| (from, to, service, changer)));
            }
        }
    }
    all
}

#[test]
fn u3_a_credential_that_wrong_entries_voided_blocks_every_change_that_requires_it() {
    for (from, to, service, changer) in changes() {
        for one in [CONTRACT, ONE, TWO, PLAIN] {
            for has in ALL {
                let had =
                    |text| if text == one { has } else { Has::Live(CredentialKind::Password) };
                let held = [CONTRACT, ONE, TWO, PLAIN].map(|text| held(text, had(text)));
                let UnitChangePlan { required_passwords: asked, blocked, .. } = UnitChangePlan::new(
                    &snapshot(contract(from, service), held),
                    number(changer),
                    to,
                );
                let logs_in = logins(from, service).contains(&one);
                let is_void = matches!(has, Has::VoidByWrongEntries(_));
                let is_unset = has != Has::Live(CredentialKind::Password);
                let is_contract_number = one == CONTRACT && service && changer != CONTRACT;
                let is_blocked = logs_in && is_void || is_contract_number && is_unset;
                let what = format!("{from} to {to} by {changer}, {service}: {one} {has:?}");
                assert_eq!(blocked.contains(&number(one)), is_blocked, "{what}");
                assert_eq!(blocked.len(), usize::from(is_blocked), "{what}");
                let is_asked = logs_in && has == Has::Live(CredentialKind::Password);
                assert_eq!(asked.contains(&number(one)), is_asked, "{what}");
            }
        }
    }
}

/// A search for each number would take minutes.
#[test]
fn u4_a_plan_for_many_numbers_searches_for_none() {
    let all: Vec<PhoneNumber> = (0..50_000).map(|index| number(&format!("06{index:08}"))).collect();
    let lines = all.iter().map(|number| ContractLine { number: *number, has_service: true });
    let contract = Contract { lines: lines.collect(), ..contract(AuthUnit::Number, true) };
    let contract = Contract { number: all[0], ..contract };
    let has = Has::Live(CredentialKind::Password);
    let held: Vec<_> = all.iter().map(|number| held(number.as_str(), has)).collect();
    let plan = UnitChangePlan::new(&snapshot(contract, held), all[0], AuthUnit::Line);
    assert_eq!(plan.required_passwords, all);
    assert_eq!(plan.dropped, all[1..]);
}

#[test]
fn u3_every_number_that_blocks_is_named_in_the_order_of_the_contract() {
    let void = Has::VoidByWrongEntries(CredentialKind::Password);
    let all = [(TWO, void), (CONTRACT, Has::Nothing), (ONE, Has::Live(CredentialKind::Password))];
    let held = all.map(|(text, has)| held(text, has));
    let snapshot = snapshot(contract(AuthUnit::Number, true), held);
    let plan = UnitChangePlan::new(&snapshot, number(ONE), AuthUnit::Line);
    assert_eq!(plan.blocked, [number(CONTRACT), number(TWO)]);
}
