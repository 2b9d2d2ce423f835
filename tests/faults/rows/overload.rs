//! More of everything than the daemons can serve: calls that are taken are served to the end. How
//! much the line slows down is in the table; `make bench` measures it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use karipass_lab::flood::{Counted, Flood};

use super::sockets::Slow;
use crate::caller::CallRecord;
use crate::checks::check_calls_continue;
use crate::ledger::{AllowedEffects, meets};
use crate::row::{Evidence, FaultScene, Row, reaction};
use crate::system::{SystemOptions, silent_number};

/// How long the line is watched before and during the overload: enough callers for a 99th
/// percentile, and no more than this machine sustains beside the daemons.
const WATCHED_FOR: Duration = Duration::from_secs(40);
const WATCHED_FULL_FOR: Duration = Duration::from_secs(80);
/// By when everything must be normal after the overload.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the line is then watched again.
const RECOVERED_WATCH_DURATION: Duration = Duration::from_secs(20);
/// Interval of new callers, except in the last row.
const CALL_EVERY: Duration = Duration::from_millis(300);
/// In all, the same number at each daemon.
const SOCKETS: usize = 500;
const OVERLOAD: u32 = 3;
/// The queue of logins is full by then, even on a machine that verifies one or two a second.
const FILL_TIMEOUT: Duration = Duration::from_mins(10);
/// A daemon's concurrent calls in the last row, and the interval of calls: five times the number
/// that two such daemons can take if calls last 15 s.
const MAX_CALLS: &str = "5";
const FULL_EVERY: Duration = Duration::from_millis(1500);
const TOO_MANY_EVERY: Duration = Duration::from_millis(300);
/// What bounds each daemon's memory (`docs/operations.md`), in MiB: hashes, connections, calls, and
/// the program itself. A slow machine has more of them at once.
const MEMORY: u32 = 114 + 400 + 8 + 30;

#[test]
fn callers_are_served_beside_slow_connections() -> Result<()> {
    overload("500 slow sockets", AllowedEffects::default(), beside_slow_sockets).run()
}

#[test]
fn callers_are_served_during_a_flood_of_logins() -> Result<()> {
    let allowed = AllowedEffects { failed_logins: true, ..AllowedEffects::default() };
    overload("logins at three times capacity", allowed, flood).run()
}

#[test]
fn callers_beyond_the_limit_hear_an_apology() -> Result<()> {
    let variables = vec![("KARIPASS_CALL_MAX_CONCURRENT", MAX_CALLS.to_owned())];
    let allowed = AllowedEffects { apologies: true, ..AllowedEffects::default() };
    Row {
        options: SystemOptions { variables, ..SystemOptions::default() },
        call_every: FULL_EVERY,
        checks: &[reaction, check_apologies, check_calls_continue],
        ..overload("five times the configured calls", allowed, calls)
    }
    .run()
}

fn overload(
    fault: &'static str,
    allowed: AllowedEffects,
    inject: fn(&FaultScene) -> Result<()>,
) -> Row {
    Row {
        fault,
        options: SystemOptions::default(),
        call_every: CALL_EVERY,
        allowed,
        checks: &[reaction],
        inject,
    }
}

/// The line before, during and after the overload.
fn overloaded<T>(
    scene: &FaultScene,
    watched_for: Duration,
    begin: impl FnOnce() -> Result<T>,
) -> Result<T> {
    scene.note_quiet();
    sleep(watched_for);
    let outcome = scene.fault(|_| {
        let overload = begin()?;
        sleep(watched_for);
        anyhow::Ok(overload)
    })?;
    let memory = scene.system.fleet.members().iter().map(|member| member.peak_memory());
    let memory = memory.collect::<Result<Vec<u32>>>()?;
    scene.remark(format!("memory {memory:?} MiB"));
    ensure!(memory.iter().all(|memory| *memory < MEMORY), "memory: {memory:?} MiB");
    Ok(outcome)
}

/// With as many callers as before the overload.
fn normal(scene: &FaultScene) {
    let from = Instant::now();
    sleep(RECOVERED_WATCH_DURATION);
    scene.note_normal((from, Instant::now()));
}

fn beside_slow_sockets(scene: &FaultScene) -> Result<()> {
    let fleet = &scene.system.fleet;
    let (members, certificate) = (fleet.members(), fleet.certificate());
    let each = SOCKETS / members.len();
    let slow = overloaded(scene, WATCHED_FOR, || {
        let slow = members.iter().map(|member| Slow::open(each, member.address(), &certificate));
        slow.collect::<Result<Vec<_>>>()
    })?;
    let held = slow.into_iter().map(Slow::close).sum::<Result<usize>>()?;
    // A slow machine takes longer to open new sockets for those that the sites have closed.
    scene.remark(format!("{held} sockets held on the average"));
    sleep(RECOVERY_TIMEOUT);
    normal(scene);
    ensure!(held > 0, "no slow socket is held");
    Ok(())
}

/// At one of the daemons: each leaves a core to the telephone line, and two share this machine.
fn flood(scene: &FaultScene) -> Result<()> {
    let site = scene.system.fleet.members()[0].site();
    let flood = Flood::wrong(site, &scene.system.fleet.certificate(), silent_number())?;
    let capacity = flood.capacity()?;
    let (flood, begun) = overloaded(scene, WATCHED_FOR, || {
        let (flood, begun) = (flood.begin(capacity * f64::from(OVERLOAD))?, Instant::now());
        flood.wait_until_refused(FILL_TIMEOUT)?;
        Ok((flood, begun))
    })?;
    let (counted, lasted) = scene.fault(|_| {
        let (counted, lasted) = (flood.end()?, begun.elapsed());
        sleep(RECOVERY_TIMEOUT);
        anyhow::Ok((counted, lasted))
    })?;
    normal(scene);
    let Counted { verified_ms, busy_ms, failed, why, .. } = counted;
    let (verified, busy) = (verified_ms.len(), busy_ms.len());
    let goodput = f64::from(u32::try_from(verified)?) / lasted.as_secs_f64();
    scene.remark(format!(
        "capacity {capacity:.0}/s, {goodput:.0}/s verified, {busy} refused as busy, {failed} failed"
    ));
    ensure!(verified > 0, "no login is verified: {why:?}");
    Ok(())
}

fn calls(scene: &FaultScene) -> Result<()> {
    overloaded(scene, WATCHED_FULL_FOR, || {
        scene.load.call_every(TOO_MANY_EVERY);
        Ok(())
    })?;
    scene.fault(|_| {
        scene.load.call_as_usual();
        sleep(RECOVERY_TIMEOUT);
        anyhow::Ok(())
    })?;
    normal(scene);
    Ok(())
}

/// A caller without room hears an apology, and nothing before it.
fn check_apologies(evidence: &Evidence<'_>, breaches: &mut Vec<String>) -> String {
    let Evidence { records, times, .. } = evidence;
    let then = |call: &&CallRecord| meets(&times.faults, call.placed, call.placed);
    let calls: Vec<&CallRecord> = records.calls.iter().filter(then).collect();
    let waited: Vec<Duration> = calls.iter().filter_map(|call| call.apologised_after()).collect();
    let longest = waited.iter().max().copied().unwrap_or_default();
    let remark =
        format!("apology to {} of {}, after {longest:.1?} at most", waited.len(), calls.len());
    if waited.is_empty() {
        breaches.push(remark.clone());
    }
    remark
}
