//! Several daemons at one Asterisk, callers whose daemon is gone, and more calls than allowed. Each
//! of these stories has its own system.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use karipass_lab::daemon::{self, Daemon};
use karipass_lab::subscriber::NextSound;
use rustix::process::Signal;

use crate::outages::wait_for_readyz;
use crate::story::{Story, complete};
use crate::system::{PATIENT, System};
use crate::traces;

/// Only a fault takes as long until something is heard, or until a daemon has a call.
const HEARING_TIMEOUT: Duration = Duration::from_mins(1);
/// How long Asterisk keeps a call with a limit of 10 s; then comes an apology.
const KEPT_FOR: Duration = Duration::from_secs(70);
const END_TIMEOUT: Duration = Duration::from_mins(3);
/// Two daemons' applications in the dialplan.
const APPS: (&str, &str) = ("globals.conf", "KARIPASS_APPS = karipass-a&karipass-b\n");
/// As in an Asterisk without the application.
const NO_BROADCAST: (&str, &str) =
    ("modules.conf", "noload = app_stasis_broadcast.so\nnoload = res_stasis_broadcast.so\n");
/// A test waits for it, and a daemon on a busy machine answers sooner.
const ANSWERED_SOON: (&str, &str) = ("globals.conf", "KARIPASS_ANSWER_SECONDS = 10\n");
/// Longer than a caller here waits.
const ANSWERED_LATE: (&str, &str) = ("globals.conf", "KARIPASS_ANSWER_SECONDS = 120\n");
/// A daemon with these variables stops at once.
const AT_ONCE: [(&str, &str); 2] =
    [("KARIPASS_SHUTDOWN_DRAIN_S", "0"), ("KARIPASS_SHUTDOWN_CALL_GRACE_S", "0.1")];
const A: (&str, &str) = ("KARIPASS_ARI_APP", "karipass-a");
const B: (&str, &str) = ("KARIPASS_ARI_APP", "karipass-b");

#[test]
fn of_two_daemons_either_serves_and_one_that_is_killed_costs_no_new_call() -> Result<()> {
    let (system, mut b) = pair(&[])?;
    let story = Story::new(&system)?;
    for _ in 0..4 {
        expect_served(&story)?;
    }
    b.child.kill()?;
    expect_served(&story)?;
    b.restart()?;
    kill(&system)?;
    expect_served(&story)?;
    b.child.kill()?;
    story.call_from_contract()?.hear_whole("trouble")?.expect_hangup()?;
    traces::expect_none(&system)
}

#[test]
fn without_stasis_broadcast_one_daemon_is_asked_after_the_other() -> Result<()> {
    let (system, mut b) = pair(&[NO_BROADCAST])?;
    let story = Story::new(&system)?;
    expect_served(&story)?;
    kill(&system)?;
    expect_served(&story)?;
    // While it stops, it continues its calls in the dialplan, where no daemon takes them.
    let mut call = story.call_from_contract()?;
    call.hear("menu")?;
    b.child.signal(Signal::TERM)?;
    wait_for_readyz(b.setup.operators, 503, "stopping")?;
    story.call_from_child()?.hear_whole("trouble")?.expect_hangup()?;
    call.hang_up()
}

#[test]
fn a_call_that_a_daemon_does_not_answer_goes_to_the_next_and_then_to_the_apology() -> Result<()> {
    let (system, mut b) = pair(&[NO_BROADCAST, ANSWERED_SOON])?;
    let story = Story::new(&system)?;
    let signal = |to| system.daemon.as_ref().unwrap().lock().unwrap().child.signal(to);
    signal(Signal::STOP)?;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?;
    // It ignores the call that it was offered in vain.
    signal(Signal::CONT)?;
    call.key("1")?.begin_to_hear_number(&story.family.contract, "set-password")?;
    complete(&mut call, &story.family.contract, &story.password())?;
    signal(Signal::STOP)?;
    b.child.signal(Signal::STOP)?;
    story.call_from_child()?.hear_whole("trouble")?.expect_hangup()?;
    signal(Signal::CONT)?;
    b.child.signal(Signal::CONT)?;
    expect_served(&story)?;
    traces::expect_none(&system)
}

#[test]
fn a_call_that_rings_at_a_daemon_that_is_killed_goes_to_the_other() -> Result<()> {
    ring_at_one(ANSWERED_SOON, |daemon| daemon.child.kill())
}

#[test]
fn a_call_that_rings_at_a_daemon_that_stops_goes_to_the_other() -> Result<()> {
    ring_at_one(ANSWERED_LATE, Daemon::stop)
}

#[test]
fn a_caller_whose_daemon_is_gone_hears_trouble_by_itself() -> Result<()> {
    let system = System::start(&PATIENT)?;
    let story = Story::new(&system)?;
    let mut at_menu = story.call_from_contract()?;
    at_menu.hear("menu")?;
    let mut in_entry = story.call_from_child()?;
    in_entry
        .hear("menu")?
        .key("1")?
        .begin_to_hear_number(&story.family.contract, "set-password")?;
    in_entry.key("123")?;
    kill(&system)?;
    in_entry.hear_whole("trouble")?.hang_up()?;
    // The caller is not left in silence, however long no daemon comes.
    for _ in 0..5 {
        at_menu.hear_whole("trouble")?;
    }
    at_menu.hang_up()?;
    story.expect_nothing_stored()
}

