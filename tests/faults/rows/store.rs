//! PostgreSQL is stopped, killed, and cut off at COMMIT.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use karipass_lab::postgres::{Replication, Shutdown};
use karipass_lab::proxy::{Point, Trouble};

use crate::ledger::Bears;
use crate::load::CALL_EVERY;
use crate::looks::apologises_in_time;
use crate::row::{Row, Scene};
use crate::system::Wishes;

const STOPPED_FOR: Duration = Duration::from_secs(20);
const KILLS: usize = 3;
const KILL_EVERY: Duration = Duration::from_secs(6);
const READY_WITHIN: Duration = Duration::from_secs(15);
const DECIDED_WITHIN: Duration = Duration::from_secs(3);
const CUTS: usize = 100;
/// A login or a call commits at least so often.
const COMMITS_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub fn rows() -> Vec<Row> {
    let failing = Bears { failed_logins: true, apologies: true, ..Bears::default() };
    let plain = |name, fault, befalls| Row {
        name,
        fault,
        wishes: Wishes::default(),
        call_every: CALL_EVERY,
        bears: failing,
        looks: &[apologises_in_time],
        befalls,
    };
    vec![
        plain("postgresql_stopped", "PostgreSQL stopped for 20 s", stopped),
        plain("postgresql_killed", "PostgreSQL killed -9", killed),
        Row {
            name: "commits_cut",
            fault: "connection cut at COMMIT",
            wishes: Wishes { proxied: true, ..Wishes::default() },
            call_every: CALL_EVERY,
            bears: Bears::default(),
            looks: &[],
            befalls: commits_cut,
        },
        lost(
            "primary_lost_asynchronous",
            "primary lost, standby promoted",
            Replication::Asynchronous,
        ),
        lost(
            "primary_lost_synchronous",
            "the same, synchronous replication",
            Replication::Synchronous,
        ),
    ]
}

fn lost(name: &'static str, fault: &'static str, replication: Replication) -> Row {
    let lost_commits = replication == Replication::Asynchronous;
    Row {
        name,
        fault,
        wishes: Wishes { standby: Some(replication), ..Wishes::default() },
        call_every: CALL_EVERY,
        bears: Bears { failed_logins: true, apologies: true, lost_commits, ..Bears::default() },
        looks: &[apologises_in_time],
        befalls: primary_lost,
    }
}

/// The operators need some time to decide for the standby.
fn primary_lost(scene: &Scene) -> Result<()> {
    let took = scene.fault(|_| {
        scene.system.postgres.stop(Shutdown::Kill)?;
        sleep(DECIDED_WITHIN);
        let promoted = Instant::now();
        scene.system.promote()?;
        scene.system.fleet.ready_after(promoted, READY_WITHIN)
    })?;
    scene.note_ready(took);
    Ok(())
}

fn stopped(scene: &Scene) -> Result<()> {
    let took = scene.fault(|_| {
        scene.system.postgres.stop(Shutdown::Fast)?;
        sleep(STOPPED_FOR);
        scene.system.postgres.start()?;
        scene.system.fleet.ready_after(Instant::now(), READY_WITHIN)
    })?;
    scene.note_ready(took);
    Ok(())
}

fn killed(scene: &Scene) -> Result<()> {
    for _ in 0..KILLS {
        let took = scene.fault(|_| {
            scene.system.postgres.stop(Shutdown::Kill)?;
            scene.system.postgres.start()?;
            scene.system.fleet.ready_after(Instant::now(), READY_WITHIN)
        })?;
        scene.note_ready(took);
        sleep(KILL_EVERY);
    }
    Ok(())
}

/// Every other one, in turn before the server has heard it, as it hears it, and in place of its answer.
/// What is cut is tried again for seconds, a dozen times, so that nobody is told anything else for it.
fn commits_cut(scene: &Scene) -> Result<()> {
    const AT: Point = Point::Commit(2);
    let proxy = scene.system.proxy.as_ref().context("no proxy")?;
    let mut cuts = 0;
    let mut last = Instant::now();
    while cuts < CUTS {
        proxy.make(match cuts % 3 {
            0 => Trouble::CutBefore(AT),
            1 => Trouble::CutAfter(AT),
            _ => Trouble::CutAnswer(AT),
        });
        sleep(LOOK_EVERY);
        let met = proxy.meetings();
        for _ in cuts..met {
            scene.fault(|from| {
                last = from;
                Ok(())
            })?;
        }
        cuts = met;
        ensure!(last.elapsed() < COMMITS_WITHIN, "nobody commits");
    }
    proxy.make(Trouble::None);
    Ok(())
}
