//! How digits come: during guidance, ahead, fast, by SIP INFO, with a `#` behind them (P7, P12).

use std::time::Duration;

use anyhow::{Result, ensure};
use karipass_lab::subscriber::{Caller, Keying, Line, Pace};

use crate::story::{Family, Story, completes};
use crate::system::System;

#[test]
fn p12_a_digit_stops_the_guidance_at_once() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, .. } = &story.family;
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.hears("digits/0")?;
    let (menu, next) = (&call.heard()[0], &call.heard()[1]);
    let stopped = menu.ended.unwrap();
    ensure!(!menu.whole && stopped <= next.started, "the menu was not stopped");
    call.may_hear_number(&contract[1..], "set-password").hangs_up()?;
    story.nothing_is_stored()
}

#[test]
fn p12_a_whole_flow_keyed_ahead_counts() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    keyed_ahead(&story, Pace::BRISK)
}

#[test]
fn q24_a_whole_flow_keyed_ahead_at_40_ms_counts() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    keyed_ahead(&story, Pace::FASTEST)
}

#[test]
fn p7_a_hash_after_the_eighth_digit_is_no_digit_of_the_next_entry() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let with_hash = format!("{password}#");
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.begins_to_hear_number(contract, "set-password")?;
    call.keys_password(&with_hash)?.hears_whole("confirm-password")?.keys_password(&with_hash)?;
    call.hears_number_whole(contract, "completed")?.is_hung_up()?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn q24_digits_of_40_ms_count_once_each_after_the_guidance() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    for password in [story.password(), with_doubles(&story)] {
        let mut call = story.contract_calls()?;
        call.hears("menu")?.keys("1")?.hears_number_whole(contract, "set-password")?;
        call.keys_password_at(&password, Pace::FASTEST)?.hears_whole("confirm-password")?;
        call.keys_password_at(&password, Pace::FASTEST)?;
        call.hears_number_whole(contract, "completed")?.is_hung_up()?;
        story.is_stored(contract, &password, "line", "line", &[contract, child])?;
    }
    Ok(())
}

#[test]
fn q24_digits_of_40_ms_count_once_each_during_guidance() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { child, .. } = &story.family;
    for password in [story.password(), with_doubles(&story)] {
        let mut call = story.contract_calls()?;
        call.hears("menu")?.keys_at("2", Pace::FASTEST)?.hears("enter-number")?;
        call.keys_at(&format!("{child}#"), Pace::FASTEST)?;
        call.begins_to_hear_number(child, "set-password")?;
        call.keys_password_at(&password, Pace::FASTEST)?.hears("confirm-password")?;
        call.keys_password_at(&password, Pace::FASTEST)?;
        call.hears_number_whole(child, "completed")?.is_hung_up()?;
        story.is_stored(child, &password, "number", "number", &[child])?;
    }
    Ok(())
}

#[test]
fn digits_by_sip_info_count() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    completes_with(&story, &Line { keying: Keying::Info, ..story.system.line() })
}

#[test]
fn digits_as_tones_in_the_audio_count() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    completes_with(&story, &Line { keying: Keying::Tones, ..story.system.line() })
}

#[test]
fn p12_digits_by_rfc_4733_and_by_sip_info_count_once_each() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    completes_with(&story, &Line { keying: Keying::Both, ..story.system.line() })
}

#[test]
fn p11_a_call_on_hold_is_asked_again_when_it_is_taken_up() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.begins_to_hear_number(contract, "set-password")?;
    call.keys_password(&password)?.hears("confirm-password")?.holds()?;
    // At least as long as the guidance and the first digit's limit.
    std::thread::sleep(Duration::from_secs(9));
    call.takes_up()?.hears_whole("confirm-password")?.keys_password(&password)?;
    call.hears_number_whole(contract, "completed")?.is_hung_up()?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn nothing_is_stored_of_digits_behind_a_restarted_rtp_clock() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.hears_number(contract, "set-password")?.restarts_rtp_clock()?;
    call.keys_password(&password)?.keys_password(&password)?;
    call.hears("invalid")?.hangs_up()?;
    story.nothing_is_stored()
}

#[test]
fn a_call_that_offers_t_38_beside_its_audio_is_heard() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    completes_with(&story, &Line { offers_fax: true, ..story.system.line() })
}

fn keyed_ahead(story: &Story<'_>, pace: Pace) -> Result<()> {
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys_at(&format!("2{child}#"), pace)?;
    call.keys_password_at(&format!("{password}{password}"), pace)?;
    call.may_hear(["enter-number"]).may_hear_number(child, "set-password");
    call.may_hear(["confirm-password"]);
    call.hears_number_whole(child, "completed")?.is_hung_up()?;
    story.is_stored(child, &password, "number", "number", &[child])
}

/// Double digits are the ones that a repeated event would spoil least visibly.
fn with_doubles(story: &Story<'_>) -> String {
    let password = story.password();
    let doubled: String = password[..4].chars().flat_map(|digit| [digit, digit]).collect();
    story.used(&doubled);
    doubled
}

fn completes_with(story: &Story<'_>, line: &Line) -> Result<()> {
    let (Family { contract, child, .. }, password) = (&story.family, with_doubles(story));
    let mut call = Caller::asserted(contract).calls(line)?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(&format!("{child}#"))?;
    call.begins_to_hear_number(child, "set-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "number", "number", &[child])
}
