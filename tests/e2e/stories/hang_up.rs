//! Hanging up before and after the commit (P13), and what Asterisk logs of it.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use karipass_lab::daemon;
use karipass_lab::subscriber::Caller;

use crate::story::{Family, Story};
use crate::system::{PATIENT, System};

/// Only a fault takes as long.
const LOG_TIMEOUT: Duration = Duration::from_mins(1);

#[test]
fn p13_hanging_up_before_the_commit_changes_nothing() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("2")?.hear("enter-number")?.key(&format!("{child}#"))?;
    call.begin_to_hear_number(child, "set-password")?.key_password(&password)?;
    call.hear("confirm-password")?.key_password(&password[..7])?.hang_up()?;
    story.expect_nothing_stored()?;
    story.expect_refused(child, &password)
}

#[test]
fn p13_hanging_up_after_the_commit_leaves_it_set() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    call.key_password(&password)?.hear("confirm-password")?.key_password(&password)?;
    call.begin_to_hear_number(contract, "completed")?.hang_up()?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

/// The lines that docs/operations.md describes, and no others; a call that the line ends has none.
#[test]
fn a_hang_up_in_mid_guidance_logs_that_the_playback_failed_and_nothing_else() -> Result<()> {
    let system = System::start(&PATIENT)?;
    let story = Story::new(&system)?;
    let log = system.asterisk.setup.folder.join("log/messages.log");
    let lines = || -> Result<Vec<String>> {
        Ok(fs::read_to_string(&log)?.lines().map(str::to_owned).collect())
    };
    let is_failure =
        |line: &String| line.contains("Playback failed for") && line.contains("stasis_playback");
    let mut call = Caller::asserted(&story.family.stranger()).call(&system.line())?;
    call.hear_whole("not-available")?.expect_hangup()?;
    let before = lines()?;
    ensure!(!before.iter().any(is_failure), "{before:#?}");
    story.call_from_contract()?.hear("menu")?.hang_up()?;
    let until = Instant::now() + LOG_TIMEOUT;
    while !lines()?.iter().any(is_failure) {
        ensure!(Instant::now() < until, "nothing is logged");
        std::thread::sleep(Duration::from_millis(50));
    }
    let added = lines()?.split_off(before.len());
    ensure!(added.iter().all(is_failure), "{added:#?}");
    let operators = system.daemon.as_ref().unwrap().lock().unwrap().setup.operators;
    let (_, metrics) = daemon::get(operators, "/metrics");
    let is_error = |line: &str| {
        line.starts_with("karipass_ari_request_errors_total") && line.contains("\"play\"")
    };
    let counted = metrics.lines().find(|line| is_error(line) && !line.ends_with(" 0"));
    ensure!(counted.is_none(), "{counted:?}");
    Ok(())
}
