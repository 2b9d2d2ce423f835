//! A daemon is killed, stopped, restarted.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::checks::check_new_calls;
use crate::ledger::{AllowedEffects, USUAL_EFFECTS};
use crate::load::CALL_EVERY;
use crate::row::{FaultScene, Row};
use crate::system::SystemOptions;

const KILLS: usize = 20;
/// From one kill to the next: less than a call takes, so that calls outlive several.
const KILL_EVERY: Duration = Duration::from_secs(5);
const STOPPED_FOR: Duration = Duration::from_secs(30);
/// The defaults of `[shutdown]`.
const PATIENT: [(&str, &str); 2] =
    [("KARIPASS_SHUTDOWN_DRAIN_S", "5"), ("KARIPASS_SHUTDOWN_CALL_GRACE_S", "120")];
const END_TIMEOUT: Duration = Duration::from_secs(130);

#[test]
fn new_callers_are_served_while_a_daemon_is_killed() -> Result<()> {
    Row {
        fault: "a daemon killed -9, in turn",
        options: SystemOptions::default(),
        call_every: CALL_EVERY,
        allowed: USUAL_EFFECTS,
        checks: &[check_new_calls],
        inject: killed,
    }
    .run()
}

#[test]
fn new_callers_are_served_while_a_daemon_hangs() -> Result<()> {
    Row {
        fault: "a daemon stopped for 30 s",
        options: SystemOptions::default(),
        call_every: CALL_EVERY,
        allowed: USUAL_EFFECTS,
        checks: &[check_new_calls],
        inject: stopped,
    }
    .run()
}

#[test]
fn no_caller_notices_a_rolling_restart() -> Result<()> {
    Row {
        fault: "rolling restart of both daemons",
        options: SystemOptions { variables: PATIENT.map(own).to_vec(), ..SystemOptions::default() },
        call_every: CALL_EVERY,
        allowed: AllowedEffects::default(),
        checks: &[],
        inject: restarted,
    }
    .run()
}

/// A service manager's signal, and a load balancer's notice.
fn restarted(scene: &FaultScene) -> Result<()> {
    for member in scene.system.fleet.members() {
        let (ended, ready) = scene.fault(|_| {
            let ended = member.restart(END_TIMEOUT)?;
            anyhow::Ok((ended, member.wait_until_ready(Instant::now())?))
        })?;
        scene.note_ready(ready);
        scene.remark(format!("{} ended in {:.1} s", member.name, ended.as_secs_f64()));
    }
    Ok(())
}

fn own((name, value): (&'static str, &str)) -> (&'static str, String) {
    (name, value.to_owned())
}

/// The service manager starts it again.
fn killed(scene: &FaultScene) -> Result<()> {
    let members = scene.system.fleet.members();
    let mut calls = 0.0;
    for turn in 0..KILLS {
        let member = &members[turn % members.len()];
        calls += member.calls();
        let took = scene.fault(|from| {
            member.kill()?;
            scene.strike();
            member.wait_until_ready(from + Duration::from_millis(100))
        })?;
        scene.note_ready(took);
        sleep(KILL_EVERY.saturating_sub(took));
    }
    scene.remark(format!("with {calls} calls in all"));
    Ok(())
}

fn stopped(scene: &FaultScene) -> Result<()> {
    let (place, calls) = scene.system.fleet.busiest()?;
    scene.remark(format!("with {calls} calls"));
    let member = &scene.system.fleet.members()[place];
    let took = scene.fault(|_| member.stop_for(STOPPED_FOR, || scene.strike()))?;
    scene.note_ready(took);
    Ok(())
}
