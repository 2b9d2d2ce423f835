//! Keys that do not count, or only with what they were keyed for (`P12`): Asterisk refuses commands
//! meanwhile, or reports them late.

use std::time::Duration;

use domain::dialog::Limits;
use karipass_fake_asterisk::FakeReply;
use serde_json::json;

use super::rig::{Rig, RigOptions};

const TWICE: &str = "1234567812345678";
const METHODS: [&str; 3] = ["GET", "POST", "DELETE"];

#[tokio::test(flavor = "multi_thread")]
async fn p12_nothing_counts_that_is_keyed_while_commands_are_refused() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("blind.1").await;
    rig.answer_all(&FakeReply::With(401, json!({ "message": "Authentication required" })));
    rig.fake.press("blind.1", "1");
    rig.fake.wait_for_request("DELETE", "/playbacks/blind.1", 1).await;
    rig.fake.press("blind.1", TWICE);
    // Next come attempts to stop all playbacks.
    rig.fake.wait_for_request("DELETE", "/playbacks/blind.1", 3).await;
    rig.fake.press("blind.1", TWICE);
    rig.fake.press("blind.1", TWICE);
    rig.answer_all(&FakeReply::Well);
    rig.expect_next_step("blind.1", "set-password", TWICE).await;

    rig.call_to_menu("blind.2").await;
    rig.answer_all(&FakeReply::With(401, json!({})));
    rig.fake.press("blind.2", &format!("1{TWICE}"));
    rig.fake.wait_for_request("DELETE", "/playbacks/blind.2", 3).await;
    rig.fake.hang_up("blind.2");
    rig.expect_end("blind.2", "hung_up").await;
    // Otherwise the line would not stop.
    rig.answer_all(&FakeReply::Well);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_nothing_counts_that_is_keyed_while_commands_are_unanswered() {
    let rig = Rig::start(RigOptions::impatient()).await;
    rig.call_to_menu("blind.3").await;
    rig.fake.press("blind.3", "1");
    rig.fake.wait_for_confirmed_playback("blind.3", "set-password").await;
    rig.fake.on("DELETE", "/playbacks/blind.3", FakeReply::Never);
    // The daemon does not know yet that the first stop, and all behind it, will fail.
    rig.fake.press("blind.3", TWICE);
    // The stops of the menu and its silence, and two attempts at one.
    rig.fake.wait_for_request("DELETE", "/playbacks/blind.3", 4).await;
    rig.fake.press("blind.3", TWICE);
    rig.fake.on("DELETE", "/playbacks/blind.3", FakeReply::Well);
    // The first entry was keyed into its guidance, the second before its own.
    rig.expect_next_step("blind.3", "confirm-password", &TWICE[..8]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_nothing_counts_that_is_keyed_while_the_channel_is_busy() {
    let rig = Rig::start(RigOptions::impatient()).await;
    rig.call_to_menu("blind.4").await;
    rig.fake.on("POST", "/blind.4/answer", FakeReply::Never);
    rig.fake.on("DELETE", "/playbacks/blind.4", FakeReply::CutOff);
    rig.fake.press("blind.4", "1");
    rig.fake.wait_for_request("DELETE", "/playbacks/blind.4", 2).await;
    rig.fake.on("DELETE", "/playbacks/blind.4", FakeReply::Well);
    for again in 2..=3 {
        rig.fake.wait_for_request("POST", "/blind.4/answer", again).await;
        rig.fake.press("blind.4", TWICE);
    }
    rig.fake.on("POST", "/blind.4/answer", FakeReply::Well);
    rig.expect_next_step("blind.4", "set-password", TWICE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_no_key_counts_before_a_reconnection() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("blind.5").await;
    rig.fake.press("blind.5", "1");
    rig.fake.wait_for_playback("blind.5", "set-password").await;
    rig.fake.on("DELETE", "/playbacks/blind.5", FakeReply::CutOff);
    let stops = rig.fake.requests_like("DELETE", "/playbacks/blind.5").len();
    rig.fake.cut();
    rig.fake.wait_for_socket(2).await;
    rig.fake.wait_for_request("DELETE", "/playbacks/blind.5", stops + 1).await;
    rig.fake.press("blind.5", TWICE);
    // Each attempt to stop the playbacks is two requests.
    rig.fake.wait_for_request("DELETE", "/playbacks/blind.5", stops + 3).await;
    rig.fake.on("DELETE", "/playbacks/blind.5", FakeReply::Well);
    // The first one plays until it is stopped.
    rig.fake.wait_for_request("POST", "set-password", 2).await;
    rig.expect_next_step("blind.5", "set-password", TWICE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_all_is_keyed_ahead_of_an_asterisk_that_is_slow() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.call_to_menu("ahead.1").await;
    for method in METHODS {
        rig.fake.on(method, "ahead.1", FakeReply::Late(Duration::from_millis(100)));
    }
    rig.fake.press("ahead.1", &format!("1{TWICE}"));
    rig.fake.wait_for_playback("ahead.1", "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_key_held_since_before_invalid_is_no_entry() {
    let limits = Limits { inter_digit: Duration::from_millis(100), ..RigOptions::default().limits };
    let rig = Rig::start(RigOptions { limits, ..RigOptions::default() }).await;
    rig.call_to_menu("held.1").await;
    rig.fake.press("held.1", "1");
    rig.fake.wait_for_playback("held.1", "set-password").await;
    rig.fake.press("held.1", "2");
    let invalid = rig.fake.wait_for_confirmed_playback("held.1", "invalid").await;
    rig.fake.emit_key("held.1", '4', 6_000, 5_900);
    rig.fake.hang_up("held.1");
    rig.expect_end("held.1", "hung_up").await;
    assert!(rig.fake.requests_like("DELETE", &invalid).is_empty());
}

impl Rig {
    fn answer_all(&self, reply: &FakeReply) {
        for method in METHODS {
            self.fake.on(method, "", reply.clone());
        }
    }

    /// The step's guidance plays; then the keys are pressed.
    async fn expect_next_step(&self, channel: &str, guidance: &str, keys: &str) {
        self.fake.wait_for_confirmed_playback(channel, guidance).await;
        assert!(self.passwords().await.is_empty());
        self.fake.press(channel, keys);
        self.fake.wait_for_playback(channel, "completed").await;
        assert_eq!(self.passwords().await.len(), 1);
    }
}
