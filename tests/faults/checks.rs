//! Checks of some rows, beside what the ledger checks of every call.

use crate::caller::{CallOutcome, CallRecord};
use crate::row::Evidence;

/// While another daemon lives, a new caller is served, or refused by a daemon that counts it.
pub fn check_new_calls(evidence: &Evidence<'_>, breaches: &mut Vec<String>) -> String {
    let calls = &evidence.records.calls;
    let away: Vec<&CallRecord> = calls.iter().filter(|call| call.is_turned_away()).collect();
    let refused = evidence.system.fleet.refused_calls();
    if away.len() > refused {
        let described = away.iter().map(|call| call.describe(call.placed));
        breaches.extend(described.map(|call| format!("a new call heard the apology: {call}")));
    }
    let first = calls.iter().filter_map(CallRecord::first_heard_after).max().unwrap_or_default();
    let away = away.len();
    format!("a first word after {first:.1?} at most, an apology to {away}, {refused} refused")
}

/// A caller who has heard the menu is served to the end.
pub fn check_calls_continue(evidence: &Evidence<'_>, breaches: &mut Vec<String>) -> String {
    let begun = |call: &&CallRecord| call.heard.first().is_some_and(|heard| heard.may_be("menu"));
    let begun: Vec<&CallRecord> = evidence.records.calls.iter().filter(begun).collect();
    for call in begun.iter().filter(|call| matches!(call.outcome, CallOutcome::Apology(_))) {
        breaches.push(format!("a call did not go on: {}", call.describe(call.placed)));
    }
    format!("{} calls heard the menu", begun.len())
}

/// How soon callers heard the apology, for the table. Clocks that are moved by hand test `P15`.
pub fn apology_delay(evidence: &Evidence<'_>, _breaches: &mut Vec<String>) -> String {
    let waited = evidence.records.calls.iter().filter_map(CallRecord::apologised_after);
    let longest = waited.max().unwrap_or_default();
    format!("an apology after {longest:.1?} at most")
}
