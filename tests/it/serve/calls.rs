//! `karipass calls`: the calls under way at every daemon.

use serde_json::{Value, json};

use super::Whole;
use crate::site::NUMBER;
use crate::support::{karipass, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn r_karipass_calls_lists_the_calls_under_way_until_they_end() {
    let whole = Whole::ready(&[]).await;
    whole.fake.call("live.1", &["trusted", NUMBER]);
    whole.fake.wait_for_playback("live.1", "menu").await;
    whole.fake.press("live.1", "9");
    whole.fake.wait_for_playback("live.1", "invalid").await;
    whole.fake.call("live.2", &["withheld", ""]);
    whole.fake.wait_for_playback("live.2", "not-available").await;
    let listed = || -> Vec<Value> {
        let ran = karipass(&whole.database, &["--json", "calls"]);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
        let calls = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        calls
            .map(|mut call| {
                for varying in ["since", "daemon", "pbx"] {
                    assert_ne!(call[varying].take(), Value::Null, "{varying}");
                }
                call
            })
            .collect()
    };
    let call = |channel: &str, caller: Value, step: &str, wrong_entries: u8| {
        json!({
            "channel": channel, "caller": caller, "step": step, "wrong_entries": wrong_entries,
            "since": null, "daemon": null, "pbx": null
        })
    };
    let expected =
        [call("live.1", json!("061234****"), "menu", 1), call("live.2", Value::Null, "closing", 0)];
    wait_until("both calls", async || listed() == expected).await;
    let text = karipass(&whole.database, &["calls"]).out;
    assert!(text.lines().count() == 3 && text.contains("061234****"), "{text}");
    let guide = include_str!("../../../docs/operations.md");
    assert!(guide.contains(text.lines().next().unwrap()), "the guide shows other columns: {text}");
    whole.fake.hang_up("live.1");
    whole.fake.hang_up("live.2");
    wait_until("no calls", async || listed().is_empty()).await;
    let rows = "SELECT count(*) FROM daemon_calls";
    assert_eq!(whole.owner.query_one(rows, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_calls_of_a_daemon_that_reports_no_more_are_not_listed() {
    let database = crate::support::database().await;
    let gone = "INSERT INTO daemon_calls VALUES ('gone:9464', now() - interval '1 minute', '[]')";
    database.owner().await.unwrap().batch_execute(gone).await.unwrap();
    let ran = karipass(&database, &["--json", "calls"]);
    assert_eq!((ran.status, ran.out.as_str()), (0, ""));
    assert!(ran.err.contains("gone:9464"), "{}", ran.err);
}
