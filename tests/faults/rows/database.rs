//! PostgreSQL is stopped, killed, cut off at COMMIT, and loses its standby.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use karipass_lab::postgres::{Replication, ShutdownMode};
use karipass_lab::proxy::{CutCommit, Fault, Point, PostgresProxy};

use crate::caller::CallOutcome;
use crate::checks::{apology_delay, check_new_calls};
use crate::fleet::WAIT_TIMEOUT;
use crate::ledger::{AllowedEffects, USUAL_EFFECTS};
use crate::load::CALL_EVERY;
use crate::row::{Evidence, FaultScene, Row};
use crate::stored::StoredState;
use crate::system::SystemOptions;

const STOPPED_FOR: Duration = Duration::from_secs(20);
const KILLS: usize = 3;
const KILL_EVERY: Duration = Duration::from_secs(6);
const DECISION_TIMEOUT: Duration = Duration::from_secs(3);
/// What happens to every third commit: the one of these that has happened to the fewest passwords.
const CUTS: [Fault; 3] = {
    const AT: Point = Point::Commit(3);
    [Fault::CutBefore(AT), Fault::CutAfter(AT), Fault::CutAnswer(AT)]
};
/// How many commits of passwords are cut in each way, at least, and in all ways, at most.
const EACH_CUT: usize = 6;
const MAX_PASSWORDS_CUT: usize = 90;
/// The audit's event of a stored password, as a parameter: behind its length.
const STORED: &str = "\0\0\0\rtemporary_set";
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How long waits are cancelled, at least: longer than callers' calls last. And how many.
const CANCELLED_FOR: Duration = Duration::from_secs(25);
const CANCELLED: usize = 50;

#[test]
fn callers_hear_an_apology_while_postgresql_is_stopped() -> Result<()> {
    plain("PostgreSQL stopped for 20 s", stopped).run()
}

#[test]
fn no_confirmed_password_is_lost_when_postgresql_is_killed() -> Result<()> {
    plain("PostgreSQL killed -9", killed).run()
}

#[test]
fn a_password_is_stored_once_although_its_commit_is_cut() -> Result<()> {
    Row {
        fault: "connection cut at COMMIT",
        options: SystemOptions { proxied: true, ..SystemOptions::default() },
        call_every: CALL_EVERY,
        // A retry may be cut too, and on a slow machine there are fewer of them.
        allowed: USUAL_EFFECTS,
        checks: &[check_new_calls, check_cut_commits],
        inject: commits_cut_in_turn,
    }
    .run()
}

#[test]
fn a_promoted_standby_serves_when_the_primary_is_lost() -> Result<()> {
    lost("primary lost, standby promoted", Replication::Asynchronous).run()
}

#[test]
fn synchronous_replication_loses_no_password_with_the_primary() -> Result<()> {
    lost("the same, synchronous replication", Replication::Synchronous).run()
}

#[test]
fn no_password_is_confirmed_whose_wait_for_the_standby_was_cancelled() -> Result<()> {
    let fault = "standby stopped, waits for it cancelled, then it is promoted";
    Row { inject: waits_cancelled, ..lost(fault, Replication::Synchronous) }.run()
}

fn plain(fault: &'static str, inject: fn(&FaultScene) -> Result<()>) -> Row {
    Row {
        fault,
        options: SystemOptions::default(),
        call_every: CALL_EVERY,
        allowed: USUAL_EFFECTS,
        checks: &[apology_delay],
        inject,
    }
}

fn lost(fault: &'static str, replication: Replication) -> Row {
    let lost_commits = replication == Replication::Asynchronous;
    Row {
        options: SystemOptions { standby: Some(replication), ..SystemOptions::default() },
        allowed: AllowedEffects { lost_commits, ..USUAL_EFFECTS },
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
        scene.strike();
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
        scene.strike();
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
        scene.strike();
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
            scene.strike();
            scene.system.postgres.start()?;
            scene.system.fleet.wait_until_ready(Instant::now())
        })?;
        scene.note_ready(took);
        sleep(KILL_EVERY);
    }
    Ok(())
}

/// In turn before the server receives it, as it receives it, and instead of its answer.
fn commits_cut_in_turn(scene: &FaultScene) -> Result<()> {
    scene.fault(|_| cut_commits(scene))
}

