//! Ways of keying: during guidance, ahead, fast, by SIP INFO, on hold (P11, P12).

use std::time::Duration;

use anyhow::{Result, ensure};
use karipass_lab::subscriber::{Caller, Keying, Line, Pace, Subscriber};

use crate::story::{Family, Story, complete};
use crate::system::{PATIENCE, System};

/// A pause in which a busy machine's reports of two presses stay apart.
const UNHURRIED: Pace = Pace { tone: Duration::from_millis(100), gap: Duration::from_millis(400) };

#[test]
fn p12_a_digit_stops_the_guidance_at_once() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, .. } = &story.family;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.hear("digits/0")?;
    let (menu, next) = (&call.heard()[0], &call.heard()[1]);
    let stopped = menu.ended.unwrap();
    ensure!(!menu.whole && stopped <= next.started, "the menu was not stopped");
    call.allow_number(&contract[1..], "set-password").hang_up()?;
    story.expect_nothing_stored()
}

#[test]
fn p12_a_whole_flow_keyed_ahead_at_40_ms_counts() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = fast_call(&story)?;
    call.hear("menu")?.key(&format!("2{child}#"))?;
    call.key_password(&format!("{password}{password}"))?;
    call.allow(["enter-number"]).allow_number(child, "set-password");
    call.allow(["confirm-password"]);
    call.hear_number(child)?.hear_whole("completed")?.expect_hangup()?;
    story.expect_stored(child, &password, "number", "number", &[child])
}

#[test]
fn p12_digits_of_40_ms_count_once_each_after_the_guidance() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = fast_call(&story)?;
    call.hear("menu")?.key("1")?.hear_number(contract)?.hear_whole("set-password")?;
    call.key_password(&password)?.hear_whole("confirm-password")?.key_password(&password)?;
    call.hear_number(contract)?.hear_whole("completed")?.expect_hangup()?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p12_digits_of_40_ms_count_once_each_during_guidance() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = fast_call(&story)?;
    call.hear("menu")?.key("2")?.hear("enter-number")?.key(&format!("{child}#"))?;
    call.begin_to_hear_number(child, "set-password")?;
    complete(&mut call, child, &password)?;
    story.expect_stored(child, &password, "number", "number", &[child])
}

#[test]
fn digits_by_sip_info_count() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    completes_with_doubles(&story, Keying::Info, UNHURRIED)
}

#[test]
fn digits_as_tones_in_the_audio_count() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    completes_with_doubles(&story, Keying::Tones, UNHURRIED)
}

#[test]
fn p12_digits_by_rfc_4733_and_by_sip_info_count_once_each() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    completes_with_doubles(&story, Keying::Both, UNHURRIED)
}

#[test]
fn p12_events_whose_last_packets_differ_in_time_stamp_count_once() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    completes_with_doubles(&story, Keying::OtherStamps, UNHURRIED)
}

#[test]
fn p12_events_that_pause_among_audio_count_once() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let held = Pace { tone: Duration::from_millis(280), ..UNHURRIED };
    completes_with_doubles(&story, Keying::AmongSilence, held)
}

/// The key is held for longer than the silence that ends an entry, and released during `invalid`.
#[test]
fn p12_a_key_held_until_after_its_entry_is_no_digit_of_the_next() -> Result<()> {
    // RFC 4733 knows no event of the silence that the other stories wait for.
    let system = System::start(&[])?;
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.hear_number(contract)?.hear_whole("set-password")?;
    let second = password.chars().nth(1).unwrap();
    call.key_password(&password[..1])?.key_until(second, "invalid")?;
    call.hear_number(contract)?.hear_whole("set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p11_after_a_hold_the_step_is_repeated() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    call.key_password(&password)?.hear("confirm-password")?.hold()?;
    // At least as long as the guidance and the silence behind it, which would be heard about.
    std::thread::sleep(PATIENCE + Duration::from_secs(6));
    call.resume()?.hear_whole("confirm-password")?.key_password(&password)?;
    call.hear_number(contract)?.hear_whole("completed")?.expect_hangup()?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn nothing_is_stored_of_digits_behind_a_restarted_rtp_clock() -> Result<()> {
    stores_nothing_after(|call| call.set_rtp_clock(1000))
}

/// One second before it wraps.
#[test]
fn nothing_is_stored_of_digits_behind_an_rtp_clock_that_wraps() -> Result<()> {
    stores_nothing_after(|call| call.set_rtp_clock(u32::MAX - 8000))
}

/// As behind a NAT that forgets its mapping.
#[test]
fn nothing_is_stored_of_digits_from_an_rtp_port_that_moved() -> Result<()> {
    stores_nothing_after(Subscriber::send_rtp_from_another_port)
}

#[test]
fn a_call_that_offers_t_38_beside_its_audio_is_heard() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let line = Line { offers_fax: true, ..story.system.line() };
    completes_with(&story, &line, &story.password())
}

/// Keys a password once something has happened to the RTP that makes Asterisk drop its events.
fn stores_nothing_after(
    happens: impl FnOnce(&mut Subscriber) -> Result<&mut Subscriber>,
) -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    happens(call.hear("menu")?.key("1")?.hear_number(contract)?.hear("set-password")?)?;
    call.key_password(&password)?.key_password(&password)?;
    call.hear("invalid")?.hang_up()?;
    story.expect_nothing_stored()
}

/// The contract number calls, and keys as fast as Q.24 allows.
fn fast_call(story: &Story<'_>) -> Result<Subscriber> {
    let line = Line { pace: Pace::FASTEST, ..story.system.line() };
    Caller::asserted(&story.family.contract).call(&line)
}

fn completes_with(story: &Story<'_>, line: &Line, password: &str) -> Result<()> {
    let Family { contract, child, .. } = &story.family;
    let mut call = Caller::asserted(contract).call(line)?;
    call.hear("menu")?.key("2")?.hear("enter-number")?.key(&format!("{child}#"))?;
    call.begin_to_hear_number(child, "set-password")?;
    complete(&mut call, child, password)?;
    story.expect_stored(child, password, "number", "number", &[child])
}

/// With double digits, in which a repeated report would be hardest to notice.
fn completes_with_doubles(story: &Story<'_>, keying: Keying, pace: Pace) -> Result<()> {
    let password = story.password();
    let doubled: String = password[..4].chars().flat_map(|digit| [digit, digit]).collect();
    story.used(&doubled);
    completes_with(story, &Line { keying, pace, ..story.system.line() }, &doubled)
}
