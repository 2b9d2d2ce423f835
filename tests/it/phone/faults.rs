//! Faults of Asterisk during a call.

use std::time::Duration;

use domain::dialog::Limits;
use karipass_fake_asterisk::{FakeReply, Handshakes};
use serde_json::json;

use super::rig::{Rig, RigOptions, TRUSTED, lines_with, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn a_404_after_the_hang_up_is_an_ordinary_end() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("missing.1").await;
    rig.fake.vanish("missing.1");
    rig.fake.press("missing.1", "1");
    rig.expect_end("missing.1", "hung_up").await;
    assert!(rig.fake.requests_like("DELETE", "/channels/missing.1").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_dying_is_gone() {
    let rig = Rig::start(RigOptions::default()).await;
    for (channel, status) in [("dying.409", 409), ("dying.412", 412)] {
        rig.fake.on("POST", &format!("/{channel}/play/"), FakeReply::With(status, json!({})));
        rig.fake.call(channel, &TRUSTED);
        rig.expect_end(channel, "hung_up").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_never_confirmed_is_given_again() {
    let rig = Rig::start(RigOptions::impatient()).await;
    rig.fake.once("POST", "/never.1/answer", FakeReply::Never);
    rig.call_to_menu("never.1").await;
    assert_eq!(rig.fake.requests_like("POST", "/never.1/answer").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_steered_for_a_while_continues_where_it_was() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("adrift.1").await;
    rig.fake.on("DELETE", "/playbacks/adrift.1", FakeReply::CutOff);
    rig.fake.press("adrift.1", "1");
    // The stop, twice, and then the first attempt to stop all playbacks.
    rig.fake.wait_for_request("DELETE", "/playbacks/adrift.1", 4).await;
    rig.fake.on("DELETE", "/playbacks/adrift.1", FakeReply::Well);
    rig.fake.wait_for_confirmed_playback("adrift.1", "set-password").await;
    assert!(rig.is_live("adrift.1"));
    rig.fake.press("adrift.1", "1234567812345678");
    rig.fake.wait_for_playback("adrift.1", "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_delays_its_own_call_only_and_never_its_hang_up() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.on("POST", "/slow.1/play/", FakeReply::Never);
    rig.fake.call("slow.1", &TRUSTED);
    rig.fake.wait_for_request("POST", "/slow.1/play/", 1).await;
    rig.call_to_menu("slow.2").await;
    rig.fake.press("slow.2", "1");
    rig.fake.wait_for_playback("slow.2", "set-password").await;
    rig.fake.hang_up("slow.1");
    rig.expect_end("slow.1", "hung_up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playback_that_died_with_its_connection_is_looked_for_before_it_is_repeated() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.once("POST", "menu", FakeReply::DoneAndCutOff);
    rig.fake.once("POST", "set-password", FakeReply::CutOff);
    rig.fake.call("stale.1", &TRUSTED);
    let menu = rig.fake.wait_for_playback("stale.1", "menu").await;
    rig.fake.wait_for_request("GET", &format!("/playbacks/{menu}"), 1).await;
    rig.fake.press("stale.1", "1");
    let password = rig.fake.wait_for_playback("stale.1", "set-password").await;
    assert_eq!(rig.fake.requests_like("POST", "menu").len(), 1);
    assert_eq!(rig.fake.requests_like("POST", "set-password").len(), 2);
    assert_eq!(rig.fake.requests_like("GET", &format!("/playbacks/{password}")).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playback_that_fails_is_played_again_and_then_trouble_is_heard() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.call("failed.1", &TRUSTED);
    let first = rig.fake.wait_for_playback("failed.1", "menu").await;
    rig.fake.finish("failed.1", "failed");
    rig.fake.wait_for_request("POST", "menu", 2).await;
    let again = rig.fake.wait_for_playback("failed.1", "menu").await;
    assert_ne!(first, again);
    rig.fake.finish("failed.1", "failed");
    rig.fake.wait_for_playback("failed.1", "trouble").await;
    rig.finish("failed.1").await;
    rig.expect_end("failed.1", "trouble").await;
    let warnings = lines_with("failed.1").into_iter().filter(|line| line["level"] == "WARN");
    assert_eq!(warnings.count(), 2, "a line for each failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_comes_too_early_is_repeated() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.call("early.2", &TRUSTED);
    let menu = rig.fake.wait_for_playback("early.2", "menu").await;
    rig.fake.once("DELETE", &menu, FakeReply::With(500, json!({ "message": "not yet" })));
    rig.fake.press("early.2", "1");
    rig.fake.wait_for_playback("early.2", "set-password").await;
    rig.fake.wait_for_request("DELETE", &menu, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playback_that_is_refused_counts_as_failed() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.on("POST", "menu", FakeReply::With(500, json!({ "message": "no" })));
    rig.fake.call("refused.1", &TRUSTED);
    rig.fake.wait_for_playback("refused.1", "trouble").await;
    assert_eq!(rig.fake.requests_like("POST", "menu").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playback_whose_end_is_never_reported_does_not_hold_the_call() {
    let limits = Limits { call: Duration::from_secs(5), ..RigOptions::default().limits };
    let rig = Rig::start(RigOptions { limits, ..RigOptions::default() }).await;
    rig.fake.forget_finished(true);
    rig.call_to_menu("forgotten.1").await;
    rig.fake.finish("forgotten.1", "done");
    rig.expect_end("forgotten.1", "too_long").await;
    assert!(rig.fake.is_gone("forgotten.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_comes_too_late_is_no_error() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.call("late.1", &TRUSTED);
    let menu = rig.fake.wait_for_playback("late.1", "menu").await;
    rig.fake.on("DELETE", &menu, FakeReply::With(404, json!({})));
    rig.fake.press("late.1", "1");
    rig.fake.wait_for_request("DELETE", &menu, 1).await;
    rig.fake.finish("late.1", "done");
    rig.fake.wait_for_playback("late.1", "set-password").await;
    rig.fake.press("late.1", "12345678");
    rig.fake.wait_for_playback("late.1", "confirm-password").await;
    assert!(rig.is_live("late.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_carried_out_late_is_stopped_before_anything_is_said() {
    let rig = Rig::start(RigOptions::impatient()).await;
    rig.call_to_menu("overdue.1").await;
    rig.fake.on("POST", "set-password", FakeReply::Never);
    rig.fake.once("POST", "/answer", FakeReply::With(500, json!({})));
    rig.fake.press("overdue.1", "1");
    let command = rig.fake.wait_for_request("POST", "set-password", 1).await;
    let playback = command.path.rsplit('/').next().unwrap();
    rig.fake.wait_for_request("DELETE", playback, 1).await;
    rig.fake.leave_playing("overdue.1", playback, "karipass/set-password");
    rig.fake.on("POST", "set-password", FakeReply::Well);
    rig.fake.wait_for_request("DELETE", playback, 2).await;
    // It was requested twice.
    let again = rig.fake.wait_for_request("POST", "set-password", 3).await;
    assert!(!again.path.ends_with(playback));
}

#[tokio::test(flavor = "multi_thread")]
async fn playbacks_are_not_stopped_while_the_call_is_unknown() {
    let rig = Rig::start(RigOptions::impatient()).await;
    rig.call_to_menu("adrift.2").await;
    rig.fake.on("POST", "set-password", FakeReply::Never);
    rig.fake.press("adrift.2", "1");
    rig.fake.wait_for_request("POST", "set-password", 1).await;
    rig.fake.answer_handshakes(Handshakes::Refused(503));
    rig.fake.cut();
    // It is tried twice.
    let lost = "karipass_ari_request_errors_total{request=\"play\"";
    wait_until("the command to be lost", || rig.metric(lost) == 2).await;
    // The pauses before these handshakes are twice as long as the pause before the next stop.
    let handshakes = rig.fake.requests_like("GET", "/events").len();
    rig.fake.wait_for_request("GET", "/events", handshakes + 20).await;
    let stops = || rig.fake.requests_like("DELETE", "/playbacks/adrift.2").len();
    assert_eq!(stops(), 1, "the menu's");
    rig.fake.on("POST", "set-password", FakeReply::Well);
    rig.fake.answer_handshakes(Handshakes::Taken);
    rig.fake.wait_for_playback("adrift.2", "set-password").await;
    assert!(stops() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_is_asked_for_until_asterisk_obeys() {
    const NAME: &str = "insist.1";
    let rig = Rig::start(RigOptions::default()).await;
    let refused = FakeReply::With(503, json!({}));
    rig.fake.on("DELETE", "/channels/insist.1", refused);
    rig.fake.call(NAME, &["untrusted", ""]);
    rig.fake.wait_for_playback(NAME, "not-available").await;
    wait_until("a hang-up", || {
        rig.fake.finish(NAME, "done");
        !rig.fake.requests_like("DELETE", "/channels/insist.1").is_empty()
    })
    .await;
    expect_not_taken_again(&rig).await;
    assert!(rig.is_live(NAME) && !rig.fake.is_gone(NAME));
    rig.fake.on("DELETE", "/channels/insist.1", FakeReply::Well);
    rig.expect_end(NAME, "not_available").await;
    assert!(rig.fake.is_gone(NAME));
    assert_eq!(rig.fake.requests_like("POST", "/insist.1/answer").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_not_taken_is_continued_in_the_dialplan_until_asterisk_obeys() {
    let rig = Rig::start(RigOptions { max_calls: 1, ..RigOptions::default() }).await;
    rig.call_to_menu("full.1").await;
    rig.fake.on("POST", "/full.2/continue", FakeReply::With(503, json!({})));
    rig.fake.call("full.2", &TRUSTED);
    rig.fake.wait_for_request("POST", "/full.2/continue", 2).await;
    rig.fake.hang_up("full.1");
    rig.expect_end("full.1", "hung_up").await;
    expect_not_taken_again(&rig).await;
    assert!(rig.fake.requests_like("POST", "/full.2/answer").is_empty());
    rig.fake.on("POST", "/full.2/continue", FakeReply::Well);
    wait_until("the end of full.2", || rig.fake.is_gone("full.2")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_refused_does_not_keep_a_caller_waiting() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.on("POST", "/limitless.1/variable", FakeReply::With(400, json!({})));
    rig.call_to_menu("limitless.1").await;
    assert_eq!(rig.fake.requests_like("POST", "/limitless.1/answer").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_overflows_ends_its_call_and_no_other() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.call("flood.1", &TRUSTED);
    rig.fake.call("flood.2", &TRUSTED);
    rig.fake.wait_for_playback("flood.1", "menu").await;
    rig.fake.wait_for_playback("flood.2", "menu").await;
    rig.fake.press("flood.1", &"*".repeat(5000));
    rig.expect_end("flood.1", "failed").await;
    wait_until("the end of flood.1", || rig.fake.is_gone("flood.1")).await;
    assert_eq!(rig.metric("karipass_call_mailbox_overflows_total"), 1);
    rig.fake.press("flood.2", "1");
    rig.fake.wait_for_playback("flood.2", "set-password").await;
}

/// Reconnects the socket; by then any call without a task has been adopted.
async fn expect_not_taken_again(rig: &Rig) {
    rig.fake.cut();
    rig.fake.wait_for_socket(2).await;
    rig.wait_until_ready().await;
    let probes = rig.fake.requests_like("GET", "/channels/karipass-probe").len();
    rig.fake.wait_for_request("GET", "/channels/karipass-probe", probes + 2).await;
}
