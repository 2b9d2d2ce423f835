//! What `karipass check` finds wrong with an Asterisk.

use std::sync::Arc;
use std::time::Duration;

use karipass::ari::{Expected, Finding, check};
use karipass::call::prompt::SOUNDS;
use karipass::config::{Ari, Secret};
use karipass_lab::fake_asterisk::{FakeAsterisk, Reply};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::world::{World, trial};

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![
        trial(world, "ari::check_finds_nothing_wrong_with_a_sound_asterisk", sound),
        trial(world, "ari::check_finds_everything_that_is_wrong_at_once", everything),
        trial(world, "ari::check_compares_the_dialplan_with_the_configuration", another_dialplan),
        trial(world, "ari::check_says_why_it_cannot_look", nothing_to_look_at),
    ]
}

/// A fake that is as it should be.
async fn healthy() -> FakeAsterisk {
    let fake = FakeAsterisk::start().await.unwrap();
    fake.has_sounds(SOUNDS);
    fake.on("GET", "/asterisk/info", answer(json!({ "system": { "version": "22.10.1" } })));
    let modules: Vec<Value> = [
        "app_stasis.so",
        "format_wav.so",
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
        ("KARIPASS_ORPHAN_SECONDS", "301"),
    ] {
        fake.on("GET", &format!("variable={global}"), answer(json!({ "value": value })));
    }
    fake
}

fn answer(body: Value) -> Reply {
    Reply::With(200, body)
}

async fn findings(fake: &FakeAsterisk) -> Vec<Finding> {
    let (user, password) = ("karipass".to_owned(), Secret::from("ari-secret".to_owned()));
    let url = fake.url().parse().unwrap();
    let ari = Ari { url, app: "karipass".to_owned(), user, password, sounds: None };
    let (set_up_number, call) = ("0664806430".parse().unwrap(), Duration::from_mins(5));
    check(&ari, Expected { app: "karipass", set_up_number, call }).await
}

/// Whether one of the findings is wrong, not only doubtful, and names all of this.
fn names(findings: &[Finding], words: &[&str]) -> bool {
    findings.iter().any(|finding| match finding {
        Finding::Wrong(text) => words.iter().all(|word| text.contains(word)),
        Finding::Doubtful(_) => false,
    })
}

async fn sound(_world: Arc<World>) {
    assert_eq!(findings(&healthy().await).await, []);
}

async fn everything(_world: Arc<World>) {
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
        &["full", "digits"],
        &["read_only"],
        &["channels", "500"],
        &["karipass/menu"],
    ] {
        assert!(names(&findings, words), "{words:?} is not named: {findings:#?}");
    }
}

async fn another_dialplan(_world: Arc<World>) {
    for (global, value, words) in [
        ("KARIPASS_APPS", "karipas", &["KARIPASS_APP", "ari.app karipass"][..]),
        ("SET_UP_NUMBER", "0664806431", &["SET_UP_NUMBER", "0664806431", "0664806430"]),
        ("KARIPASS_ORPHAN_SECONDS", "300", &["KARIPASS_ORPHAN_SECONDS", "call.limit_s 300"]),
        ("KARIPASS_ORPHAN_SECONDS", "15m", &["KARIPASS_ORPHAN_SECONDS", "call.limit_s 300"]),
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

async fn nothing_to_look_at(_world: Arc<World>) {
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
