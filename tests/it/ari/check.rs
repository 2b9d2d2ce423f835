//! What `karipass check` finds wrong with an Asterisk.

use std::fs;
use std::path::Path;

use domain::dialog::prompt::SOUNDS;
use karipass::asterisk::{Expected, Finding, check};
use karipass::config::{Ari, Secret};
use karipass_lab::fake_asterisk::{FakeAsterisk, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A file of the samples, a text of it, what stands in its place, and what the finding names.
type Fault = (&'static str, &'static str, &'static str, &'static [&'static str]);

const FAULTS: [Fault; 10] = [
    ("http.conf", "sessionlimit = 256", "", &["http.conf", "sessionlimit", "100"]),
    ("http.conf", "sessionlimit = 256", "sessionlimit = 50", &["http.conf", "50"]),
    ("ari.conf", "websocket_write_timeout = 5000", "", &["websocket_write_timeout", "100 ms"]),
    ("logger.conf", "messages.log => warning", "messages.log => dtmf", &["messages.log", "dtmf"]),
    ("logger.conf", "security.log => security", "full => *", &["logger.conf: full", "digits"]),
    ("cel.conf", "enable = no", "enable = yes\nevents = ALL", &["cel.conf", "ALL"]),
    ("cel.conf", "enable = no", "enable = yes\nevents = ANSWER,dtmf", &["cel.conf", "DTMF"]),
    (
        "cel.conf",
        "enable = no",
        "enable = yes\nevents = DTMF\nevents = ANSWER",
        &["cel.conf", "DTMF"],
    ),
    ("pjsip.conf", "\nidentify_by = ip\n", "\n", &["endpoint carrier", "identify_by = ip"]),
    (
        "pjsip.conf",
        "[karipass-phone-auth](!)",
        "[tel](karipass-phone)\ncallerid = <0612345600>\n[y]",
        &["endpoint tel", "neither auth"],
    ),
];

/// The same for what is doubtful.
const DOUBTS: [Fault; 3] = [
    ("pjsip.conf", "trust_id_inbound = yes", "", &["pjsip.conf", "not-available"]),
    ("pjsip.conf", "dtmf_mode = auto ", ";", &["endpoint carrier", "dtmf_mode"]),
    ("rtp.conf", "[general]", "[general]\nstrictrtp = no", &["rtp.conf", "strictrtp"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_nothing_wrong_with_a_sound_asterisk() {
    assert_eq!(findings(&healthy().await).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_everything_that_is_wrong_at_once() {
    let fake = healthy().await;
    fake.has_sounds(SOUNDS.into_iter().filter(|sound| *sound != "karipass/menu"));
    fake.on("GET", "/asterisk/info", answer(json!({ "system": { "version": "18.20.0" } })));
    fake.on("GET", "/asterisk/modules", answer(json!([])));
    let log = json!([{ "channel": "full", "configuration": "NOTICE DTMF " }]);
    fake.on("GET", "/asterisk/logging", answer(log));
    fake.on("DELETE", "/playbacks/", Reply::With(403, json!({})));
    fake.on("GET", "/channels/", Reply::With(500, json!({})));
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
        assert!(names(&findings, words), "{words:?} is not named: {findings:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_compares_the_dialplan_with_the_configuration() {
    for (global, value, words) in [
        ("KARIPASS_APPS", "karipas", &["KARIPASS_APP", "ari.app karipass"][..]),
        ("SET_UP_NUMBER", "0664806431", &["SET_UP_NUMBER", "0664806431", "0664806430"]),
        ("KARIPASS_ANSWER_SECONDS", "9", &["KARIPASS_ANSWER_SECONDS", "from 10 to 12"]),
        ("KARIPASS_ANSWER_SECONDS", "13", &["KARIPASS_ANSWER_SECONDS", "from 10 to 12"]),
        ("KARIPASS_ANSWER_SECONDS", "15s", &["KARIPASS_ANSWER_SECONDS", "from 10 to 12"]),
    ] {
        let fake = healthy().await;
        let variable = format!("variable={global}");
        fake.on("GET", &variable, answer(json!({ "value": value })));
        let found = findings(&fake).await;
        assert!(found.len() == 1 && names(&found, words), "{global}={value}: {found:#?}");
        fake.on("GET", &variable, answer(json!({ "value": "" })));
        let found = findings(&fake).await;
        assert!(
            matches!(&found[..], [Finding::Doubtful(text)] if text.contains(global)),
            "{found:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_what_stands_in_asterisks_files_alone() {
    let fake = healthy().await;
    for fault @ (file, _, instead, words) in FAULTS {
        let found = findings_with_fault(&fake, fault).await;
        assert!(found.len() == 1 && names(&found, words), "{file}: {instead}: {found:#?}");
    }
    for fault @ (_, _, instead, words) in DOUBTS {
        let found = findings_with_fault(&fake, fault).await;
        let is_told = |text: &str| words.iter().all(|word| text.contains(word));
        assert!(
            matches!(&found[..], [Finding::Doubtful(text)] if is_told(text)),
            "{instead}: {found:#?}"
        );
    }
    let etc = samples();
    fs::remove_file(etc.path().join("karipass.d/ari.conf")).unwrap();
    let found = findings_with(&fake, Some(etc.path())).await;
    let is_told = |text: &str| text.contains("ari.conf was not seen whole");
    assert!(matches!(&found[..], [Finding::Doubtful(text)] if is_told(text)), "{found:#?}");
    let found = findings_with(&fake, Some(&etc.path().join("none"))).await;
    assert!(found.len() == 1 && names(&found, &["ari.config_dir", "no folder"]), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_who_else_is_told_digits() {
    let fake = healthy().await;
    let etc = samples();
    let local = |file: &str, text: &str| {
        let file = etc.path().join(file);
        let before = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, before + text).unwrap();
    };
    local("karipass.d/http.conf", "bindaddr = 0.0.0.0\n");
    local("ari.conf", "\n[other]\ntype = user\nread_only = yes\npassword = unused\n");
    local(
        "manager.conf",
        "[general]\nenabled = yes\nbindaddr = 192.0.2.1\n[quiet]\nread = system,call\n\
         [wall]\nread = call,dtmf\n[every](quiet)\nread = all\n",
    );
    local("hep.conf", "[general]\nenabled = yes\ncapture_address = 192.0.2.9:9060\n");
    let modules = fake_modules(&["res_hep_pjsip.so", "res_timing_pthread.so"]);
    fake.on("GET", "/asterisk/modules", answer(modules));
    let found = findings_with(&fake, Some(etc.path())).await;
    for words in [
        &["http.conf", "0.0.0.0"][..],
        &["manager.conf", "192.0.2.1"],
        &["manager.conf", "user wall"],
        &["manager.conf", "user every"],
    ] {
        assert!(names(&found, words), "{words:?}: {found:#?}");
    }
    let doubts = |found: &[Finding], word: &str| {
        found.iter().any(|it| matches!(it, Finding::Doubtful(told) if told.contains(word)))
    };
    assert!(doubts(&found, "user other"), "{found:#?}");
    assert!(doubts(&found, "res_hep_pjsip.so"), "{found:#?}");
    assert!(!found.iter().any(|it| format!("{it:?}").contains("quiet")), "{found:#?}");
    // AMI that is off, and a copier that is off, tell nobody.
    fs::write(etc.path().join("manager.conf"), "[general]\nenabled = no\n[wall]\nread = all\n")
        .unwrap();
    fs::write(etc.path().join("hep.conf"), "[general]\nenabled = no\n").unwrap();
    let found = findings_with(&fake, Some(etc.path())).await;
    assert!(!names(&found, &["manager.conf"]) && !doubts(&found, "res_hep"), "{found:#?}");
    fake.on("GET", "/asterisk/modules", answer(fake_modules(&[])));
    let found = findings_with(&fake, Some(etc.path())).await;
    assert!(doubts(&found, "timing modules"), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_doubts_a_sound_in_two_formats() {
    let fake = healthy().await;
    let sounds = SOUNDS.iter().map(|id| {
        let formats: &[&str] = if *id == "karipass/menu" { &["wav", "ulaw"] } else { &["wav"] };
        let formats = formats.iter().map(|format| json!({ "language": "ja", "format": format }));
        json!({ "id": id, "formats": formats.collect::<Value>() })
    });
    fake.on("GET", "/sounds", answer(sounds.collect()));
    let found = findings(&fake).await;
    let [Finding::Doubtful(told)] = &found[..] else { panic!("{found:#?}") };
    assert!(told.contains("karipass/menu is there as wav and ulaw"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_it_cannot_see_without_the_files() {
    let found = findings_with(&healthy().await, None).await;
    let is_told = |text: &str| text.contains("set ari.config_dir");
    assert!(matches!(&found[..], [Finding::Doubtful(text)] if is_told(text)), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_a_clock_that_is_wrong() {
    let fake = healthy().await;
    let etc = samples();
    let untold = findings_now(&fake, Some(etc.path())).await;
    assert!(untold.len() == 1 && names(&untold, &["did not tell its time"]), "{untold:#?}");
    let now = karipass::clock::wall_clock().as_second();
    for (epoch, told) in [
        ((now - 3600).to_string(), "clock is -"),
        ((now + 3600).to_string(), "clock is +"),
        (String::new(), "did not tell its time"),
        ("noon".to_owned(), "did not tell its time"),
        ("NaN".to_owned(), "did not tell its time"),
    ] {
        shows(&fake, &epoch);
        let found = findings_now(&fake, Some(etc.path())).await;
        assert!(found.len() == 1 && names(&found, &["Asterisk", told]), "{epoch}: {found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_why_it_cannot_look() {
    let fake = healthy().await;
    fake.on("GET", "/asterisk/info", Reply::With(401, json!({})));
    assert!(names(&findings(&fake).await, &["ari.user", "ari.password"]));
    fake.on("GET", "/asterisk/info", Reply::With(404, json!({})));
    assert!(names(&findings(&fake).await, &["no ARI", fake.url()]));
    fake.on("GET", "/asterisk/info", Reply::With(200, json!([])));
    assert!(names(&findings(&fake).await, &["not understood"]));
    fake.on("GET", "/asterisk/info", Reply::CutOff);
    assert!(names(&findings(&fake).await, &["did not answer"]));
}

/// A fake that is as it should be.
async fn healthy() -> FakeAsterisk {
    let fake = FakeAsterisk::start().await.unwrap();
    fake.has_sounds(SOUNDS);
    fake.on("GET", "/asterisk/info", answer(json!({ "system": { "version": "22.10.1" } })));
    let modules: Vec<Value> = [
        "app_exec.so",
        "app_playback.so",
        "app_stack.so",
        "app_stasis.so",
        "format_wav.so",
        "func_callerid.so",
        "func_channel.so",
        "func_cut.so",
        "func_logic.so",
        "func_pjsip_endpoint.so",
        "func_strings.so",
        "func_timeout.so",
        "res_ari.so",
        "res_ari_applications.so",
        "res_ari_asterisk.so",
        "res_ari_channels.so",
        "res_ari_events.so",
        "res_ari_playbacks.so",
        "res_ari_sounds.so",
        "res_http_websocket.so",
        "res_stasis.so",
        "res_stasis_answer.so",
        "res_stasis_playback.so",
        "res_timing_timerfd.so",
    ]
    .iter()
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

fn answer(body: Value) -> Reply {
    Reply::With(200, body)
}

/// What is found if Asterisk's files are the samples.
async fn findings(fake: &FakeAsterisk) -> Vec<Finding> {
    let etc = samples();
    findings_with(fake, Some(etc.path())).await
}

async fn findings_with(fake: &FakeAsterisk, etc: Option<&Path>) -> Vec<Finding> {
    shows(fake, &karipass::clock::wall_clock().as_second().to_string());
    findings_now(fake, etc).await
}

/// From now on this is the time of the fake.
fn shows(fake: &FakeAsterisk, epoch: &str) {
    fake.on("GET", "variable=EPOCH", answer(json!({ "value": epoch })));
}

/// The same as the fake's clock stands.
async fn findings_now(fake: &FakeAsterisk, etc: Option<&Path>) -> Vec<Finding> {
    let (user, password) = ("karipass".to_owned(), Secret::from("ari-secret".to_owned()));
    let url = fake.url().parse().unwrap();
    let (app, etc) = ("karipass".to_owned(), etc.map(Path::to_path_buf));
    let ari = Ari { url, app, user, password, ca_file: None, sounds_dir: None, config_dir: etc };
    let set_up_number = "0664806430".parse().unwrap();
    check(&ari, Expected { app: "karipass", set_up_number, media_networks: &[] }).await
}

/// The samples as they are, with the one local file that they cannot do without.
fn samples() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for samples in ["asterisk/etc", "dialplan"] {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join(samples);
        for entry in fs::read_dir(samples).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::create_dir(folder.path().join("karipass.d")).unwrap();
    fs::write(folder.path().join("karipass.d/ari.conf"), "password = unused\n").unwrap();
    folder
}

/// Whether one of the findings is wrong, not only doubtful, and names all of this.
fn names(findings: &[Finding], words: &[&str]) -> bool {
    findings.iter().any(|finding| match finding {
        Finding::Wrong(text) => words.iter().all(|word| text.contains(word)),
        Finding::Doubtful(_) => false,
    })
}

/// What is found with a fault in the samples.
async fn findings_with_fault(fake: &FakeAsterisk, (file, text, instead, _): Fault) -> Vec<Finding> {
    let etc = samples();
    let path = etc.path().join(file);
    let sample = fs::read_to_string(&path).unwrap_or_default();
    assert!(sample.contains(text), "{file} has no {text}");
    fs::write(&path, sample.replacen(text, instead, 1)).unwrap();
    findings_with(fake, Some(etc.path())).await
}

/// What ARI tells of these modules.
fn fake_modules(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "name": name, "status": "Running" })).collect()
}
