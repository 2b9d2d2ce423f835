//! `karipass check` on a real Asterisk: no findings for the samples, and every planted fault is
//! named.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use karipass_lab::daemon::DaemonSetup;

use crate::system::{KARIPASS, System};

/// Faults in an operator's own files, by the files of `karipass.d`.
const PLANTED: [(&str, &str); 3] = [
    ("http.conf", "sessionlimit = 50\n"),
    ("ari.conf", "[general](+)\nwebsocket_write_timeout = 100\n"),
    (
        "phones.conf",
        "[named](karipass-endpoint)\ncontext = karipass-trunk\ntrust_id_inbound = yes\n\
         [named]\ntype = identify\nendpoint = named\nmatch = 127.0.0.9\n\
         [open](karipass-phone)\ncallerid = <0612345609>\n",
    ),
];

/// The words that name each of them, and each fault in the running Asterisk's own files.
const NAMED: [&[&str]; 7] = [
    &["http.conf", "sessionlimit is 50"],
    &["ari.conf", "websocket_write_timeout is 100 ms"],
    &["endpoint named", "identify_by = ip"],
    &["endpoint open", "neither auth"],
    &["logger.conf: messages.log", "dtmf"],
    &["Asterisk's log", "messages.log", "keyed digits"],
    &["cel.conf", "ALL"],
];

#[test]
fn r_check_has_nothing_to_say_of_the_samples() -> Result<()> {
    let system = System::without_daemon(&[])?;
    let (status, said) = check(&system, &[])?;
    ensure!((status, said.as_str()) == (Some(0), "no problems found\n"), "{status:?}: {said}");
    Ok(())
}

#[test]
fn r_check_names_every_fault_in_asterisks_configuration() -> Result<()> {
    let system = System::without_daemon(&PLANTED)?;
    let etc = system.asterisk.setup.etc();
    replace(&etc.join("logger.conf"), "messages.log => ", "messages.log => dtmf,")?;
    replace(&etc.join("cel.conf"), "enable = no", "enable = yes\nevents = ALL")?;
    system.asterisk.console("logger reload")?;
    let (status, said) = check(&system, &[])?;
    ensure!(status == Some(1), "{status:?}: {said}");
    for words in NAMED {
        let is_named = |line: &str| {
            line.starts_with("error: ") && words.iter().all(|word| line.contains(word))
        };
        ensure!(said.lines().any(is_named), "{words:?} is not named:\n{said}");
    }
    let is_finding = |line: &&str| !line.starts_with(' ');
    let named = said.lines().filter(is_finding).count();
    ensure!(named == NAMED.len(), "more is named than was planted:\n{said}");
    Ok(())
}

fn replace(file: &Path, text: &str, instead: &str) -> Result<()> {
    let sample = fs::read_to_string(file)?;
    ensure!(sample.contains(text), "{} has no {text}", file.display());
    Ok(fs::write(file, sample.replacen(text, instead, 1))?)
}

/// Exit status and standard output of `karipass check` beside this system.
pub fn check(system: &System, variables: &[(&str, &str)]) -> Result<(Option<i32>, String)> {
    let folder = system.folder.path().join("operator");
    let (asterisk, database) = (&system.asterisk.setup, &system.database);
    let setup = DaemonSetup::new(Path::new(KARIPASS), folder, asterisk, database)?
        .variables(variables.iter().copied());
    setup.lay_out()?;
    let ran = setup.operator().arg("check").output().context("karipass check")?;
    Ok((ran.status.code(), String::from_utf8(ran.stdout)?))
}
