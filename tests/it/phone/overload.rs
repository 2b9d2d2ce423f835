//! More calls than Asterisk or the hash workers can serve (`R`, ADR 8).

use std::time::Duration;

use karipass::asterisk::Timeouts;
use karipass::clock;
use karipass::hashing::Cost;
use karipass_fake_asterisk::FakeReply;

use super::rig::{ADDITIONAL, CONTRACT, Rig, RigOptions, SOON, TRUSTED, wait_until};
use crate::support::WAIT_TIMEOUT;

/// Concurrent requests.
const AT_ONCE: usize = 48;
/// The interval of new calls until they are refused, or accepted.
const NEXT_CALL: Duration = Duration::from_millis(20);

/// Twice as many commands as request slots get no answer within their deadline, so that one behind
/// them waits for two deadlines.
#[tokio::test(flavor = "multi_thread")]
async fn r_a_command_that_waits_for_its_place_is_sent_once() {
    // Longer than the machine keeps an answered command waiting.
    let timeouts = Timeouts { request: 4 * SOON, ..RigOptions::default().timeouts };
    let rig = Rig::start(RigOptions { timeouts, ..RigOptions::default() }).await;
    rig.call_to_menu("place.1").await;
    rig.fake.on("POST", "/crowd.", FakeReply::Never);
    for call in 0..2 * AT_ONCE {
        // Their contracts are not looked up: each commands an answer at once.
        rig.fake.call(&format!("crowd.{call}"), &["untrusted", ""]);
    }
    rig.fake.press("place.1", "1");
    rig.fake.wait_for_playback("place.1", "set-password").await;
    assert_eq!(rig.fake.requests_like("POST", "set-password").len(), 1);
    assert_eq!(rig.fake.requests_like("POST", "/place.1/answer").len(), 1);
    // The menu's, and by now the silence's behind it: nothing is stopped that did not play.
    assert!(rig.fake.requests_like("DELETE", "/playbacks/place.1").len() <= 2);
    assert_eq!(rig.metric("karipass_ari_request_errors_total{request=\"play\""), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_while_asterisk_is_slow_new_calls_are_refused_and_active_ones_continue() {
    let slow = Duration::from_millis(1500);
    let rig = Rig::start(RigOptions::default()).await;
    let refused = || rig.metric("karipass_calls_refused_total{cause=\"commands\"}");
    rig.call_to_menu("slow.under-way").await;
    rig.fake.on("POST", "/slow.answered.", FakeReply::Late(slow));
    for call in 0..AT_ONCE / 2 {
        rig.fake.call(&format!("slow.answered.{call}"), &["untrusted", ""]);
    }
    // Each answer is two requests, and the third is sent after both have ended late.
    rig.fake.wait_for_request("POST", "/slow.answered.", 3 * AT_ONCE / 2).await;
    let last = calls_until_refused(&rig, "slow.answered.next", || refused() > 0).await;
    assert!(rig.fake.requests_like("POST", &format!("/{last}/answer")).is_empty());
    expect_offer_refused(&rig, refused).await;
    // Calls that were accepted before are served to their end.
    rig.fake.press("slow.under-way", "1");
    rig.fake.wait_for_playback("slow.under-way", "set-password").await;
    rig.fake.press("slow.under-way", "1234567812345678");
    rig.fake.wait_for_playback("slow.under-way", "completed").await;
    assert_eq!(rig.passwords().await, [CONTRACT]);
    assert!(rig.ended_calls().is_empty());
    rig.fake.on("POST", "/slow.answered.", FakeReply::Well);
    expect_calls_taken_again(&rig, "slow.later").await;
}

/// An offered call is refused, and the gauge says that the line is overloaded. On a machine that
/// takes long to offer it, the line may be quick again by then: then others make it slow again.
async fn expect_offer_refused(rig: &Rig, refused: impl Fn() -> u64) {
    for offer in 1..=20 {
        let (offered, refused_by_now) = (format!("slow.offered.{offer}"), refused());
        let is_claimed =
            || !rig.fake.requests_like("POST", &format!("channelId={offered}&")).is_empty();
        rig.fake.offer(&offered, &TRUSTED.join("/"));
        let is_refused = || refused() > refused_by_now;
        wait_until("an answer to the offer", || is_refused() || is_claimed()).await;
        if is_refused() && rig.metric("karipass_calls_overloaded{") == 1 {
            assert!(!is_claimed(), "{offered}");
            return;
        }
        calls_until_refused(rig, &format!("slow.answered.again.{offer}"), is_refused).await;
    }
    panic!("no offer is refused");
}

/// Each hash takes some seconds, and there are more calls than workers.
#[tokio::test(flavor = "multi_thread")]
async fn r_while_hashes_are_slow_new_calls_are_refused() {
    const CALLS: usize = 10;
    let cost = Cost { memory_kib: 32 * 1024, passes: 120, lanes: 1 };
    let rig = Rig::start(RigOptions { cost, ..RigOptions::default() }).await;
    let refused = || rig.metric("karipass_calls_refused_total{cause=\"hashes\"}");
    let channels: Vec<String> = (0..CALLS).map(|call| format!("hash.{call}.")).collect();
    for channel in &channels {
        rig.call_to_menu(channel).await;
    }
    for channel in &channels {
        rig.fake.press(channel, "11234567812345678");
    }
    calls_until_refused(&rig, "hash.next", || refused() > 0).await;
    for channel in &channels {
        rig.fake.hang_up(channel);
    }
    expect_calls_taken_again(&rig, "hash.later").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_calls_are_taken_no_faster_than_the_line_is_known_to_sustain() {
    let timeouts = Timeouts { initial_calls_per_second: 1.0, ..RigOptions::default().timeouts };
    let rig = Rig::start(RigOptions { timeouts, ..RigOptions::default() }).await;
    // Calls that end without a password do not count.
    for call in 0..20 {
        let channel = format!("quick.gone.{call}.");
        rig.fake.call(&channel, &TRUSTED);
        rig.fake.wait_for_playback(&channel, "menu").await;
        rig.fake.hang_up(&channel);
        rig.expect_end(&channel, "hung_up").await;
    }
    // Nor are those who are refused, while they hear so.
    for call in 0..20 {
        let channel = format!("quick.refused.{call}.");
        rig.fake.call(&channel, &["untrusted", ""]);
        rig.fake.wait_for_playback(&channel, "not-available").await;
    }
    rig.call_to_menu("quick.taken.").await;
    let refused = || rig.metric("karipass_calls_refused_total{cause=\"rate\"}");
    for call in 0..100 {
        rig.fake.call(&format!("quick.{call}."), &TRUSTED);
    }
    wait_until("some to be refused", || refused() > 0).await;
    rig.fake.wait_for_playback("quick.0.", "menu").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a_caller_and_a_trunk_have_a_share_of_the_places() {
    let rig = Rig::start(RigOptions { shares: [2, 3, 1], ..RigOptions::default() }).await;
    let other = ["trusted", ADDITIONAL];
    let refused =
        |cause: &str| rig.metric(&format!("karipass_calls_refused_total{{cause=\"{cause}\"}}"));
    for (channel, caller) in [("share.1.", &TRUSTED), ("share.2.", &TRUSTED), ("share.3.", &other)]
    {
        rig.fake.call(channel, caller);
        rig.fake.wait_for_playback(channel, "menu").await;
    }
    rig.fake.call("share.4.", &other);
    rig.fake.wait_for_request("POST", "/channels/share.4./continue", 1).await;
    rig.fake.call_through("PJSIP/another", "share.5.", &other);
    rig.fake.wait_for_playback("share.5.", "menu").await;
    rig.fake.call_through("PJSIP/another", "share.6.", &TRUSTED);
    rig.fake.wait_for_request("POST", "/channels/share.6./continue", 1).await;
    assert_eq!([refused("caller"), refused("trunk")], [1, 1]);
    rig.fake.hang_up("share.1.");
    rig.expect_end("share.1.", "hung_up").await;
    rig.call_to_menu("share.7.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_callers_without_a_number_have_a_share_of_their_trunk() {
    let rig = Rig::start(RigOptions { shares: [9, 9, 2], ..RigOptions::default() }).await;
    let withheld = ["untrusted", ""];
    for channel in ["hidden.1.", "hidden.2."] {
        rig.fake.call(channel, &withheld);
        rig.fake.wait_for_playback(channel, "not-available").await;
    }
    rig.fake.call("hidden.3.", &withheld);
    rig.fake.wait_for_request("POST", "/channels/hidden.3./continue", 1).await;
    rig.call_to_menu("hidden.not.").await;
    rig.fake.call_through("PJSIP/another", "hidden.4.", &withheld);
    rig.fake.wait_for_playback("hidden.4.", "not-available").await;
    rig.fake.hang_up("hidden.1.");
    rig.expect_end("hidden.1.", "not_available").await;
    rig.fake.call("hidden.5.", &withheld);
    rig.fake.wait_for_playback("hidden.5.", "not-available").await;
}

/// Calls arrive until one is refused; returns its channel.
async fn calls_until_refused(rig: &Rig, name: &str, is_refused: impl Fn() -> bool) -> String {
    let last = calls_until(rig, name, is_refused).await;
    rig.fake.wait_for_request("POST", &format!("/channels/{last}/continue"), 1).await;
    last
}

/// Calls arrive until one is accepted.
async fn expect_calls_taken_again(rig: &Rig, name: &str) {
    let answers = || rig.fake.requests_like("POST", "/answer");
    calls_until(rig, name, || answers().iter().any(|it| it.path.contains(name))).await;
}

/// Calls arrive until the condition holds; returns the last one's channel.
async fn calls_until(rig: &Rig, name: &str, is_so: impl Fn() -> bool) -> String {
    let began = clock::now();
    for call in 1.. {
        let channel = format!("{name}.{call}.");
        rig.fake.call(&channel, &TRUSTED);
        tokio::time::sleep(NEXT_CALL).await;
        if is_so() {
            return channel;
        }
        assert!(began.elapsed() < WAIT_TIMEOUT, "{call} calls came in vain");
    }
    unreachable!()
}
