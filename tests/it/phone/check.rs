//! `karipass check` on a fake Asterisk. Unit tests of `check::files` cover the configuration files.

use std::fs;
use std::path::Path;

use domain::dialog::prompt::SOUNDS;
use karipass::check::Severity::{Error, Warning};
use karipass::check::asterisk::check;
use karipass::check::{Expected, Finding, Severity};
use karipass::config::{AriSettings, Secret};
use karipass_fake_asterisk::{FakeAsterisk, FakeReply};
use serde_json::{Value, json};
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_every_fault_at_once() {
    let fake = healthy().await;
    fake.set_sounds(SOUNDS.into_iter().filter(|sound| *sound != "karipass/menu"));
    fake.on("GET", "/asterisk/info", answer(json!({ "system": { "version": "18.20.0" } })));
    fake.on("GET", "/asterisk/modules", answer(json!([])));
    let log = json!([{ "channel": "full", "configuration": "NOTICE DTMF " }]);
    fake.on("GET", "/asterisk/logging", answer(log));
    fake.on("DELETE", "/playbacks/", FakeReply::With(403, json!({})));
    fake.on("GET", "/channels/", FakeReply::With(500, json!({})));
    let findings = findings(&fake).await;
    for words in [
        &["18.20.0", "too old"][..],
        &["app_stasis.so"],
        &["func_timeout.so"],
        &["full", "digits"],
        &["read_only"],
        &["channels", "500"],
        &["karipass/menu"],
    ] {
        assert!(has(&findings, Error, words), "{words:?} is not named: {findings:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_compares_the_dialplan_with_the_configuration() {
    for (global, value, words) in [
        ("KARIPASS_APPS", "karipas", &["KARIPASS_APPS", "ari.app is karipass"][..]),
        ("SET_UP_NUMBER", "0664806431", &["SET_UP_NUMBER", "0664806431", "0664806430"]),
        ("KARIPASS_ANSWER_SECONDS", "9", &["KARIPASS_ANSWER_SECONDS", "from 10 to 12"]),
        ("KARIPASS_ANSWER_SECONDS", "13", &["KARIPASS_ANSWER_SECONDS", "from 10 to 12"]),
        ("KARIPASS_ANSWER_SECONDS", "15s", &["KARIPASS_ANSWER_SECONDS", "from 10 to 12"]),
    ] {
        let fake = healthy().await;
        let variable = format!("variable={global}");
        fake.on("GET", &variable, answer(json!({ "value": value })));
        let found = findings(&fake).await;
        assert!(has_only(&found, Error, words), "{global}={value}: {found:#?}");
        fake.on("GET", &variable, answer(json!({ "value": "" })));
        let found = findings(&fake).await;
        assert!(has_only(&found, Error, &[global, "reload"]), "{found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_warns_of_a_sound_in_two_formats() {
    let fake = healthy().await;
    let sounds = SOUNDS.iter().map(|id| {
        let formats: &[&str] = if *id == "karipass/menu" { &["wav", "ulaw"] } else { &["wav"] };
        let formats = formats.iter().map(|format| json!({ "language": "ja", "format": format }));
        json!({ "id": id, "formats": formats.collect::<Value>() })
    });
    fake.on("GET", "/sounds", answer(sounds.collect()));
    let found = findings(&fake).await;
    assert!(has_only(&found, Warning, &["karipass/menu exists as wav and ulaw"]), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_that_the_files_were_not_examined() {
    let found = findings_with(&healthy().await, None).await;
    assert!(has_only(&found, Warning, &["set ari.config_dir"]), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_a_clock_that_differs() {
    let fake = healthy().await;
    let etc = samples();
    let unknown = findings_now(&fake, Some(etc.path())).await;
    assert!(has_only(&unknown, Error, &["query Asterisk's clock"]), "{unknown:#?}");
    let now = karipass::clock::wall_clock().as_second();
    for (epoch, expected) in [
        ((now - 3600).to_string(), "differs from this machine's by -"),
        ((now + 3600).to_string(), "differs from this machine's by +"),
        (String::new(), "query Asterisk's clock"),
        ("noon".to_owned(), "query Asterisk's clock"),
        ("NaN".to_owned(), "query Asterisk's clock"),
    ] {
        shows(&fake, &epoch);
        let found = findings_now(&fake, Some(etc.path())).await;
        assert!(has_only(&found, Error, &["Asterisk", expected]), "{epoch}: {found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_why_asterisk_cannot_be_examined() {
    let fake = healthy().await;
    fake.on("GET", "/asterisk/info", FakeReply::With(401, json!({})));
    assert!(has(&findings(&fake).await, Error, &["ari.user", "ari.password"]));
    fake.on("GET", "/asterisk/info", FakeReply::With(404, json!({})));
    assert!(has(&findings(&fake).await, Error, &["no ARI", fake.url()]));
    fake.on("GET", "/asterisk/info", FakeReply::With(200, json!([])));
    assert!(has(&findings(&fake).await, Error, &["unexpected response"]));
    fake.on("GET", "/asterisk/info", FakeReply::CutOff);
    assert!(has(&findings(&fake).await, Error, &["did not answer"]));
}

/// A fake without findings.
async fn healthy() -> FakeAsterisk {
    let fake = FakeAsterisk::start().await.unwrap();
    fake.set_sounds(SOUNDS);
    fake.on("GET", "/asterisk/info", answer(json!({ "system": { "version": "22.10.1" } })));
    let modules: Vec<Value> = include_str!("../../../asterisk/etc/modules.conf")
        .lines()
        .filter_map(|line| line.strip_prefix("load = ")?.split_whitespace().next())
        .map(|name| json!({ "name": name, "status": "Running" }))
        .collect();
    fake.on("GET", "/asterisk/modules", answer(Value::from(modules)));
    let log = json!([{ "channel": "messages", "configuration": "NOTICE WARNING ERROR " }]);
    fake.on("GET", "/asterisk/logging", answer(log));
    for (global, value) in [
        ("KARIPASS_APPS", "karipass"),
        ("SET_UP_NUMBER", "0664806430"),
        ("KARIPASS_ANSWER_SECONDS", "10"),
    ] {
        fake.on("GET", &format!("variable={global}"), answer(json!({ "value": value })));
    }
    fake
}

fn answer(body: Value) -> FakeReply {
    FakeReply::With(200, body)
}

/// The findings with the samples as Asterisk's files.
async fn findings(fake: &FakeAsterisk) -> Vec<Finding> {
    let etc = samples();
    findings_with(fake, Some(etc.path())).await
}

async fn findings_with(fake: &FakeAsterisk, etc: Option<&Path>) -> Vec<Finding> {
    shows(fake, &karipass::clock::wall_clock().as_second().to_string());
    findings_now(fake, etc).await
}

/// Sets the fake's clock.
fn shows(fake: &FakeAsterisk, epoch: &str) {
    fake.on("GET", "variable=EPOCH", answer(json!({ "value": epoch })));
}

/// The findings, with the fake's clock as it is.
async fn findings_now(fake: &FakeAsterisk, etc: Option<&Path>) -> Vec<Finding> {
    let (user, password) = ("karipass".to_owned(), Secret::from("ari-secret".to_owned()));
    let url = fake.url().parse().unwrap();
    let (app, etc) = ("karipass".to_owned(), etc.map(Path::to_path_buf));
    let ari =
        AriSettings { url, app, user, password, ca_file: None, sounds_dir: None, config_dir: etc };
    let set_up_number = "0664806430".parse().unwrap();
    check(&ari, Expected { app: "karipass", set_up_number, media_networks: &[] }).await
}

/// The unchanged samples, with the one local file that they need.
fn samples() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    karipass_lab::asterisk::copy_samples(folder.path()).unwrap();
    fs::write(folder.path().join("karipass.d/ari.conf"), "password = unused\n").unwrap();
    folder
}

/// Whether one of the findings has this severity and contains all these words.
fn has(findings: &[Finding], severity: Severity, words: &[&str]) -> bool {
    findings.iter().any(|finding| {
        finding.severity == severity && words.iter().all(|word| finding.message.contains(word))
    })
}

/// Whether there is no other finding.
fn has_only(findings: &[Finding], severity: Severity, words: &[&str]) -> bool {
    findings.len() == 1 && has(findings, severity, words)
}
