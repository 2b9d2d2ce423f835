//! Checks of some rows, beside what the ledger checks of every call.

use crate::caller::{CallRecord, End};
use crate::load::Lived;
use crate::row::Times;

/// While another daemon lives, a new caller is served.
pub fn check_new_calls(lived: &Lived, _times: &Times, breaches: &mut Vec<String>) -> String {
    let apology_first =
        |call: &&CallRecord| call.heard.first().is_some_and(|heard| heard.is("trouble"));
    for call in lived.calls.iter().filter(apology_first) {
        breaches.push(format!("a new call heard the apology: {}", call.describe(call.placed)));
    }
    let first =
        lived.calls.iter().filter_map(CallRecord::first_heard_after).max().unwrap_or_default();
    format!("a first word after {first:.1?} at most")
}

/// A caller who has heard the menu is served to the end.
pub fn check_calls_continue(lived: &Lived, _times: &Times, breaches: &mut Vec<String>) -> String {
    let begun = |call: &&CallRecord| call.heard.first().is_some_and(|heard| heard.may_be("menu"));
    let begun: Vec<&CallRecord> = lived.calls.iter().filter(begun).collect();
    for call in begun.iter().filter(|call| matches!(call.end, End::Apology(_))) {
        breaches.push(format!("a call did not go on: {}", call.describe(call.placed)));
    }
    format!("{} calls heard the menu", begun.len())
}

/// How soon callers heard the apology, for the table. Clocks that are moved by hand test `P15`.
pub fn apology_delay(lived: &Lived, _times: &Times, _breaches: &mut Vec<String>) -> String {
    let waited = lived.calls.iter().filter_map(CallRecord::apologised_after);
    let longest = waited.max().unwrap_or_default();
    format!("an apology after {longest:.1?} at most")
}
