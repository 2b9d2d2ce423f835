//! The line on a PBX that already has a configuration: Debian's sample files, and one in the manner
//! of FreePBX. It gets the lines of `docs/installing.md`, or those that `karipass check` prints. A
//! real call then sets a password.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use karipass_lab::asterisk::{AsteriskSetup, CARRIER, Phone};
use karipass_lab::daemon::DaemonSetup;
use karipass_lab::postgres::Database;
use karipass_lab::repository;
use karipass_lab::subscriber::{Caller, Line};
use serde_json::Value;

use crate::attacks::agent::Agent;
use crate::attacks::ear::Ear;
use crate::attacks::{DESK, wait_until_bridged};
use crate::check::check;
use crate::story::{Family, PHONE_FAMILY, Story, complete};
use crate::system::{KARIPASS, PATIENT, System};

const DOCUMENT: &str = "docs/installing.md";
const FREEPBX: &str = "tests/e2e/existing/freepbx";
/// The heading of the lines that every PBX gets.
const EVERY: &str = "### On every PBX";

/// An extension of the configuration in the manner of FreePBX, as its `pjsip.auth.conf` has it.
const EXTENSION: (&str, &str) = ("201", "d3f1a6b5c2");
/// Its direct number, and that of an extension with follow-me.
const DIRECT: [&str; 2] = ["0612345699", "0612345698"];

/// The context of telephones there, and the administrator's part of it, which transfers reach too.
const TELEPHONES: [&str; 2] = ["[from-internal]", "[from-internal-custom]"];

/// What remains of warnings there: the PBX's other users, its log with `verbose`, and messages
/// between telephones.
const WARNINGS: [&str; 5] = ["freepbxuser", "wallboard", "/full", "full has", "a MESSAGE"];

/// How often `check` may find more, once what it found before is there.
const ROUNDS: usize = 4;

/// Files of Asterisk's folder, and lines for their ends.
type Lines = Vec<(String, String)>;

#[test]
fn the_documents_lines_serve_the_line_on_debians_sample_configuration() -> Result<()> {
    let system = System::with_asterisk(|setup, _| {
        let setup = debian(setup)?;
        add(&setup, &documented(&[EVERY, "### A new trunk"])?)?;
        Ok(setup)
    })?;
    let (status, said) = check(&system, &[])?;
    ensure!((status, said.as_str()) == (Some(0), "no problems found\n"), "{status:?}: {said}");
    // `asterisk -rx 'core reload'`, and `asterisk -rx 'dialplan reload'` of an upgrade.
    for reload in ["core reload", "dialplan reload"] {
        system.asterisk.console(reload)?;
    }
    set_a_password(&system.with_daemon(&PATIENT)?)
}

#[test]
fn the_documents_lines_serve_the_line_beside_freepbx() -> Result<()> {
    let desk = Agent::socket(DESK)?;
    let system = System::with_asterisk(|setup, _| {
        let setup = freepbx(setup)?;
        let contact = format!("[202](+type=aor)\ncontact = sip:202@{}\n", desk.local_addr()?);
        append(&setup, "pjsip.aor.conf", &contact)?;
        let hooks = hooks()?;
        let headings = [
            EVERY,
            "### A trunk that you have",
            "### Telephones of subscribers",
            "### Keyed digits elsewhere",
        ];
        let lines = documented(&headings)?.into_iter().map(|(file, lines)| {
            let hook = hooks.get(&file).with_context(|| format!("no hook for {file}"))?;
            Ok((hook.clone(), lines.replace(TELEPHONES[0], TELEPHONES[1])))
        });
        add(&setup, &lines.collect::<Result<Lines>>()?)?;
        Ok(setup)
    })?;
    let (status, said) = check(&system, &[])?;
    ensure!(status == Some(0), "{status:?}: {said}");
    for line in said.lines().filter(|line| !line.starts_with(' ')) {
        let is_expected = WARNINGS.iter().any(|words| line.contains(words));
        ensure!(line.starts_with("warning: ") && is_expected, "{said}");
    }
    let system = system.with_daemon(&PATIENT)?;
    set_a_password(&system)?;
    a_telephone_sets_a_password(&system)?;
    expect_a_transferred_call_to_be_refused(&system, desk)?;
    expect_forwarded_calls_to_be_refused(&system)
}

