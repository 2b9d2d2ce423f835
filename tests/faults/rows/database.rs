//! PostgreSQL is stopped, killed, cut off at COMMIT, and loses its standby.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use karipass_lab::postgres::{Replication, ShutdownMode};
use karipass_lab::proxy::{Point, Trouble};

use crate::caller::{CallRecord, End};
use crate::fleet::WAIT_TIMEOUT;
use crate::ledger::{Bears, FAILING};
use crate::load::{CALL_EVERY, Lived};
use crate::logins::{LoginRecord, LoginResult};
use crate::looks::apology_delay;
use crate::row::{FaultScene, Row, Times};
use crate::system::Wishes;

const STOPPED_FOR: Duration = Duration::from_secs(20);
const KILLS: usize = 3;
const KILL_EVERY: Duration = Duration::from_secs(6);
const DECISION_TIMEOUT: Duration = Duration::from_secs(3);
const CUTS: usize = 100;
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How long waits are cancelled, at least: longer than callers' calls last. And how many.
const CANCELLED_FOR: Duration = Duration::from_secs(25);
const CANCELLED: usize = 50;

#[test]
fn postgresql_stopped() -> Result<()> {
    plain("PostgreSQL stopped for 20 s", stopped).run()
}

#[test]
fn postgresql_killed() -> Result<()> {
    plain("PostgreSQL killed -9", killed).run()
}

#[test]
fn commits_cut() -> Result<()> {
    Row {
        fault: "connection cut at COMMIT",
        wishes: Wishes { proxied: true, ..Wishes::default() },
        call_every: CALL_EVERY,
        // A retry may be cut too, and on a slow machine there are fewer of them.
        bears: FAILING,
        looks: &[check_few_notice],
        inject: commits_cut_in_turn,
    }
    .run()
}

#[test]
fn primary_lost_asynchronous() -> Result<()> {
    lost("primary lost, standby promoted", Replication::Asynchronous).run()
}

#[test]
fn primary_lost_synchronous() -> Result<()> {
    lost("the same, synchronous replication", Replication::Synchronous).run()
}

#[test]
fn waits_for_the_standby_cancelled() -> Result<()> {
    let fault = "standby stopped, waits for it cancelled, then it is promoted";
    Row { inject: waits_cancelled, ..lost(fault, Replication::Synchronous) }.run()
}

fn plain(fault: &'static str, inject: fn(&FaultScene) -> Result<()>) -> Row {
    Row {
        fault,
        wishes: Wishes::default(),
        call_every: CALL_EVERY,
        bears: FAILING,
        looks: &[apology_delay],
        inject,
    }
}

fn lost(fault: &'static str, replication: Replication) -> Row {
    let lost_commits = replication == Replication::Asynchronous;
    Row {
        wishes: Wishes { standby: Some(replication), ..Wishes::default() },
        bears: Bears { lost_commits, ..FAILING },
        ..plain(fault, primary_lost)
    }
}

/// Promotes the standby. Returns how long after that the daemons were ready.
fn promote(scene: &FaultScene) -> Result<Duration> {
    let promoted = Instant::now();
    scene.system.promote()?;
    scene.system.fleet.wait_until_ready(promoted)
}

/// The operators need some time to decide on the promotion.
fn primary_lost(scene: &FaultScene) -> Result<()> {
    let took = scene.fault(|_| {
        scene.system.postgres.stop(ShutdownMode::Kill)?;
        sleep(DECISION_TIMEOUT);
        promote(scene)
    })?;
    scene.note_ready(took);
    Ok(())
}

/// While the standby is away, PostgreSQL commits on the primary alone and warns about it. A daemon
/// that ignores the warning confirms passwords that are lost with the primary.
fn waits_cancelled(scene: &FaultScene) -> Result<()> {
    let standby = scene.system.standby.as_ref().context("no standby")?;
    let took = scene.fault(|_| {
        standby.stop(ShutdownMode::Fast)?;
        let cancelled = scene.system.runtime.block_on(cancel_waits(scene))?;
        scene.remark(format!("{cancelled} waits cancelled"));
        scene.system.postgres.stop(ShutdownMode::Kill)?;
        standby.start()?;
        promote(scene)
    })?;
    scene.note_ready(took);
    Ok(())
}

/// Cancels every wait for the standby, until enough were cancelled. Returns their number.
async fn cancel_waits(scene: &FaultScene) -> Result<usize> {
    const CANCEL: &str =
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let superuser = scene.system.postgres.superuser("postgres").await?;
    let (from, mut cancelled) = (Instant::now(), 0);
    while from.elapsed() < CANCELLED_FOR || cancelled < CANCELLED {
        ensure!(from.elapsed() < CANCELLED_FOR + WAIT_TIMEOUT, "only {cancelled} waits to cancel");
        cancelled += superuser.query(CANCEL, &[]).await?.len();
        sleep(POLL_INTERVAL);
    }
    Ok(cancelled)
}

fn stopped(scene: &FaultScene) -> Result<()> {
    let took = scene.fault(|_| {
        scene.system.postgres.stop(ShutdownMode::Fast)?;
        sleep(STOPPED_FOR);
        scene.system.postgres.start()?;
        scene.system.fleet.wait_until_ready(Instant::now())
    })?;
    scene.note_ready(took);
    Ok(())
}

fn killed(scene: &FaultScene) -> Result<()> {
    for _ in 0..KILLS {
        let took = scene.fault(|_| {
            scene.system.postgres.stop(ShutdownMode::Kill)?;
            scene.system.postgres.start()?;
            scene.system.fleet.wait_until_ready(Instant::now())
        })?;
        scene.note_ready(took);
        sleep(KILL_EVERY);
    }
    Ok(())
}

/// Every third one is cut: in turn before the server receives it, as it receives it, and instead of
/// its answer.
fn commits_cut_in_turn(scene: &FaultScene) -> Result<()> {
    scene.fault(|_| cut_commits(scene))
}

/// Each cut is a fault too, that began no later than it was noticed.
fn cut_commits(scene: &FaultScene) -> Result<()> {
    const AT: Point = Point::Commit(3);
    let proxy = scene.system.proxy.as_ref().context("no proxy")?;
    let mut cuts = 0;
    let mut last = Instant::now();
    while cuts < CUTS {
        proxy.make(match cuts % 3 {
            0 => Trouble::CutBefore(AT),
            1 => Trouble::CutAfter(AT),
            _ => Trouble::CutAnswer(AT),
        });
        sleep(POLL_INTERVAL);
        let met = proxy.meetings();
        for _ in cuts..met {
            scene.fault(|from| {
                last = from;
                Ok(())
            })?;
        }
        cuts = met;
        ensure!(last.elapsed() < WAIT_TIMEOUT, "nobody commits");
    }
    proxy.make(Trouble::None);
    Ok(())
}

/// Without retries, a caller or a login would notice each cut.
fn check_few_notice(lived: &Lived, times: &Times, breaches: &mut Vec<String>) -> String {
    let apology = |call: &&CallRecord| matches!(call.end, End::Apology(_));
    let no_verdict = |login: &&LoginRecord| !matches!(login.answer, LoginResult::Status(200 | 401));
    let calls = lived.calls.iter().filter(apology).count();
    let logins = lived.logins.iter().filter(no_verdict).count();
    let remark = format!("{calls} calls and {logins} logins noticed a cut");
    if (calls + logins) * 2 > times.faults.len() {
        breaches.push(remark.clone());
    }
    remark
}