/// Each cut is a fault too, that began no later than it was noticed. Cuts go on until each kind has
/// happened as often as the others, and gone unnoticed by a caller: a slow machine needs more.
fn cut_commits(scene: &FaultScene) -> Result<()> {
    let proxy = scene.system.proxy.as_ref().context("no proxy")?;
    let (mut seen, mut last) = (0, Instant::now());
    let mut passwords: Vec<CutCommit> = Vec::new();
    loop {
        let of_kind = |kind: Fault| passwords.iter().filter(move |cut| cut.fault == kind);
        let rarest = CUTS.into_iter().min_by_key(|kind| of_kind(*kind).count());
        let rarest = rarest.context("no kind")?;
        let completed = scene.load.completed_numbers();
        let is_unnoticed = |cut: &CutCommit| completed.iter().any(|number| cut.has(number));
        let all_unnoticed = CUTS.into_iter().all(|kind| of_kind(kind).any(is_unnoticed));
        if of_kind(rarest).count() >= EACH_CUT && all_unnoticed {
            break;
        }
        let all = passwords.len();
        ensure!(all < MAX_PASSWORDS_CUT, "a caller notices each cut of a kind, of {all}");
        ensure!(last.elapsed() < WAIT_TIMEOUT, "only {all} commits of passwords to cut");
        proxy.inject(rarest);
        sleep(POLL_INTERVAL);
        let cut = proxy.cut_commits();
        for cut in &cut[seen..] {
            scene.fault(|_| Ok(()))?;
            if cut.has(STORED) {
                passwords.push(cut.clone());
                last = Instant::now();
            }
        }
        seen = cut.len();
    }
    proxy.inject(Fault::None);
    Ok(())
}

/// A caller whose commits were cut hears `completed`, and the password is stored once. Or the
/// caller hears `trouble`, and the password is stored once at most, if the server received one.
/// Nobody else who has confirmed hears `trouble`, and only a login whose commit was cut gets no
/// verdict. The daemons retry, so that each kind of cut goes unnoticed by some callers.
fn check_cut_commits(evidence: &Evidence<'_>, breaches: &mut Vec<String>) -> String {
    let Evidence { system, records, .. } = evidence;
    let cut = system.proxy.as_ref().map(PostgresProxy::cut_commits).unwrap_or_default();
    let (passwords, others): (Vec<_>, Vec<_>) = cut.iter().partition(|cut| cut.has(STORED));
    let numbers: Vec<&str> = records.calls.iter().map(|call| call.number.as_str()).collect();
    let states = system.runtime.block_on(StoredState::read_each(system, &numbers)).unwrap();
    let mut unnoticed: Vec<Fault> = Vec::new();
    for call in &records.calls {
        let own = passwords.iter().filter(|cut| cut.has(&call.number));
        let own: Vec<Fault> = own.map(|cut| cut.fault).collect();
        let received = own.iter().any(|fault| !matches!(fault, Fault::CutBefore(_)));
        let StoredState { credentials, audited, .. } = states[&call.number];
        let stored = (credentials, audited);
        let agrees = match &call.outcome {
            CallOutcome::Completed => stored == (1, 1),
            CallOutcome::Apology(_) if call.is_turned_away() => stored == (0, 0),
            CallOutcome::Apology(_) => {
                !own.is_empty() && (stored == (0, 0) || (stored == (1, 1) && received))
            }
            CallOutcome::ChangedMind
            | CallOutcome::GaveUp
            | CallOutcome::CutOff
            | CallOutcome::NotAnswered(_) => own.is_empty(),
        };
        if !agrees {
            let call = call.describe(call.placed);
            breaches.push(format!("{stored:?} stored, commits cut {own:?}: {call}"));
        }
        if call.outcome == CallOutcome::Completed {
            unnoticed.extend(own);
        }
    }
    for kind in CUTS.iter().filter(|kind| !unnoticed.contains(kind)) {
        breaches.push(format!("a caller notices each {kind:?}"));
    }
    for login in records.logins.iter().filter(|login| login.has_no_verdict()) {
        if !others.iter().any(|cut| cut.has(&login.number)) {
            breaches.push(format!("{:?} to a login whose commit was not cut", login.answer));
        }
    }
    let (all, passwords, unnoticed) = (cut.len(), passwords.len(), unnoticed.len());
    format!("{passwords} of {all} commits were passwords', {unnoticed} of those cuts unnoticed")
}
