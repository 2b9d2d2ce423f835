//! What callers hear when something is missing (the database, its answer, the daemon) or their time
//! is up. Each of these stories has its own system.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use domain::rules::{FIRST_DIGIT_TIMEOUT, INTER_DIGIT_TIMEOUT};
use karipass_lab::daemon::{self, Daemon, DaemonSetup};
use karipass_lab::postgres::ShutdownMode;
use karipass_lab::sounds;
use karipass_lab::subscriber::{Caller, Subscriber};

use crate::story::{Family, Story};
use crate::system::{KARIPASS, PATIENT, System};
use crate::traces;

#[test]
fn p15_a_database_that_stops_in_mid_call_is_trouble() -> Result<()> {
    let system = System::with_own_postgres(&[])?.with_daemon(&PATIENT)?;
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = at_the_last_digit(&story, &password)?;
    system.postgres.stop(ShutdownMode::Kill)?;
    call.key_password(&password[7..])?.hear_whole("trouble")?.expect_hangup()?;
    // The next caller fails too.
    story.call_from_contract()?.hear_whole("trouble")?.expect_hangup()?;
    system.postgres.start()?;
    story.expect_nothing_stored()?;
    // The caller after that is served normally.
    let mut call = at_the_last_digit(&story, &password)?;
    call.key_password(&password[7..])?;
    call.hear_number(contract)?.hear_whole("completed")?.expect_hangup()?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])?;
    traces::expect_none(&system)
}

#[test]
fn p15_a_database_that_does_not_answer_is_trouble_and_stores_nothing_later() -> Result<()> {
    let system = System::start(&PATIENT)?;
    let story = Story::new(&system)?;
    let password = story.password();
    let mut call = at_the_last_digit(&story, &password)?;
    let holder = system.wait(async {
        let client = system.database.owner().await?;
        client.batch_execute("BEGIN; LOCK TABLE credential IN ACCESS EXCLUSIVE MODE").await?;
        anyhow::Ok(client)
    })?;
    call.key_password(&password[7..])?.hear_whole("trouble")?.expect_hangup()?;
    system.wait(holder.batch_execute("ROLLBACK"))?;
    drop(holder);
    system.wait(wait_until_idle(&system))?;
    story.expect_nothing_stored()?;
    traces::expect_none(&system)
}

#[test]
fn without_a_daemon_the_dialplan_apologises() -> Result<()> {
    let system = System::without_daemon(&[])?;
    let mut call = Caller::asserted("0670014510").call(&system.line())?;
    call.hear_whole("trouble")?.expect_hangup()?;
    Ok(())
}

#[test]
fn a_daemon_whose_line_is_taken_over_reports_it_and_serves_again() -> Result<()> {
    let system = System::start(&PATIENT)?;
    let story = Story::new(&system)?;
    let first = system.daemon.as_ref().unwrap().lock().unwrap().setup.operators;
    let (asterisk, database) = (&system.asterisk.setup, &system.database);
    let folder = tempfile::tempdir()?;
    let another = DaemonSetup::new(Path::new(KARIPASS), folder.path(), asterisk, database)?;
    let mut another = Daemon::start(another)?;
    wait_for_readyz(first, 503, "another program has taken the application over")?;
    story.call_from_contract()?.hear("menu")?.hang_up()?;
    another.stop()?;
    wait_for_readyz(first, 200, "ready")?;
    story.call_from_contract()?.hear("menu")?.hang_up()
}

#[test]
fn p11_a_call_has_a_limit() -> Result<()> {
    const LIMIT: (&str, &str) = ("KARIPASS_CALL_MAX_DURATION_S", "8");
    // Nothing else ends the call.
    const SILENCE: (&str, &str) = ("KARIPASS_CALL_FIRST_DIGIT_TIMEOUT_S", "60");
    let system = System::start(&[LIMIT, SILENCE])?;
    let story = Story::new(&system)?;
    let begun = Instant::now();
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.expect_hangup()?;
    let took = begun.elapsed();
    ensure!(took >= Duration::from_secs(8), "the call took {took:?}");
    story.expect_nothing_stored()
}

#[test]
fn p11_by_default_silence_is_10_s_before_the_first_digit_and_5_s_between() -> Result<()> {
    let system = System::start(&[])?;
    let story = Story::new(&system)?;
    let password = story.password();
    let begun = Instant::now();
    let mut call = story.call_from_contract()?;
    call.hear_whole("menu")?.hear("invalid")?;
    let (after, menu) = (call.heard()[1].started - begun, sounds::length("menu")?);
    ensure!(after >= menu + FIRST_DIGIT_TIMEOUT, "invalid came {after:?} after the call");
    call.key("1")?.begin_to_hear_number(&story.family.contract, "set-password")?;
    call.key_password(&password[..3])?.hear("invalid")?;
    let silence = call.waited()?;
    ensure!(silence >= INTER_DIGIT_TIMEOUT, "invalid came after {silence:?}");
    call.hang_up()?;
    story.expect_nothing_stored()
}

/// A call before the last digit of the confirmation.
fn at_the_last_digit(story: &Story<'_>, password: &str) -> Result<Subscriber> {
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(&story.family.contract, "set-password")?;
    call.key_password(password)?.hear("confirm-password")?.key_password(&password[..7])?;
    Ok(call)
}

/// Waits until no other connection of the database is in a transaction or waits for a lock.
async fn wait_until_idle(system: &System) -> Result<()> {
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'";
    let superuser = system.postgres.superuser(&system.database.name).await?;
    let until = Instant::now() + Duration::from_mins(1);
    while superuser.query_one(busy, &[]).await?.get::<_, i64>(0) > 0 {
        ensure!(Instant::now() < until, "the daemon's transaction does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Waits until `/readyz` answers with this status and text.
pub fn wait_for_readyz(operators: SocketAddr, status: u16, said: &str) -> Result<()> {
    let until = Instant::now() + Duration::from_mins(1);
    loop {
        let (found, body) = daemon::get(operators, "/readyz");
        if found == status && body.contains(said) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "/readyz says {found}: {body}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
