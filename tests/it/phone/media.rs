//! Calls whose media lie outside their trunk's networks (`call.media_networks`).

use karipass_fake_asterisk::FakeReply;
use serde_json::json;

use super::rig::{Rig, RigOptions, TRUSTED};

/// The network of the fake's media.
const OWN: &str = "carrier=127.0.0.2";
const FOREIGN: &str = "203.0.113.9:40000";
/// Asterisk's text for an unknown destination.
const UNKNOWN: &str = "(null)";
/// A whole call for the line's password, keyed ahead.
const WHOLE_CALL: &str = "11234567812345678";

#[tokio::test(flavor = "multi_thread")]
async fn p1_nothing_is_played_to_a_call_with_foreign_media() {
    let rig = Rig::start(options()).await;
    rig.sends_media_to(FOREIGN);
    rig.fake.call("forged.1", &TRUSTED);
    rig.fake.press("forged.1", WHOLE_CALL);
    rig.expect_end("forged.1", "foreign_media").await;
    rig.fake.wait_for_request("DELETE", "/channels/forged.1", 1).await;
    assert!(rig.fake.requests_like("POST", "/channels/forged.1/play").is_empty());
    rig.wait_for_count(0, "SELECT count(*) FROM credential").await;
}

/// By a re-INVITE, or because RTP comes from there (`rtp_symmetric`).
#[tokio::test(flavor = "multi_thread")]
async fn p1_a_call_whose_media_go_elsewhere_is_hung_up() {
    let rig = Rig::start(options()).await;
    rig.fake.call("moved-media.1", &TRUSTED);
    rig.fake.wait_for_confirmed_playback("moved-media.1", "menu").await;
    rig.sends_media_to(FOREIGN);
    rig.fake.press("moved-media.1", "1");
    rig.expect_end("moved-media.1", "foreign_media").await;
    rig.fake.wait_for_request("DELETE", "/channels/moved-media.1", 1).await;
    rig.wait_for_count(0, "SELECT count(*) FROM credential").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_nothing_is_stored_before_the_media_are_known() {
    let rig = Rig::start(options()).await;
    rig.sends_media_to(UNKNOWN);
    rig.fake.call("unacknowledged.1", &TRUSTED);
    rig.fake.wait_for_confirmed_playback("unacknowledged.1", "menu").await;
    rig.fake.press("unacknowledged.1", WHOLE_CALL);
    rig.expect_end("unacknowledged.1", "foreign_media").await;
    rig.fake.call("unknown-media.1", &TRUSTED);
    rig.fake.wait_for_confirmed_playback("unknown-media.1", "menu").await;
    rig.fake.on("GET", "rtp%2Cdest", FakeReply::With(500, json!({})));
    rig.fake.press("unknown-media.1", WHOLE_CALL);
    rig.fake.wait_for_playback("unknown-media.1", "trouble").await;
    rig.wait_for_count(0, "SELECT count(*) FROM credential").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_call_with_media_of_its_trunk_is_served() {
    let rig = Rig::start(options()).await;
    rig.fake.call("own-media.1", &TRUSTED);
    rig.fake.wait_for_confirmed_playback("own-media.1", "menu").await;
    rig.fake.press("own-media.1", WHOLE_CALL);
    rig.fake.wait_for_playback("own-media.1", "completed").await;
    rig.wait_for_count(1, "SELECT count(*) FROM credential").await;
}

fn options() -> RigOptions {
    RigOptions { media_networks: vec![OWN], ..RigOptions::default() }
}

impl Rig {
    /// From now on Asterisk reports this destination for every channel's media.
    fn sends_media_to(&self, destination: &str) {
        let media = json!({ "value": format!("carrier/{destination}") });
        self.fake.on("GET", "rtp%2Cdest", FakeReply::With(200, media));
    }
}
