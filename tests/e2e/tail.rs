//! The tail in `docs/operations.md`: two calls at once, with a fault of Asterisk in one and of the
//! database in the other.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use karipass_lab::child::{run, wait_until};
use karipass_lab::repository;

use crate::story::{Family, Story};
use crate::system::{KARIPASS, PATIENT, System};

const AT_INFO: (&str, &str) = ("KARIPASS_LOG_FILTER", "info");
const WAIT_TIMEOUT: Duration = Duration::from_mins(1);
/// The guidance that Asterisk cannot play.
const MISSING: &str = "enter-number";
/// Fields that the document leaves out of a call's first line.
const LEFT_OUT: [&str; 3] = ["sip_call_id", "pbx", "adopted"];
/// Fields with other values in each run.
const VARYING: [&str; 3] = ["caller", "duration_ms", "error"];

#[test]
fn the_documented_tail_of_two_calls_has_the_lines_and_fields_of_a_real_one() -> Result<()> {
    let system = System::start(&[PATIENT[0], PATIENT[1], AT_INFO])?;
    lose_a_sound(&system)?;
    let (story, other) = (Story::new(&system)?, Story::new(&system)?);
    let (Family { contract, .. }, password) = (&other.family, other.password());
    let mut first = story.call_from_contract()?;
    first.hear("menu")?;
    let mut second = other.call_from_contract()?;
    second.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    first.key("2")?.hear("trouble")?;
    second.key_password(&password)?.hear("confirm-password")?;
    let holder = system.wait(async {
        let client = system.database.owner().await?;
        client.batch_execute("BEGIN; LOCK TABLE credential IN ACCESS EXCLUSIVE MODE").await?;
        anyhow::Ok(client)
    })?;
    second.key_password(&password)?;
    first.expect_hangup()?;
    second.hear_whole("trouble")?.expect_hangup()?;
    drop(holder);
    let tail = tail(&system)?;
    let guide = fs::read_to_string(repository().join("docs/operations.md"))?;
    let documented = guide.split("```text\n").skip(1).filter_map(|block| block.split("```").next());
    let documented = documented.into_iter().find(|block| block.contains("duration_ms="));
    let documented = documented.context("no tail in the document")?;
    let (shown, real) = (calls(documented), calls(&tail));
    ensure!(shown == real, "{shown:#?}\nare documented, but a real tail is\n{tail}");
    let ids: Vec<_> = documented.lines().map(|line| line.split_whitespace().nth(2)).collect();
    let turns = ids.chunk_by(|one, next| one == next).count();
    ensure!(turns > shown.len(), "the calls are not interleaved: {ids:?}");
    Ok(())
}

#[test]
fn a_caller_who_hangs_up_during_the_guidance_leaves_no_warning() -> Result<()> {
    let system = System::start(&[AT_INFO])?;
    Story::new(&system)?.call_from_contract()?.hear("menu")?.hang_up()?;
    let log = || fs::read_to_string(system.daemon.as_ref().unwrap().lock().unwrap().setup.log());
    wait_until("the end of the call", WAIT_TIMEOUT, || Ok(log()?.contains("hung_up")))?;
    let found = calls(&tail(&system)?);
    let levels: Vec<&str> = found.iter().flatten().map(|(level, _)| level.as_str()).collect();
    ensure!(levels == ["INFO"; 3], "{found:#?}");
    Ok(())
}

/// The daemon's log as `karipass logs` shows it, without the date.
fn tail(system: &System) -> Result<String> {
    let log = system.daemon.as_ref().unwrap().lock().unwrap().setup.log();
    let shown = run("karipass", Command::new(KARIPASS).arg("logs").arg(&log))?;
    Ok(shown
        .lines()
        .filter_map(|line| Some(line.split_once(' ')?.1))
        .collect::<Vec<_>>()
        .join("\n"))
}

/// Takes a sound from this system's Asterisk.
fn lose_a_sound(system: &System) -> Result<()> {
    let sounds = system.asterisk.setup.folder.join("data/sounds/ja/karipass");
    let fewer = system.folder.path().join("fewer");
    fs::create_dir(&fewer)?;
    for sound in fs::read_dir(&sounds)? {
        let sound = sound?;
        if Path::new(&sound.file_name()).file_stem().is_some_and(|name| name != MISSING) {
            symlink(sound.path().canonicalize()?, fewer.join(sound.file_name()))?;
        }
    }
    fs::remove_file(&sounds)?;
    Ok(symlink(fewer, sounds)?)
}

/// The lines of each call, in the order of the calls: a line's level and fields.
fn calls(tail: &str) -> Vec<Vec<(String, BTreeMap<String, String>)>> {
    let mut calls: Vec<(&str, Vec<_>)> = Vec::new();
    for line in tail.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (Some(level), Some(id)) = (words.next(), words.next()) else { continue };
        if id == "-" {
            continue; // of no call
        }
        let index = calls.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
            calls.push((id, Vec::new()));
            calls.len() - 1
        });
        let fields = fields(line);
        // It may fail before Asterisk has said that it plays it.
        if fields.get("guidance").is_none_or(|guidance| guidance != MISSING) {
            calls[index].1.push((level.to_owned(), fields));
        }
    }
    calls.into_iter().map(|(_, lines)| lines).collect()
}

/// The fields of a line, `name=value`; a value with spaces is in quotes.
fn fields(line: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.rsplit(' ').next().unwrap_or_default();
        let end = match after.strip_prefix('"') {
            Some(quoted) => quoted.find('"').map_or(after.len(), |end| end + 2),
            None => after.find(' ').unwrap_or(after.len()),
        };
        let (value, following) = after.split_at(end);
        let value = if VARYING.contains(&name) { "…" } else { value };
        if !LEFT_OUT.contains(&name) {
            fields.insert(name.to_owned(), value.to_owned());
        }
        rest = following;
    }
    fields
}
