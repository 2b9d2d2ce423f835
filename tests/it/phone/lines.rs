//! The log lines of a call: one line per event, with fields.

use serde_json::{Value, json};

use super::rig::{self, CONTRACT, Rig, RigOptions, lines_with};

/// The events of a call, each with its fields except the text and values that change from run to
/// run.
fn events(channel: &str) -> Vec<Value> {
    let lines =
        lines_with(channel).into_iter().filter(|line| line["fields"]["event"] != Value::Null);
    lines
        .map(|mut line| {
            assert_eq!(line["span"]["channel"], channel);
            let mut fields = line["fields"].take();
            for varying in ["message", "pbx", "duration_ms"] {
                fields.as_object_mut().unwrap().remove(varying);
            }
            fields
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_of_a_call_is_one_line_that_says_how_many_digits_and_never_which() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.call("lines.1", &["trusted", CONTRACT, "a84b4c76@192.0.2.1", "asserted"]);
    rig.fake.wait_for_playback("lines.1", "menu").await;
    rig.fake.press("lines.1", "9");
    rig.fake.wait_for_playback("lines.1", "invalid").await;
    // After its beginning come the silence's stop and the next silence.
    rig.fake.wait_for_request("POST", "karipass/quiet", 2).await;
    rig.fake.press("lines.1", "1");
    rig.fake.wait_for_playback("lines.1", "set-password").await;
    rig.fake.press("lines.1", "80318472");
    rig.fake.wait_for_playback("lines.1", "confirm-password").await;
    rig.fake.press("lines.1", "80318472");
    rig.fake.wait_for_confirmed_playback("lines.1", "completed").await;
    rig.fake.hang_up("lines.1");
    rig.expect_end("lines.1", "stored").await;
    let guidance = |name: &str| json!({ "event": "guidance", "guidance": name });
    let barge_in = || json!({ "event": "barge_in" });
    let entry = |step: &str, digits: u8| json!({ "event": "entry", "step": step, "digits": digits, "by_silence": false });
    let expected = [
        json!({
            "event": "came_in", "caller": "061234****", "verdict": "trusted", "adopted": false,
            "endpoint": "PJSIP/carrier", "sip_call_id": "a84b4c76@192.0.2.1",
            "evidence": "asserted"
        }),
        guidance("menu"),
        barge_in(),
        json!({
            "event": "wrong_entry", "step": "menu", "digits": 1, "by_silence": false,
            "reason": "no_such_choice", "wrong_entries": 1
        }),
        guidance("invalid"),
        barge_in(),
        entry("menu", 1),
        guidance("set-password"),
        barge_in(),
        entry("password", 8),
        guidance("confirm-password"),
        barge_in(),
        entry("confirmation", 8),
        json!({ "event": "stored", "login": "061234****", "unit": "line" }),
        guidance("completed"),
        json!({ "event": "ended", "outcome": "stored", "step": "closing", "unit": "line" }),
    ];
    assert_eq!(events("lines.1"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_failure_stands_between_the_lines_of_its_call() {
    let rig =
        Rig::start(RigOptions { db: Some(rig::unreachable_db()), ..RigOptions::default() }).await;
    rig.fake.call("lines.2", &["trusted", CONTRACT]);
    rig.fake.call("lines.3", &["withheld", ""]);
    for (channel, last, outcome) in
        [("lines.2", "trouble", "trouble"), ("lines.3", "not-available", "not_available")]
    {
        rig.fake.wait_for_confirmed_playback(channel, last).await;
        rig.finish(channel).await;
        rig.expect_end(channel, outcome).await;
    }
    let names = |channel: &str| -> Vec<String> {
        let lines = lines_with(channel).into_iter();
        let mut names: Vec<String> = lines
            .map(|line| match &line["fields"] {
                fields if fields["error"].is_string() => format!("{} error", line["level"]),
                fields => fields["event"].as_str().unwrap_or("?").to_owned(),
            })
            .collect();
        names.dedup(); // guidance that ends at once begins again
        names
    };
    assert_eq!(names("lines.2"), ["came_in", "\"WARN\" error", "guidance", "ended"]);
    assert_eq!(names("lines.3").first().map(String::as_str), Some("came_in"));
    assert_eq!(events("lines.3")[0]["verdict"], "withheld");
    assert_eq!(events("lines.3")[0]["caller"], Value::Null);
}
