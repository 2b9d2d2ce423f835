//! 200 calls through PostgreSQL, Asterisk and the daemon, beside the same flow in plain dialplan
//! (`baseline.conf`) on the same Asterisk; and 200 more while the site is flooded with logins.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use karipass_lab::asterisk::SET_UP_NUMBER;
use karipass_lab::daemon;
use karipass_lab::flood::Counted;

use crate::figure::{Figure, quantile};
use crate::reaction::Reactions;
use crate::system::{System, YARDSTICK, callers};
use crate::usage::{HASHING, Process};

const CALLS: usize = 200;
/// Calls begun a second.
const CALLS_A_SECOND: u32 = 8;
/// How many times the logins that can be verified are offered.
const OVERLOAD: f64 = 3.0;

/// Everything that the calls show.
pub fn measure() -> Result<Vec<Figure>> {
    let callers = callers(CALLS);
    let mut system = System::start(&callers, &[])?;
    println!("{CALLS} calls to plain dialplan…");
    let dialplan = system.calls(YARDSTICK, &callers, CALLS_A_SECOND)?;
    println!("{CALLS} calls to karipass…");
    let daemon = Process(system.daemon.child().id());
    let switch = Process(system.asterisk.child().id());
    let before = [daemon.time()?, daemon.time_of(HASHING)?, switch.time()?];
    let karipass = system.calls(SET_UP_NUMBER, &callers, CALLS_A_SECOND)?;
    let after = [daemon.time()?, daemon.time_of(HASHING)?, switch.time()?];
    let [total, hashing, switch] =
        std::array::from_fn(|index| after[index].saturating_sub(before[index]));
    let hash = hash_p99(system.daemon.operators())?;
    println!("{CALLS} calls to karipass beside {OVERLOAD} times the logins that it can verify…");
    let flooded = flooded(&system, &callers)?;
    let mut figures = compared(karipass, dialplan, flooded, hash);
    let cpu = Figure::new("daemon CPU a call", a_call(total.saturating_sub(hashing)), "ms");
    figures.push(cpu.beside(a_call(switch)).ratio_at_most(0.05));
    figures.push(Figure::new("daemon peak memory", daemon.peak_memory()?, "MiB"));
    Ok(figures)
}

fn compared(
    mut karipass: Reactions,
    mut dialplan: Reactions,
    mut flooded: Reactions,
    hash: f64,
) -> Vec<Figure> {
    let mut beside = |name, share, more| {
        let ours = quantile(&mut karipass.next_guidance, share);
        let theirs = quantile(&mut dialplan.next_guidance, share);
        Figure::new(name, ours, "ms").beside(theirs).within(more)
    };
    let reactions = [beside("reaction median", 0.5, 1.5), beside("reaction p99", 0.99, 3.0)];
    let completed = quantile(&mut karipass.completed, 0.99);
    let mut figures = vec![
        Figure::new("calls failed", lost(&karipass) + lost(&flooded), "")
            .beside(lost(&dialplan))
            .at_most(0.0),
    ];
    figures.extend(reactions);
    let quiet = quantile(&mut karipass.next_guidance, 0.99);
    let flooded = quantile(&mut flooded.next_guidance, 0.99);
    figures.push(
        Figure::new("reaction p99, logins flood", flooded, "ms").beside(quiet).ratio_at_most(2.0),
    );
    figures.push(
        Figure::new("confirmation to completed p99", completed, "ms").beside(hash).within(6.0),
    );
    figures
}

#[expect(clippy::cast_precision_loss, reason = "hundreds of calls")]
fn lost(reactions: &Reactions) -> f64 {
    (reactions.failed + reactions.refused + reactions.disturbed) as f64
}

#[expect(clippy::cast_precision_loss, reason = "hundreds of calls")]
fn a_call(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3 / CALLS as f64
}

/// The calls, while logins come that no contract has a number for.
fn flooded(system: &System, callers: &[String]) -> Result<Reactions> {
    let flood = system.flood()?;
    let capacity = flood.capacity()?;
    let running = flood.begin(OVERLOAD * capacity);
    let reactions = system.calls(SET_UP_NUMBER, callers, CALLS_A_SECOND)?;
    let Counted { verified, busy, failed, .. } = running.end()?;
    println!(
        "{capacity:.0} logins a second can be verified: {verified} were, {busy} refused, {failed} failed"
    );
    Ok(reactions)
}

/// The 99th percentile of the daemon's hashes for calls, in milliseconds: interpolated in the
/// histogram that it shows its operators.
fn hash_p99(operators: SocketAddr) -> Result<f64> {
    const BUCKET: &str = "karipass_password_hash_duration_seconds_bucket{pool=\"calls\",le=\"";
    let (_, metrics) = daemon::get(operators, "/metrics");
    let buckets: Vec<(f64, f64)> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(BUCKET)?.split_once("\"} "))
        .filter_map(|(bound, count)| Some((bound.parse().ok()?, count.parse().ok()?)))
        .collect();
    let all = buckets.last().context("no histogram of hashes")?.1;
    let wanted = 0.99 * all;
    let above = buckets.iter().position(|(_, count)| *count >= wanted).context("an empty one")?;
    let (bound, count) = buckets[above];
    let (bound_below, below) = above.checked_sub(1).map_or((0.0, 0.0), |index| buckets[index]);
    let share = (wanted - below) / (count - below);
    Ok((bound_below + share * (bound - bound_below)) * 1e3)
}