#[test]
fn r_check_leads_from_debians_sample_configuration_to_a_call() -> Result<()> {
    let system = System::with_asterisk(|setup, database| led(debian(setup)?, database))?;
    let (status, said) = check(&system, &[])?;
    ensure!((status, said.as_str()) == (Some(0), "no problems found\n"), "{status:?}: {said}");
    set_a_password(&system.with_daemon(&PATIENT)?)
}

#[test]
fn r_check_leads_from_freepbx_to_a_call() -> Result<()> {
    let system = System::with_asterisk(|setup, database| led(freepbx(setup)?, database))?;
    let (status, said) = check(&system, &[])?;
    ensure!(status == Some(0), "{status:?}: {said}");
    set_a_password(&system.with_daemon(&PATIENT)?)
}

/// Debian's configuration, on a port of its own.
fn debian(setup: AsteriskSetup) -> Result<AsteriskSetup> {
    let packaged = setup.packaged_etc.clone();
    let setup = setup.with_configuration(&packaged)?;
    let port = format!("[general](+)\nbindport = {}\n", setup.ari.port());
    append(&setup, "http.conf", &port)?;
    Ok(setup)
}

/// One in the manner of FreePBX, with the files that its administrator has not written yet.
fn freepbx(setup: AsteriskSetup) -> Result<AsteriskSetup> {
    let setup = setup.with_configuration(&repository().join(FREEPBX))?;
    for entry in fs::read_dir(repository().join(FREEPBX))? {
        let text = fs::read_to_string(entry?.path())?;
        for file in text.lines().filter_map(|line| line.strip_prefix("#include ")) {
            append(&setup, file, "")?;
        }
    }
    let port = format!("[general](+)\nbindport = {}\n", setup.ari.port());
    append(&setup, "http_custom.conf", &port)?;
    let bind = format!("[0.0.0.0-udp](+)\nbind = {}\n", setup.sip);
    append(&setup, "pjsip.transports_custom_post.conf", &bind)?;
    Ok(setup)
}

/// Adds the lines that `karipass check` prints, until it prints none, all before Asterisk starts.
fn led(setup: AsteriskSetup, database: &Database) -> Result<AsteriskSetup> {
    let folder = setup.folder.join("operator");
    let daemon = DaemonSetup::new(Path::new(KARIPASS), folder, &setup, database)?;
    daemon.lay_out()?;
    for _ in 0..ROUNDS {
        let ran = daemon.operator().args(["check", "--json"]).output()?;
        let said = String::from_utf8(ran.stdout)?;
        let found: Vec<Value> = said.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let lines = found.iter().filter_map(|it| Some((text(&it["file"])?, text(&it["add"])?)));
        let lines: Lines = lines.collect();
        if lines.is_empty() {
            let errors = found.iter().filter(|it| it["level"] == "error").count();
            ensure!(errors == 1, "more is wrong than that Asterisk does not run:\n{said}");
            return Ok(setup);
        }
        add(&setup, &lines)?;
    }
    anyhow::bail!("check finds no end")
}

/// Adds lines to files that are there, with this test's addresses, numbers and secrets in place of
/// the examples.
fn add(setup: &AsteriskSetup, lines: &Lines) -> Result<()> {
    let dialplan = repository().join("dialplan/karipass.conf");
    let examples = [
        ("…", setup.ari_password.clone()),
        ("0.0.0.0:5060", setup.sip.to_string()),
        ("192.0.2.10", CARRIER.to_string()),
        ("0612345600", Family::new(PHONE_FAMILY).contract),
        ("/usr/share/karipass/asterisk/karipass.conf", dialplan.display().to_string()),
    ];
    for (file, text) in lines {
        ensure!(setup.etc().join(file).exists(), "there is no {file}");
        let mut text = text.clone();
        for (example, value) in &examples {
            text = text.replace(example, value);
        }
        append(setup, file, &format!("\n{text}\n"))?;
    }
    Ok(())
}

