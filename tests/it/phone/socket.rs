//! The WebSocket: lost, silent, taken over, and restored.

use std::time::Duration;

use domain::dialog::prompt::SOUNDS;
use karipass::asterisk::Timeouts;
use karipass_fake_asterisk::{FakeAsterisk, FakeReply, Handshakes};
use serde_json::json;

use super::rig::{self, Rig, RigOptions, SOON, TRUSTED};

const REPLACED: &str = r#"{"type":"ApplicationReplaced","application":"karipass"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_socket_is_restored_and_its_calls_continue() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("cut.1").await;
    for times in 2..5 {
        let menu = rig.fake.wait_for_playback("cut.1", "menu").await;
        rig.fake.cut();
        rig.fake.wait_for_socket(times).await;
        rig.fake.wait_for_request("PUT", "/applications/karipass/eventFilter", times).await;
        rig.wait_until_ready().await;
        rig.fake.wait_for_request("POST", "sound:karipass/menu", times).await;
        assert_ne!(rig.fake.wait_for_confirmed_playback("cut.1", "menu").await, menu);
    }
    rig.fake.press("cut.1", "1");
    rig.fake.wait_for_playback("cut.1", "set-password").await;
    rig.call_to_menu("cut.2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_guidance_that_is_cut_is_said_again_and_not_hung_up_on() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("last.1").await;
    rig.fake.press("last.1", "11234567812345678");
    // The line knows that it plays.
    let first = rig.fake.wait_for_confirmed_playback("last.1", "completed").await;
    // A prompt that ends sooner counts as never heard, and is repeated in any case; a later end
    // changes nothing.
    tokio::time::sleep(Duration::from_millis(300)).await;
    // The end of a stopped playback is reported before the stop is answered.
    rig.fake.once("DELETE", &first, FakeReply::DoneAndCutOff);
    rig.fake.cut();
    // The second plays behind the first, the fallback of an abandoned call.
    rig.fake.wait_for_request("POST", "completed", 3).await;
    assert_ne!(rig.fake.wait_for_playback("last.1", "completed").await, first);
    rig.finish("last.1").await;
    rig.expect_end("last.1", "stored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_answers_no_ping_is_given_up() {
    let fake = FakeAsterisk::start().await.unwrap();
    fake.set_sounds(SOUNDS);
    fake.deafen(true);
    let timeouts = Timeouts { ping_interval: SOON, ..RigOptions::default().timeouts };
    let rig = Rig::with(fake, RigOptions { timeouts, ..RigOptions::default() }).await;
    rig.fake.wait_for_socket(1).await;
    rig.fake.deafen(false);
    rig.fake.wait_for_socket(2).await;
    rig.wait_until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asterisk_that_is_down_is_waited_for_without_a_line_for_each_attempt() {
    let fake = FakeAsterisk::start().await.unwrap();
    fake.set_sounds(SOUNDS);
    fake.refuse(true);
    let rig = Rig::with(fake, RigOptions::default()).await;
    let lines = || rig::lines_with(rig.fake.url().trim_start_matches("http"));
    rig.fake.wait_for_connections(10).await;
    rig.wait_for_faults(&["ARI is not connected"]).await;
    // Once for each of the two ways in which a connection that is closed at once fails.
    assert!((1..=2).contains(&lines().len()), "{:#?}", lines());
    rig.fake.refuse(false);
    rig.wait_until_ready().await;
    assert!(!lines().last().unwrap()["fields"]["outage_ms"].is_null(), "{:#?}", lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_handshake_is_reported_and_tried_again() {
    let fake = FakeAsterisk::start().await.unwrap();
    fake.set_sounds(SOUNDS);
    fake.answer_handshakes(Handshakes::Refused(401));
    let rig = Rig::with(fake, RigOptions::default()).await;
    rig.fake.wait_for_request("GET", "/events", 3).await;
    let lines = rig::lines_with(rig.fake.url().trim_start_matches("http"));
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0]["fields"]["reason"].as_str().unwrap().contains("401"), "{lines:#?}");
    rig.fake.answer_handshakes(Handshakes::Taken);
    rig.wait_until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_without_a_working_rest_side_is_no_connection() {
    let fake = FakeAsterisk::start().await.unwrap();
    fake.set_sounds(SOUNDS);
    fake.on("PUT", "eventFilter", FakeReply::Never);
    let rig = Rig::with(fake, RigOptions::impatient()).await;
    rig.fake.wait_for_socket(2).await;
    rig.wait_for_faults(&["ARI is not connected"]).await;
    rig.fake.on("PUT", "eventFilter", FakeReply::Well);
    rig.wait_until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_ended_in_the_gap_end_and_channels_without_a_call_begin_at_the_menu() {
    let rig = Rig::start(RigOptions::default()).await;
    for channel in ["gap.1", "gap.2"] {
        rig.call_to_menu(channel).await;
    }
    rig.fake.refuse(true);
    rig.fake.cut();
    rig.wait_for_faults(&["ARI is not connected"]).await;
    rig.fake.vanish("gap.1");
    rig.fake.silent_call("gap.3", &TRUSTED.join("/"));
    rig.fake.refuse(false);
    rig.expect_end("gap.1", "hung_up").await;
    rig.fake.wait_for_playback("gap.3", "menu").await;
    for channel in ["gap.2", "gap.3"] {
        rig.fake.press(channel, "1");
        rig.fake.wait_for_playback(channel, "set-password").await;
    }
    assert!(rig.is_live("gap.2") && rig.is_live("gap.3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn playbacks_of_an_earlier_daemon_are_stopped() {
    let fake = FakeAsterisk::start().await.unwrap();
    fake.set_sounds(SOUNDS);
    fake.silent_call("left.1", &TRUSTED.join("/"));
    fake.leave_playing("left.1", "left.1-5", "karipass/confirm-password");
    fake.leave_playing("left.1", "left.1-6", "karipass/quiet,sound:karipass/trouble");
    fake.silent_call("left.2", "withheld/");
    let rig = Rig::with(fake, RigOptions::default()).await;
    rig.fake.wait_for_playback("left.1", "menu").await;
    rig.fake.wait_for_playback("left.2", "not-available").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_that_takes_the_application_gets_its_calls_and_is_not_fought() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("replaced.1").await;
    rig.fake.on("GET", "/applications/karipass", no_channels());
    rig.fake.send(REPLACED);
    rig.wait_for_faults(&["ARI: another program has taken the application over"]).await;
    rig.expect_end("replaced.1", "taken_over").await;
    assert!(!rig.fake.is_gone("replaced.1"));
    rig.fake.wait_for_request("GET", "/applications/karipass", 5).await;
    assert_eq!(rig.fake.requests_like("GET", "/events").len(), 1);
    rig.fake.once("GET", "/applications/karipass", FakeReply::With(404, json!({})));
    rig.wait_until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_given_up_and_is_served_late_is_no_other_program() {
    let timeouts = Timeouts { connect: SOON, ..RigOptions::default().timeouts };
    let rig = Rig::start(RigOptions { timeouts, ..RigOptions::default() }).await;
    rig.call_to_menu("served.1").await;
    rig.fake.answer_handshakes(Handshakes::Unanswered);
    rig.fake.cut();
    rig.fake.wait_for_unanswered(1).await;
    rig.fake.answer_handshakes(Handshakes::Taken);
    rig.fake.wait_for_socket(2).await;
    rig.wait_until_ready().await;
    rig.fake.wait_for_request("POST", "sound:karipass/menu", 2).await;
    rig.fake.send(REPLACED);
    rig.fake.wait_for_socket(3).await;
    rig.wait_until_ready().await;
    rig.fake.wait_for_request("POST", "sound:karipass/menu", 3).await;
    rig.fake.on("GET", "/applications/karipass", no_channels());
    rig.fake.send(REPLACED);
    rig.wait_for_faults(&["ARI: another program has taken the application over"]).await;
    rig.expect_end("served.1", "taken_over").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_asterisk_has_forgotten_is_got_back() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.once("GET", "/applications/karipass", FakeReply::With(404, json!({})));
    rig.fake.wait_for_socket(2).await;
    rig.wait_until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn user_and_password_go_in_a_header_and_nowhere_else() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("header.1").await;
    let requests = rig.fake.requests();
    assert_eq!(requests[0].path, "/events");
    for request in &requests {
        // The user's name, a colon and the password in Base64.
        let header = request.authorization.as_deref();
        assert_eq!(header, Some("Basic a2FyaXBhc3M6YXJpLXNlY3JldA=="), "{request:?}");
        assert!(!request.query.contains("secret"), "{request:?}");
    }
    assert!(rig::lines_with("ari-secret").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asterisk_that_stops_answering_is_noticed() {
    let rig = Rig::start(RigOptions::impatient()).await;
    rig.fake.on("GET", "/channels/", FakeReply::Never);
    rig.wait_for_faults(&["ARI does not answer"]).await;
    rig.fake.on("GET", "/channels/", FakeReply::Well);
    rig.wait_until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_sound_is_named() {
    let fake = FakeAsterisk::start().await.unwrap();
    fake.set_sounds(SOUNDS.into_iter().filter(|sound| *sound != "karipass/redial"));
    let rig = Rig::with(fake, RigOptions::default()).await;
    rig.wait_for_faults(&["sound karipass/redial is missing"]).await;
    rig.fake.set_sounds(SOUNDS);
    rig.wait_until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_not_ready_while_sip_is_not_loaded() {
    let rig = Rig::start(RigOptions::default()).await;
    let module = |status: &str| FakeReply::With(200, json!({ "status": status }));
    let gone = || FakeReply::With(404, json!({ "message": "Module could not be found" }));
    for name in ["chan_pjsip.so", "res_pjsip.so"] {
        let fault = format!("SIP is not loaded: {name} does not run");
        for stopped in [gone(), module("Not Running")] {
            rig.fake.on("GET", name, stopped);
            rig.wait_for_faults(&[&fault]).await;
            // Without a report nothing changes.
            rig.fake.on("GET", name, FakeReply::With(500, json!({})));
            let asked = rig.fake.requests_like("GET", name).len();
            rig.fake.wait_for_request("GET", name, asked + 2).await;
            rig.wait_for_faults(&[&fault]).await;
            rig.fake.on("GET", name, module("Running"));
            rig.wait_until_ready().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_that_asterisk_has_closed_do_no_harm() {
    let mut options = RigOptions::default();
    options.timeouts.poll_interval = Duration::from_mins(1);
    let rig = Rig::start(options).await;
    rig.call_to_menu("idle.1").await;
    let menu = rig.fake.wait_for_request("POST", "menu", 1).await;
    // The last command until a key is pressed.
    rig.fake.wait_for_request("POST", "karipass/quiet", 1).await;
    rig.fake.close_idle().await;
    rig.fake.press("idle.1", "1");
    rig.fake.wait_for_playback("idle.1", "set-password").await;
    let password = rig.fake.wait_for_request("POST", "set-password", 1).await;
    assert_ne!(menu.connection, password.connection);
    assert_eq!(rig.fake.requests_like("POST", "set-password").len(), 1);
}

/// The application has lost its channels.
fn no_channels() -> FakeReply {
    FakeReply::With(200, json!({ "channel_ids": [] }))
}
