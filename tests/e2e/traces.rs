//! No password and no hash is in any log or trace, in the audit, or among any program's arguments.
//!
//! Tests run in the order of their paths, so these come after all that use the shared system.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::RwLockWriteGuard;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::story::{Story, complete};
use crate::system::System;

/// A keyed digit in Asterisk's logs and ARI's events.
const DIGITS: [&str; 4] = ["\"digit\":", "DTMF begin", "DTMF end", "DTMF[DTMF"];
/// The beginning of a hash.
const HASH: &str = "$argon2";

#[test]
fn no_log_has_a_password_a_digit_or_a_hash() -> Result<()> {
    let system = after_every_story()?;
    logs(&system)
}

#[test]
fn the_audit_has_no_password_and_no_hash() -> Result<()> {
    let system = after_every_story()?;
    audit(&system)
}

#[test]
fn no_programs_arguments_have_a_password() -> Result<()> {
    let system = after_every_story()?;
    arguments(&system)
}

#[test]
fn r_no_trace_has_a_password_or_a_hash() -> Result<()> {
    let system = after_every_story()?;
    let until = Instant::now() + Duration::from_mins(1);
    let is_of_a_call = |body: &Vec<u8>| String::from_utf8_lossy(body).contains("karipass.outcome");
    while !system.collector.bodies().iter().any(is_of_a_call) {
        ensure!(Instant::now() < until, "the collector has no trace of a call");
        std::thread::sleep(Duration::from_millis(50));
    }
    traces(&system)
}

/// Runs a story, so that there is something to find, and waits until no test uses the shared
/// system.
fn after_every_story() -> Result<RwLockWriteGuard<'static, System>> {
    {
        let system = System::shared();
        let story = Story::new(&system)?;
        let password = story.password();
        let mut call = story.call_from_contract()?;
        call.hear("menu")?.key("1")?;
        call.begin_to_hear_number(&story.family.contract, "set-password")?;
        complete(&mut call, &story.family.contract, &password)?;
    }
    Ok(System::shared_alone())
}

/// Searches everywhere, for a story with its own system.
pub fn expect_none(system: &System) -> Result<()> {
    logs(system)?;
    traces(system)?;
    audit(system)?;
    arguments(system)
}

fn logs(system: &System) -> Result<()> {
    let mut files = vec![system.postgres.log()];
    if let Some(daemon) = &system.daemon {
        files.push(daemon.lock().unwrap().setup.log());
    }
    files.extend(below(&system.asterisk.setup.folder.join("log"))?);
    let passwords = system.passwords();
    for file in files {
        let text = String::from_utf8_lossy(&fs::read(&file)?).into_owned();
        let name = file.display();
        let leaks = passwords.iter().filter(|password| has(&text, password)).count();
        ensure!(leaks == 0, "{name} has {leaks} of {} passwords", passwords.len());
        for telltale in DIGITS.into_iter().chain([HASH]) {
            ensure!(!text.contains(telltale), "{name} has {telltale}");
        }
    }
    Ok(())
}

fn traces(system: &System) -> Result<()> {
    let passwords = system.passwords();
    for body in system.collector.bodies() {
        let text = String::from_utf8_lossy(&body);
        // Ids are binary here, and the byte beside a text may look like a digit.
        let leaks = passwords.iter().any(|password| text.contains(password));
        ensure!(!leaks && !text.contains(HASH), "a trace has a password or a hash");
    }
    Ok(())
}

fn audit(system: &System) -> Result<()> {
    let rows = system.wait(async {
        let client = system.database.owner().await?;
        anyhow::Ok(client.query("SELECT audit_log::text FROM audit_log", &[]).await?)
    })?;
    let passwords = system.passwords();
    for row in rows {
        let row: String = row.get(0);
        let leaks = passwords.iter().any(|password| has(&row, password));
        ensure!(!leaks && !row.contains(HASH), "a row of the audit has a password or a hash");
    }
    Ok(())
}

fn arguments(system: &System) -> Result<()> {
    let passwords = system.passwords();
    for process in fs::read_dir("/proc")? {
        // A process may end while it is looked at.
        let Ok(line) = fs::read(process?.path().join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let leaks = passwords.iter().any(|password| has(&line, password));
        ensure!(!leaks, "a program's arguments have a password");
    }
    Ok(())
}

/// Whether the text contains the password, and not only its digits in a longer number.
fn has(text: &str, password: &str) -> bool {
    text.match_indices(password).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + password.len()..].chars().next();
        let is_longer = |next: Option<char>| next.is_some_and(|next| next.is_ascii_hexdigit());
        !is_longer(before) && !is_longer(behind)
    })
}

fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}
