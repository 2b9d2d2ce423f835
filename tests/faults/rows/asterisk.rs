//! Asterisk is killed and started again.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::ledger::Bears;
use crate::load::CALL_EVERY;
use crate::row::{FaultScene, Row};
use crate::system::Wishes;

const KILLS: usize = 10;
/// From readiness to the next kill.
const PAUSE: Duration = Duration::from_secs(3);

#[test]
fn asterisk_killed_and_started_again() -> Result<()> {
    // Its calls die with it, and the daemons are not ready: no login is sent to a daemon without a
    // line.
    let bears = Bears { lost_calls: true, failed_logins: true, ..Bears::default() };
    Row {
        fault: "Asterisk killed -9 and started again",
        wishes: Wishes::default(),
        call_every: CALL_EVERY,
        bears,
        looks: &[],
        inject: killed,
    }
    .run()
}

fn killed(scene: &FaultScene) -> Result<()> {
    for _ in 0..KILLS {
        let took = scene.fault(|_| {
            scene.system.asterisk().restart()?;
            scene.system.fleet.wait_until_ready(Instant::now())
        })?;
        scene.note_ready(took);
        sleep(PAUSE);
    }
    Ok(())
}
