//! Several daemons at one Asterisk, several Asterisks at one daemon, and as many calls as are
//! allowed.

use domain::dialog::prompt::SOUNDS;
use karipass_fake_asterisk::{FakeAsterisk, FakeReply};
use serde_json::json;

use super::rig::{CONTRACT, Rig, RigOptions, TRUSTED};

#[tokio::test(flavor = "multi_thread")]
async fn an_offered_call_is_claimed_and_its_caller_is_on_the_channel() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.offer("offered.1", &TRUSTED.join("/"));
    rig.fake.wait_for_playback("offered.1", "menu").await;
    let claim = rig.fake.wait_for_request("POST", "/events/claim", 1).await;
    assert_eq!(claim.query, "channelId=offered.1&application=karipass");
    rig.fake.offer("offered.2", &format!("untrusted/{CONTRACT}"));
    rig.fake.wait_for_playback("offered.2", "not-available").await;
    rig.fake.once("GET", "/channels/offered.3/variable", FakeReply::CutOff);
    rig.fake.offer("offered.3", &TRUSTED.join("/"));
    rig.fake.wait_for_playback("offered.3", "menu").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_another_daemon_has_claimed_is_its() {
    let rig = Rig::start(RigOptions::default()).await;
    rig.fake.once("POST", "/events/claim", FakeReply::With(409, json!({ "message": "claimed" })));
    rig.fake.offer("lost.1", &TRUSTED.join("/"));
    rig.fake.wait_for_request("POST", "/events/claim", 1).await;
    rig.fake.offer("lost.2", &TRUSTED.join("/"));
    rig.fake.wait_for_playback("lost.2", "menu").await;
    assert!(!rig.is_live("lost.1") && rig.ended_calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_configured_are_left_to_the_dialplan() {
    let rig = Rig::start(RigOptions { max_calls: 1, ..RigOptions::default() }).await;
    rig.call_to_menu("limited.1").await;
    rig.fake.call("limited.2", &TRUSTED);
    rig.fake.wait_for_request("POST", "/channels/limited.2/continue", 1).await;
    rig.fake.offer("limited.3", &TRUSTED.join("/"));
    rig.fake.hang_up("limited.1");
    rig.expect_end("limited.1", "hung_up").await;
    rig.fake.offer("limited.4", &TRUSTED.join("/"));
    rig.fake.offer("limited.5", &TRUSTED.join("/"));
    rig.fake.wait_for_playback("limited.4", "menu").await;
    assert_eq!(rig.fake.requests_like("POST", "/events/claim").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channels_of_two_asterisks_do_not_mix() {
    let (other, rig) = with_two().await;
    for fake in [&rig.fake, &other] {
        fake.call("two.1", &TRUSTED);
        fake.wait_for_playback("two.1", "menu").await;
    }
    other.press("two.1", "1");
    other.wait_for_playback("two.1", "set-password").await;
    rig.fake.wait_for_playback("two.1", "menu").await;
    rig.fake.hang_up("two.1");
    rig.expect_end("two.1", "hung_up").await;
    other.press("two.1", "1234567812345678");
    other.wait_for_playback("two.1", "completed").await;
    assert_eq!(rig.passwords().await, [CONTRACT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_asterisks_that_is_lost_is_named_and_the_other_serves() {
    let (other, rig) = with_two().await;
    other.refuse(true);
    other.cut();
    let address = other.url().trim_start_matches("http://");
    rig.wait_for_faults(&[&format!("{address}: ARI is not connected")]).await;
    rig.call_to_menu("one.1").await;
    other.refuse(false);
    rig.wait_until_ready().await;
}

/// The line stops before they do.
async fn with_two() -> (FakeAsterisk, Rig) {
    let other = FakeAsterisk::start().await.unwrap();
    other.set_sounds(SOUNDS);
    let options =
        RigOptions { further_pbxs: vec![other.url().to_owned()], ..RigOptions::default() };
    let rig = Rig::start(options).await;
    (other, rig)
}
