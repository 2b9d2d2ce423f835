//! Presses that Asterisk reports more than once, or late (`P12`).

use std::time::Duration;

use domain::dialog::Limits;

use super::rig::{Plan, Rig, TRUSTED, wait_for_outcome};

const TWICE: &str = "1122334411223344";

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_key_by_rfc_4733_and_by_sip_info_counts_once() {
    let rig = Rig::start(Plan::default()).await;
    rig.fake.call("both.1", &TRUSTED);
    rig.fake.wait_for_playback("both.1", "menu").await;
    for key in format!("1{TWICE}").chars() {
        rig.fake.emit_key("both.1", key, 100, 100);
        rig.fake.emit_key("both.1", key, 120, 100);
    }
    rig.fake.wait_for_playback("both.1", "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_call_on_hold_is_asked_again_when_it_is_taken_up() {
    let rig = Rig::start(Plan::default()).await;
    rig.fake.call("hold.1", &TRUSTED);
    rig.fake.wait_for_playback("hold.1", "menu").await;
    rig.fake.press("hold.1", "1");
    let first = rig.fake.wait_for_confirmed_playback("hold.1", "set-password").await;
    rig.fake.press("hold.1", "1122");
    rig.fake.hold("hold.1");
    rig.fake.press("hold.1", "3344");
    rig.fake.unhold("hold.1");
    rig.fake.wait_for_request("POST", "set-password", 2).await;
    let again = rig.fake.wait_for_confirmed_playback("hold.1", "set-password").await;
    assert_ne!(first, again);
    rig.fake.press("hold.1", TWICE);
    rig.fake.wait_for_playback("hold.1", "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_key_held_since_before_invalid_is_no_entry() {
    let limits = Limits { inter_digit: Duration::from_millis(100), ..Plan::default().limits };
    let rig = Rig::start(Plan { limits, ..Plan::default() }).await;
    rig.fake.call("held.1", &TRUSTED);
    rig.fake.wait_for_playback("held.1", "menu").await;
    rig.fake.press("held.1", "1");
    rig.fake.wait_for_playback("held.1", "set-password").await;
    rig.fake.press("held.1", "2");
    let invalid = rig.fake.wait_for_confirmed_playback("held.1", "invalid").await;
    rig.fake.emit_key("held.1", '4', 6_000, 5_900);
    rig.fake.hang_up("held.1");
    assert_eq!(wait_for_outcome("held.1").await, "hung_up");
    assert!(rig.fake.requests_like("DELETE", &invalid).is_empty());
}