fn append(setup: &AsteriskSetup, file: &str, text: &str) -> Result<()> {
    let mut file = File::options().create(true).append(true).open(setup.etc().join(file))?;
    Ok(file.write_all(text.as_bytes())?)
}

/// The blocks of the document below these headings. The first line of each names its file.
fn documented(headings: &[&str]) -> Result<Lines> {
    let document = fs::read_to_string(repository().join(DOCUMENT))?;
    let mut found = Lines::new();
    for heading in headings {
        let (_, section) =
            document.split_once(&format!("\n{heading}\n")).context("no such heading")?;
        let section = section.split("\n### ").next().unwrap_or_default();
        let section = section.split("\n## ").next().unwrap_or_default();
        let before = found.len();
        for block in section.split("```ini\n; ").skip(1) {
            let (block, _) = block.split_once("```").context("a block without an end")?;
            let (file, lines) = block.split_once('\n').context("a block without lines")?;
            found.push((file.to_owned(), lines.to_owned()));
        }
        ensure!(found.len() > before, "{heading} has no lines");
    }
    Ok(found)
}

/// The document's table: a file, and where FreePBX has its lines.
fn hooks() -> Result<BTreeMap<String, String>> {
    let document = fs::read_to_string(repository().join(DOCUMENT))?;
    let rows = document.lines().filter_map(|line| {
        let mut names = line.strip_prefix("| `")?.split('`');
        let (file, hook) = (names.next()?, names.nth(1)?);
        hook.contains("_custom").then(|| (file.to_owned(), hook.to_owned()))
    });
    Ok(rows.collect())
}

fn set_a_password(system: &System) -> Result<()> {
    let story = Story::new(system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

fn a_telephone_sets_a_password(system: &System) -> Result<()> {
    let story = Story::of_the_telephone(system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let (number, secret) = EXTENSION;
    let phone = Phone { number: number.to_owned(), password: secret.to_owned() };
    let mut call = Caller::telephone(&phone, number).call(&system.line())?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

/// An extension transfers a caller of its direct number, whom the carrier vouches for.
fn expect_a_transferred_call_to_be_refused(system: &System, desk: UdpSocket) -> Result<()> {
    let story = Story::new(system)?;
    let (contract, sip) = (&story.family.contract, system.asterisk.setup.sip);
    system.wait(async {
        let mut desk = Agent::new(desk, sip)?;
        let mut carrier = Agent::new(Agent::socket(CARRIER)?, sip)?;
        let asserted = format!("P-Asserted-Identity: <sip:{contract}@x>\r\n");
        let ear = Ear::new(CARRIER)?;
        let offer = ear.offer();
        let mut called = carrier.invite_with(DIRECT[1], contract, &asserted, &offer).await?;
        let mut taken = desk.take_call("200 OK", "").await?;
        carrier.expect_answer(&mut called).await?;
        wait_until_bridged(&system.asterisk).await?;
        let to = format!("Refer-To: <sip:{}@{sip}>\r\n", system.line().number);
        let status = desk.request("REFER", &mut taken, &to, "").await?;
        ensure!(status == 202, "the transfer is refused: {status}");
        carrier.expect_hangup().await?;
        ear.expect_last("not-available").await
    })?;
    story.expect_nothing_stored()
}

/// Call forwarding by `Goto`, and follow me through `Local` channels.
fn expect_forwarded_calls_to_be_refused(system: &System) -> Result<()> {
    let story = Story::new(system)?;
    let number = &system.line().number;
    for entry in [
        format!("CF 201 {number}"),
        "AMPUSER/202/followme ddial DIRECT".to_owned(),
        format!("AMPUSER/202/followme grplist {number}"),
    ] {
        system.asterisk.console(&format!("database put {entry}"))?;
    }
    for direct in DIRECT {
        let line = Line::new(system.asterisk.setup.sip, direct);
        let mut call = Caller::asserted(&story.family.contract).call(&line)?;
        call.hear_whole("not-available")?.expect_hangup()?;
    }
    story.expect_nothing_stored()
}
