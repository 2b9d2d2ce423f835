//! Calls without faults.

use std::time::Duration;

use super::rig::{self, ADDITIONAL, CONTRACT, Rig, RigOptions, TRUSTED};

/// Locks of others in this database: awaited row locks, and locks of tables.
const LOCKS: &str = "SELECT count(*) FROM pg_locks
    WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_call_stores_a_password_and_says_so() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.call_up_to_confirmation("whole.1", CONTRACT).await;
    assert!(rig.passwords().await.is_empty());
    rig.fake.press("whole.1", "12345678");
    rig.fake.wait_for_playback("whole.1", "completed").await;
    assert_eq!(rig.passwords().await, [CONTRACT]);
    rig.finish("whole.1").await;
    rig.expect_end("whole.1", "stored").await;
    assert_eq!(rig.fake.requests_like("POST", "/answer").len(), 1);
    let playbacks = rig.fake.requests_like("POST", "/play/");
    for (at, request) in playbacks.iter().enumerate() {
        let again = playbacks[at + 1..].iter().take(7).any(|later| later.path == request.path);
        assert!(!again, "a playback's id is used again while it may be queued");
    }
    assert!(playbacks.iter().all(|request| request.query.starts_with("lang=ja&media=sound:")));
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_the_next_guidance_is_queued_before_the_silence_is_stopped() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.call("order.1", &TRUSTED);
    let menu = rig.fake.wait_for_playback("order.1", "menu").await;
    rig.fake.press("order.1", "1");
    let password = rig.fake.wait_for_playback("order.1", "set-password").await;
    rig.fake.wait_for_request("DELETE", &menu, 1).await;
    rig.fake.wait_for_request("POST", "karipass/quiet", 2).await;
    let mut requests = rig.fake.requests();
    requests.retain(|request| request.method != "GET");
    let place = |method: &str, part: &str| {
        let found = |request: &karipass_fake_asterisk::ReceivedRequest| {
            request.method == method && request.path.ends_with(part)
        };
        requests.iter().position(found).unwrap()
    };
    assert!(place("POST", "/answer") < place("POST", &menu));
    // Between the menu's stop and the password's guidance the silence plays: it was queued behind
    // the menu.
    let silence = place("DELETE", &menu) + 1;
    assert_eq!(requests[silence].path, format!("/channels/order.1/play/{password}"));
    assert_eq!(requests[silence + 1].method, "DELETE");
    assert_eq!(requests[silence + 2].method, "POST");
    assert!(requests[silence + 2].query.contains("karipass/quiet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_untrusted_caller_hears_not_available_and_leaves_an_audit_row() {
    let rig = Rig::start(RigOptions::default()).await;
    for (channel, arguments) in [
        ("untrusted.1", &["untrusted", CONTRACT][..]),
        ("untrusted.2", &["withheld", ""]),
        ("untrusted.3", &["trusted", "anonymous"]),
        ("untrusted.4", &["trusted", "0699999999"]),
        ("untrusted.5", &[]),
    ] {
        rig.fake.call(channel, arguments);
        rig.fake.wait_for_playback(channel, "not-available").await;
        rig.finish(channel).await;
        rig.expect_end(channel, "not_available").await;
    }
    let row = ("call".to_owned(), "not_available".to_owned());
    rig.wait_for_count(5, "SELECT count(*) FROM audit_log").await;
    assert_eq!(rig.audit().await, vec![row; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p13_hanging_up_while_the_commit_waits_stores_nothing() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.call_up_to_confirmation("early.1", CONTRACT).await;
    let mut owner = rig.database.owner().await.unwrap();
    let lock = owner.transaction().await.unwrap();
    lock.query("SELECT FROM contract FOR UPDATE", &[]).await.unwrap();
    rig.fake.press("early.1", "12345678");
    rig.wait_for_count(1, &format!("{LOCKS} AND locktype = 'tuple'")).await;
    rig.fake.hang_up("early.1");
    rig.expect_end("early.1", "hung_up").await;
    lock.commit().await.unwrap();
    rig.wait_for_count(0, &format!("{LOCKS} AND locktype = 'relation'")).await;
    assert!(rig.passwords().await.is_empty());
    assert!(rig.audit().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_once_whatever_ends_it_and_however_often() {
    let rig = Rig::start(RigOptions::default()).await;
    let kinds = ["StasisEnd", "ChannelDestroyed", "ChannelHangupRequest"];
    for (call, order) in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 0, 0], [2, 2, 1]].iter().enumerate()
    {
        let channel = format!("once.{call}.");
        rig.fake.call(&channel, &TRUSTED);
        rig.fake.wait_for_playback(&channel, "menu").await;
        rig.fake.vanish(&channel);
        for kind in order {
            rig.fake
                .send(&format!(r#"{{"type":"{}","channel":{{"id":"{channel}"}}}}"#, kinds[*kind]));
        }
        rig.fake.press(&channel, "1");
        rig.expect_end(&channel, "hung_up").await;
    }
    // A start that is reported twice is one call, even after its end.
    rig.call_to_menu("twice.1").await;
    rig.fake.call("twice.1", &TRUSTED);
    rig.fake.send(r#"{"type":"ChannelHangupRequest","channel":{"id":"twice.1"}}"#);
    rig.expect_end("twice.1", "hung_up").await;
    rig.fake.press("twice.1", "1");
    rig.fake.call("twice.1", &TRUSTED);
    rig.call_to_menu("twice.2").await;
    assert_eq!(rig.fake.requests_like("POST", "/twice.1/answer").len(), 1);
    assert_eq!(rig.ended_calls().into_values().sum::<u64>(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_channel_that_replaces_the_caller_sets_no_password() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("transfer.1").await;
    rig.fake.press("transfer.1", "1");
    rig.fake.wait_for_playback("transfer.1", "set-password").await;
    rig.fake.replace("transfer.1", "transfer.2");
    rig.fake.press("transfer.2", "1234567812345678");
    rig.expect_end("transfer.1", "hung_up").await;
    // The dialplan apologises, as soon as the other channel's playbacks are stopped.
    rig.fake.wait_for_request("POST", "/channels/transfer.2/continue", 1).await;
    let stopped = rig.fake.requests_like("DELETE", "/playbacks/transfer.1-");
    assert!(!stopped.is_empty());
    rig.wait_for_count(0, "SELECT count(*) FROM credential").await;
    assert!(rig.fake.requests_like("POST", "/channels/transfer.2/play").is_empty());
    assert!(rig.fake.requests_like("POST", "/channels/transfer.2/answer").is_empty());
    assert!(!rig.is_live("transfer.2"));
    assert_eq!(rig.ended_calls().into_values().sum::<u64>(), 1);
}

/// As if no event had reported the replacement.
#[tokio::test(flavor = "multi_thread")]
async fn p1_an_inherited_variable_is_no_identity() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("inherited.1").await;
    rig.fake.cut();
    rig.fake.replace("inherited.1", "inherited.2");
    rig.fake.wait_for_socket(2).await;
    rig.fake.wait_for_request("GET", "/channels/inherited.2/variable", 1).await;
    rig.fake.wait_for_request("POST", "not-available", 1).await;
    rig.wait_for_count(0, "SELECT count(*) FROM credential").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_calls_do_not_mix() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.call("mix.1", &TRUSTED);
    rig.fake.call("mix.11", &["trusted", ADDITIONAL]);
    rig.fake.wait_for_playback("mix.1", "menu").await;
    rig.fake.wait_for_playback("mix.11", "menu").await;
    rig.fake.press("mix.1", "2");
    rig.fake.press("mix.11", "3");
    rig.fake.wait_for_playback("mix.1", "enter-number").await;
    rig.fake.wait_for_playback("mix.11", "register-password").await;
    for (left, right) in ["06", "12", "34", "56", "00#"].iter().zip(["87", "65", "4", "32", "1"]) {
        rig.fake.press("mix.1", left);
        rig.fake.press("mix.11", right);
    }
    rig.fake.wait_for_playback("mix.1", "set-password").await;
    rig.fake.wait_for_playback("mix.11", "confirm-password").await;
    rig.fake.hang_up("mix.1");
    rig.fake.press("mix.11", "87654321");
    rig.fake.wait_for_playback("mix.11", "completed").await;
    rig.expect_end("mix.1", "hung_up").await;
    assert_eq!(rig.passwords().await, [ADDITIONAL]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_no_call_harms_none() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.press("strange.1", "123");
    rig.call_to_menu("strange.1").await;
    for frame in [
        "",
        "}{",
        "null",
        r#"{"type":"ChannelDtmfReceived","digit":"97531864"#,
        r#"{"type":"ChannelDtmfReceived","channel":{"id":"strange.1"}}"#,
        r#"{"type":"ChannelVarset","channel":{"id":"strange.1"},"value":""}"#,
        r#"{"type":"PlaybackFinished","playback":{"id":"x","target_uri":"channel:strange.1","state":"done"}}"#,
        r#"{"type":"PlaybackFinished","playback":{"id":"strange.1-999","target_uri":"channel:strange.1","state":"done"}}"#,
        r#"{"type":"StasisEnd","channel":{"id":"strange.2"}}"#,
        r#"{"type":"SomethingNew","more":[{}]}"#,
    ] {
        rig.fake.send(frame);
    }
    rig.fake.press("strange.1", "1");
    rig.fake.wait_for_playback("strange.1", "set-password").await;
    assert!(rig::lines_with("97531864").is_empty());
    assert!(rig.is_live("strange.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_while_the_line_closes_continue_in_the_dialplan_and_the_others_finish() {
    let mut options = RigOptions::default();
    options.timeouts.shutdown_grace = Duration::from_secs(30);
    let mut rig = Rig::start(options).await;
    rig.fake.call_up_to_confirmation("closing.1", CONTRACT).await;
    rig.stop();
    rig.wait_until_unready().await;
    rig.fake.call("closing.2", &TRUSTED);
    rig.fake.wait_for_request("POST", "/channels/closing.2/continue", 1).await;
    rig.fake.offer("closing.3", &TRUSTED.join("/"));
    rig.fake.press("closing.1", "12345678");
    rig.fake.wait_for_playback("closing.1", "completed").await;
    rig.finish("closing.1").await;
    rig.wait_until_stopped().await;
    rig.expect_end("closing.1", "stored").await;
    assert_eq!(rig.ended_calls().into_values().sum::<u64>(), 1);
    assert!(rig.fake.requests_like("POST", "/events/claim").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_left_after_the_grace_period_continue_in_the_dialplan() {
    let mut rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("grace.1").await;
    rig.stop();
    rig.wait_until_stopped().await;
    rig.expect_end("grace.1", "continued").await;
    assert_eq!(rig.fake.requests_like("POST", "/channels/grace.1/continue").len(), 1);
    assert!(rig.fake.requests_like("DELETE", "/channels/grace.1").is_empty());
}