#[test]
fn a_caller_whose_daemon_goes_during_the_last_guidance_hears_it_again() -> Result<()> {
    let system = System::start(&PATIENT)?;
    let story = Story::new(&system)?;
    let (password, login_number) = (story.password(), &story.family.contract);
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(login_number, "set-password")?;
    call.key_password(&password)?.hear("confirm-password")?.key_password(&password)?;
    call.hear_number(login_number)?.hear("completed")?;
    kill(&system)?;
    call.hear_number(login_number)?.hear_whole("completed")?.hear_whole("trouble")?.hang_up()
}

#[test]
fn a_daemon_that_is_started_again_takes_its_callers_from_the_menu_on() -> Result<()> {
    let system = System::start(&PATIENT)?;
    let story = Story::new(&system)?;
    let password = story.password();
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(&story.family.contract, "set-password")?;
    call.key_password(&password[..5])?;
    system.daemon.as_ref().unwrap().lock().unwrap().restart()?;
    // Of a daemon that takes longer to start than callers wait for one.
    call.allow(["trouble"; 20]);
    call.hear("menu")?.key("1")?.begin_to_hear_number(&story.family.contract, "set-password")?;
    complete(&mut call, &story.family.contract, &password)?;
    traces::expect_none(&system)
}

#[test]
fn more_calls_than_configured_hear_trouble_at_once() -> Result<()> {
    let one = ("KARIPASS_CALL_MAX_CONCURRENT", "1");
    // An apology that the caller hears is not for want of an answer.
    let system = System::without_daemon(&[ANSWERED_LATE])?;
    let system = system.with_daemon(&[one, PATIENT[0], PATIENT[1]])?;
    let story = Story::new(&system)?;
    let mut first = story.call_from_contract()?;
    first.hear("menu")?;
    story.call_from_child()?.hear("trouble")?.hang_up()?;
    first.hang_up()?;
    expect_served(&story)
}

#[test]
fn p11_an_abandoned_call_is_ended_with_an_apology() -> Result<()> {
    let system = System::start(&[("KARIPASS_CALL_MAX_DURATION_S", "10")])?;
    let story = Story::new(&system)?;
    let answered = Instant::now();
    let mut call = story.call_from_contract()?;
    call.hear("menu")?;
    kill(&system)?;
    let until = loop {
        match call.listen_for(HEARING_TIMEOUT) {
            NextSound::Begins(heard) => ensure!(heard.may_be("trouble"), "{heard:?}"),
            NextSound::Over => break answered.elapsed(),
            NextSound::Nothing => bail!("it is left in silence"),
        }
        ensure!(answered.elapsed() < END_TIMEOUT, "it never ends");
    };
    ensure!(until > KEPT_FOR, "ended after {until:?}");
    Ok(())
}

/// Two daemons, of which the system's own is `a`.
fn pair(more: &[(&str, &str)]) -> Result<(System, Daemon)> {
    let system = System::without_daemon(&[&[APPS], more].concat())?;
    let system = system.with_daemon(&[A, PATIENT[0], PATIENT[1]])?;
    let b = system.another_daemon("b", &[B, PATIENT[0], PATIENT[1]])?;
    Ok((system, b))
}

fn kill(system: &System) -> Result<()> {
    system.daemon.as_ref().unwrap().lock().unwrap().child.kill()
}

fn expect_served(story: &Story<'_>) -> Result<()> {
    story.call_from_contract()?.hear("menu")?.hang_up()
}

/// A call rings at the daemon into which the fault is injected; the other one serves it.
fn ring_at_one(answered: (&str, &str), inject: fn(&mut Daemon) -> Result<()>) -> Result<()> {
    let system = System::without_daemon(&[APPS, answered])?;
    let system = system.with_daemon(&[A, AT_ONCE[0], AT_ONCE[1]])?;
    let mut b = system.another_daemon("b", &[B, AT_ONCE[0], AT_ONCE[1]])?;
    let story = Story::new(&system)?;
    let mut a = system.daemon.as_ref().unwrap().lock().unwrap();
    // The caller's contract cannot be looked up.
    let holder = system.wait(async {
        let client = system.database.owner().await?;
        client.batch_execute("BEGIN; LOCK TABLE contract IN ACCESS EXCLUSIVE MODE").await?;
        anyhow::Ok(client)
    })?;
    let mut call = thread::scope(|scope| {
        let calling = scope.spawn(|| story.call_from_contract());
        let until = Instant::now() + HEARING_TIMEOUT;
        loop {
            if daemon::calls(a.setup.operators) > 0.0 {
                inject(&mut a)?;
                break;
            }
            if daemon::calls(b.setup.operators) > 0.0 {
                inject(&mut b)?;
                break;
            }
            ensure!(Instant::now() < until, "nobody has the call");
            thread::sleep(Duration::from_millis(20));
        }
        system.wait(holder.batch_execute("ROLLBACK"))?;
        calling.join().unwrap()
    })?;
    call.hear("menu")?.hang_up()
}
