//! The cost of a call as there are more of them at once, and the reaction to keys: numbers, and a
//! plot in `target/growth.svg`.
//!
//! All calls begin at one rate and are equally long, so that only their number differs.

use std::fs;
use std::path::Path;

use anyhow::Result;
use karipass_lab::asterisk::SET_UP_NUMBER;

use crate::calls;
use crate::figure::{Figure, quantile};
use crate::plot::{Curve, plot};
use crate::reaction::Reactions;
use crate::script::Script;
use crate::system::{BenchSystem, PASSWORD, callers};
use crate::usage::{HASHING, Process};

/// Calls begun a second.
const RATE: u32 = 8;
/// Before each entry, in seconds: the longest measurement begins no more calls than last.
const PAUSE_S: f64 = 11.0;
/// More calls than ever come.
const NO_COUNT: &str = "1000";

/// Calls at once, and the names of their figures: the daemon's and Asterisk's processor time, and
/// the reaction to a key.
const POINTS: [(u32, [&str; 4]); 5] = [
    (10, ["daemon CPU, 10", "Asterisk's CPU, 10", "reaction median, 10", "reaction p99, 10"]),
    (50, ["daemon CPU, 50", "Asterisk's CPU, 50", "reaction median, 50", "reaction p99, 50"]),
    (100, ["daemon CPU, 100", "Asterisk's CPU, 100", "reaction median, 100", "reaction p99, 100"]),
    (200, ["daemon CPU, 200", "Asterisk's CPU, 200", "reaction median, 200", "reaction p99, 200"]),
    (400, ["daemon CPU, 400", "Asterisk's CPU, 400", "reaction median, 400", "reaction p99, 400"]),
];

/// The figures of each number of calls.
pub fn measure() -> Result<Vec<Figure>> {
    let (most, _) = POINTS[POINTS.len() - 1];
    let system =
        BenchSystem::start(&callers(most as usize), &[("KARIPASS_CALL_MAX_CONCURRENT", NO_COUNT)])?;
    let points = POINTS
        .into_iter()
        .map(|(calls, names)| Ok((f64::from(calls), names, costs(&system, calls)?)));
    let points = points.collect::<Result<Vec<_>>>()?;
    let titles = [
        "daemon's CPU a call (ms, without hashes)",
        "Asterisk's CPU a call (ms)",
        "reaction, median (ms)",
        "reaction, p99 (ms)",
    ];
    let curve = |(index, title): (usize, &'static str)| Curve {
        title,
        points: points.iter().map(|(calls, _, costs)| (*calls, costs[index])).collect(),
    };
    let curves: Vec<Curve> = titles.into_iter().enumerate().map(curve).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/growth.svg");
    fs::write(&file, plot("calls at once", &curves))?;
    eprintln!("drawn to {}", file.display());
    let figures = points.into_iter().flat_map(|(_, names, costs)| {
        names.into_iter().zip(costs).map(|(name, cost)| Figure::new(name, cost, "ms"))
    });
    Ok(figures.collect())
}

/// The costs of a call that was taken, in milliseconds, while there are this many.
fn costs(system: &BenchSystem, calls: u32) -> Result<[f64; 4]> {
    eprintln!("{calls} calls at once…");
    let callers = callers(calls as usize);
    let (daemon, switch) = (Process(system.daemon.child.id()), Process(system.asterisk.child.id()));
    let used = || anyhow::Ok([daemon.time()?, daemon.time_of(HASHING)?, switch.time()?]);
    let before = used()?;
    let script = Script::slow(PASSWORD, PAUSE_S);
    let traces = calls::place(&system.line(SET_UP_NUMBER), &callers, RATE, &script)?;
    let after = used()?;
    let [total, hashing, switch] =
        std::array::from_fn(|index| after[index].saturating_sub(before[index]));
    let mut reactions = Reactions::from_calls(&traces, &callers);
    let Reactions { failed, served_late, refused, disturbed, .. } = &reactions;
    eprintln!(
        "{failed} failed, {served_late} served late, {refused} refused, {disturbed} disturbed"
    );
    let taken = f64::from(calls) - f64::from(u32::try_from(*refused)?);
    let a_call = |seconds: f64| seconds * 1e3 / taken;
    let guidance = &mut reactions.next_guidance;
    Ok([
        a_call(total.saturating_sub(hashing).as_secs_f64()),
        a_call(switch.as_secs_f64()),
        quantile(guidance, 0.5),
        quantile(guidance, 0.99),
    ])
}
