//! 200 calls through PostgreSQL, Asterisk and the daemon, beside the same flow in plain dialplan
//! (`baseline.conf`) on the same Asterisk; and 200 more while the site is flooded with logins.

use std::time::Duration;

use anyhow::Result;
use karipass_lab::asterisk::SET_UP_NUMBER;
use karipass_lab::flood::Counted;

use crate::figure::{Figure, quantile};
use crate::hash;
use crate::reaction::Reactions;
use crate::system::{BenchSystem, YARDSTICK, callers};
use crate::usage::{HASHING, Process};

const CALLS: usize = 200;
/// Calls begun a second.
const CALLS_PER_SECOND: u32 = 8;
/// How many times the logins that can be verified are offered.
const OVERLOAD: f64 = 3.0;

/// All figures of the calls.
pub fn measure() -> Result<Vec<Figure>> {
    let callers = callers(CALLS);
    let system = BenchSystem::start(&callers, &[])?;
    let daemon = Process(system.daemon.child.id());
    let switch = Process(system.asterisk.child.id());
    eprintln!("{CALLS} calls to plain dialplan…");
    let began = switch.time()?;
    let dialplan = system.calls(YARDSTICK, &callers, CALLS_PER_SECOND)?;
    let switch_alone = switch.time()?.saturating_sub(began);
    eprintln!("{CALLS} calls to karipass…");
    let before = [daemon.time()?, daemon.time_of(HASHING)?, switch.time()?];
    let karipass = system.calls(SET_UP_NUMBER, &callers, CALLS_PER_SECOND)?;
    let after = [daemon.time()?, daemon.time_of(HASHING)?, switch.time()?];
    let [total, hashing, switch] =
        std::array::from_fn(|index| after[index].saturating_sub(before[index]));
    eprintln!("{CALLS} calls to karipass, all keyed ahead…");
    let ahead = system.keyed_ahead(&callers, CALLS_PER_SECOND)?;
    eprintln!("{CALLS} calls to karipass beside {OVERLOAD} times the logins that it can verify…");
    let flooded = flooded(&system, &callers)?;
    let mut figures = compared(karipass, dialplan, flooded);
    figures.extend(keyed_ahead(ahead)?);
    let cpu = Figure::new("daemon CPU a call", a_call(total.saturating_sub(hashing)), "ms");
    figures.push(cpu.with_baseline(a_call(switch)).ratio_at_most(0.025));
    let cpu = Figure::new("Asterisk's CPU a call", a_call(switch), "ms");
    figures.push(cpu.with_baseline(a_call(switch_alone)).ratio_at_most(1.1));
    figures.push(Figure::new("daemon peak memory", daemon.peak_memory()?, "MiB"));
    Ok(figures)
}

fn compared(
    mut karipass: Reactions,
    mut dialplan: Reactions,
    mut flooded: Reactions,
) -> Vec<Figure> {
    let compare = |name, ours: &mut [f64], theirs: &mut [f64], share, more| {
        Figure::new(name, quantile(ours, share), "ms")
            .with_baseline(quantile(theirs, share))
            .within(more)
    };
    let (ours, theirs) = (&mut karipass.next_guidance, &mut dialplan.next_guidance);
    let reactions = [
        compare("reaction median", ours, theirs, 0.5, 1.0),
        compare("reaction p99", ours, theirs, 0.99, 3.0),
    ];
    let (ours, theirs) = (&mut karipass.silence, &mut dialplan.silence);
    let silence = [
        compare("silence median", ours, theirs, 0.5, 1.0),
        compare("silence p99", ours, theirs, 0.99, 3.0),
    ];
    let (ours, theirs) = (&mut karipass.completed, &mut dialplan.completed);
    let completed = [
        compare("confirmation to completed median", ours, theirs, 0.5, 3.0),
        compare("confirmation to completed p99", ours, theirs, 0.99, 10.0),
    ];
    let mut figures = vec![
        Figure::new("calls failed", lost(&karipass) + lost(&flooded), "")
            .with_baseline(lost(&dialplan))
            .at_most(0.0),
    ];
    figures.extend(reactions);
    figures.extend(silence);
    let quiet = quantile(&mut karipass.next_guidance, 0.99);
    let flooded = quantile(&mut flooded.next_guidance, 0.99);
    figures.push(
        Figure::new("reaction p99, logins flood", flooded, "ms")
            .with_baseline(quiet)
            .ratio_at_most(2.0),
    );
    figures.extend(completed);
    figures
}

/// Callers who key everything ahead may have to wait for the hash.
fn keyed_ahead(mut completed: Vec<f64>) -> Result<[Figure; 3]> {
    let mut hash = hash::alone()?;
    let mut compare = |name, share| {
        Figure::new(name, quantile(&mut completed, share), "ms")
            .with_baseline(quantile(&mut hash, share))
    };
    let median = compare("keyed ahead to completed median", 0.5).within(10.0);
    let p99 = compare("keyed ahead to completed p99", 0.99).ratio_at_most(3.0);
    #[expect(clippy::cast_precision_loss, reason = "hundreds of calls")]
    let failed = (CALLS - completed.len()) as f64;
    Ok([Figure::new("keyed ahead, calls failed", failed, "").at_most(0.0), median, p99])
}

#[expect(clippy::cast_precision_loss, reason = "hundreds of calls")]
fn lost(reactions: &Reactions) -> f64 {
    (reactions.failed + reactions.served_late + reactions.refused + reactions.disturbed) as f64
}

#[expect(clippy::cast_precision_loss, reason = "hundreds of calls")]
fn a_call(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3 / CALLS as f64
}

/// The calls, during a flood of logins for numbers that no contract has.
fn flooded(system: &BenchSystem, callers: &[String]) -> Result<Reactions> {
    let flood = system.flood()?;
    let capacity = flood.capacity()?;
    let running = flood.begin(OVERLOAD * capacity)?;
    let reactions = system.calls(SET_UP_NUMBER, callers, CALLS_PER_SECOND)?;
    let Counted { verified_ms, busy_ms, failed, .. } = running.end()?;
    let (verified, busy) = (verified_ms.len(), busy_ms.len());
    eprintln!(
        "{capacity:.0} logins a second can be verified: {verified} were, {busy} refused, {failed} failed"
    );
    Ok(reactions)
}
