//! Every change fails while PostgreSQL answers: a right is revoked, and the disk is full (`R`).

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::caller::{CallOutcome, CallRecord};
use crate::checks::apology_delay;
use crate::ledger::USUAL_EFFECTS;
use crate::load::CALL_EVERY;
use crate::row::{Evidence, FaultScene, Row};
use crate::system::SystemOptions;

/// A fault that makes every change fail, and its end.
const FAULTS: [[&str; 2]; 2] = [
    [
        "REVOKE INSERT ON idempotency_key FROM karipass_daemon",
        "GRANT INSERT ON idempotency_key TO karipass_daemon",
    ],
    [
        "CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS
         $$BEGIN RAISE 'the disk is full' USING ERRCODE = '53100'; END$$;
         CREATE TRIGGER disk_full BEFORE INSERT ON audit_log
         FOR EACH ROW EXECUTE FUNCTION is_full()",
        "DROP TRIGGER disk_full ON audit_log; DROP FUNCTION is_full()",
    ],
];
/// How long each lasts once `/readyz` has noticed it: longer than callers' calls last.
const FAILING_FOR: Duration = Duration::from_secs(30);

#[test]
fn r_while_every_write_fails_callers_hear_trouble_and_all_comes_back_by_itself() -> Result<()> {
    Row {
        fault: "every write fails: right revoked, disk full",
        options: SystemOptions::default(),
        call_every: CALL_EVERY,
        allowed: USUAL_EFFECTS,
        checks: &[apology_delay, check_trouble],
        inject: writes_fail,
    }
    .run()
}

/// `/readyz` of both daemons answers 503 meanwhile, and 200 afterwards.
fn writes_fail(scene: &FaultScene) -> Result<()> {
    let owner = scene.system.runtime.block_on(scene.system.database().owner())?;
    for [begin, end] in FAULTS {
        let took = scene.fault(|_| {
            scene.system.runtime.block_on(owner.batch_execute(begin))?;
            scene.strike();
            for member in scene.system.fleet.members() {
                member.wait_until_out_of_service()?;
            }
            sleep(FAILING_FOR);
            scene.system.runtime.block_on(owner.batch_execute(end))?;
            scene.system.fleet.wait_until_ready(Instant::now())
        })?;
        scene.note_ready(took);
        scene.load.wait_until_completed(1, Instant::now(), FAILING_FOR * 2)?;
    }
    Ok(())
}

/// Callers who confirm during each fault hear `trouble`; the ledger finds nothing stored of theirs.
fn check_trouble(evidence: &Evidence<'_>, breaches: &mut Vec<String>) -> String {
    let Evidence { records, times, .. } = evidence;
    let trouble = CallOutcome::Apology("trouble".to_owned());
    let mut heard = Vec::new();
    for (from, until) in &times.faults {
        let is_heard = |call: &&CallRecord| {
            let confirmed = call.confirmed.first();
            call.outcome == trouble && confirmed.is_some_and(|at| at > from && at < until)
        };
        let count = records.calls.iter().filter(is_heard).count();
        if count == 0 {
            breaches.push("nobody confirmed and heard trouble while every write failed".to_owned());
        }
        heard.push(count.to_string());
    }
    format!("trouble to {} who confirmed", heard.join(" and "))
}
