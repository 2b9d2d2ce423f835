//! Asterisk is killed and started again.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::ledger::AllowedEffects;
use crate::load::CALL_EVERY;
use crate::row::{FaultScene, Row};
use crate::system::SystemOptions;

const KILLS: usize = 10;
/// From readiness to the next kill.
const PAUSE: Duration = Duration::from_secs(3);

#[test]
fn callers_are_served_once_a_killed_asterisk_is_back() -> Result<()> {
    // Its calls die with it, and the daemons are not ready: no login is sent to a daemon without a
    // line.
    let allowed =
        AllowedEffects { lost_calls: true, failed_logins: true, ..AllowedEffects::default() };
    Row {
        fault: "Asterisk killed -9 and started again",
        options: SystemOptions::default(),
        call_every: CALL_EVERY,
        allowed,
        checks: &[],
        inject: killed,
    }
    .run()
}

fn killed(scene: &FaultScene) -> Result<()> {
    for _ in 0..KILLS {
        let took = scene.fault(|_| {
            scene.system.asterisk().child.kill()?;
            scene.strike();
            scene.system.asterisk().restart()?;
            scene.system.fleet.wait_until_ready(Instant::now())
        })?;
        scene.note_ready(took);
        sleep(PAUSE);
    }
    Ok(())
}
