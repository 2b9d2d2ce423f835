//! How digits come: during guidance, ahead, fast, by SIP INFO, with a `#` behind them (P7, P12).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use karipass_lab::subscriber::{Caller, Keying, Line, Pace};
use libtest_mimic::Trial;

use crate::story::{Family, Story, completes, story};
use crate::world::System;

pub fn trials(system: &Arc<System>) -> Vec<Trial> {
    vec![
        story(system, "p12_a_digit_stops_the_guidance_at_once", barge_in),
        story(system, "p12_a_whole_flow_keyed_ahead_counts", ahead),
        story(system, "p7_a_hash_after_the_eighth_digit_is_no_digit_of_the_next_entry", hash),
        story(system, "q24_digits_of_40_ms_count_once_each_after_the_guidance", fast_in_silence),
        story(system, "q24_digits_of_40_ms_count_once_each_during_guidance", fast_in_guidance),
        story(system, "q24_a_whole_flow_keyed_ahead_at_40_ms_counts", fast_ahead),
        story(system, "digits_by_sip_info_count", sip_info),
        story(system, "digits_as_tones_in_the_audio_count", tones),
        story(system, "p12_digits_by_rfc_4733_and_by_sip_info_count_once_each", both),
        story(system, "p11_a_call_on_hold_is_asked_again_when_it_is_taken_up", on_hold),
        story(system, "nothing_is_stored_of_digits_behind_a_restarted_rtp_clock", restarted),
        story(system, "a_call_that_offers_t_38_beside_its_audio_is_heard", fax),
    ]
}

fn barge_in(story: &Story<'_>) -> Result<()> {
    let Family { contract, .. } = &story.family;
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.hears("digits/0")?;
    let (menu, next) = (&call.heard()[0], &call.heard()[1]);
    let stopped = menu.ended.unwrap();
    ensure!(!menu.whole && stopped <= next.started, "the menu was not stopped");
    call.may_hear_number(&contract[1..], "set-password").hangs_up()?;
    story.nothing_is_stored()
}

fn ahead(story: &Story<'_>) -> Result<()> {
    keyed_ahead(story, Pace::BRISK)
}

fn fast_ahead(story: &Story<'_>) -> Result<()> {
    keyed_ahead(story, Pace::FASTEST)
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

fn hash(story: &Story<'_>) -> Result<()> {
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let with_hash = format!("{password}#");
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.begins_to_hear_number(contract, "set-password")?;
    call.keys_password(&with_hash)?.hears_whole("confirm-password")?.keys_password(&with_hash)?;
    call.hears_number_whole(contract, "completed")?.is_hung_up()?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

/// Double digits are the ones that a repeated event would spoil least visibly.
fn with_doubles(story: &Story<'_>) -> String {
    let password = story.password();
    let doubled: String = password[..4].chars().flat_map(|digit| [digit, digit]).collect();
    story.used(&doubled);
    doubled
}

fn fast_in_silence(story: &Story<'_>) -> Result<()> {
    let Family { contract, child, .. } = &story.family;
    for password in [story.password(), with_doubles(story)] {
        let mut call = story.contract_calls()?;
        call.hears("menu")?.keys("1")?.hears_number_whole(contract, "set-password")?;
        call.keys_password_at(&password, Pace::FASTEST)?.hears_whole("confirm-password")?;
        call.keys_password_at(&password, Pace::FASTEST)?;
        call.hears_number_whole(contract, "completed")?.is_hung_up()?;
        story.is_stored(contract, &password, "line", "line", &[contract, child])?;
    }
    Ok(())
}

fn fast_in_guidance(story: &Story<'_>) -> Result<()> {
    let Family { child, .. } = &story.family;
    for password in [story.password(), with_doubles(story)] {
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

fn sip_info(story: &Story<'_>) -> Result<()> {
    completes_with(story, &Line { keying: Keying::Info, ..story.system.line() })
}

fn tones(story: &Story<'_>) -> Result<()> {
    completes_with(story, &Line { keying: Keying::Tones, ..story.system.line() })
}

fn both(story: &Story<'_>) -> Result<()> {
    completes_with(story, &Line { keying: Keying::Both, ..story.system.line() })
}

fn on_hold(story: &Story<'_>) -> Result<()> {
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

fn restarted(story: &Story<'_>) -> Result<()> {
    let (Family { contract, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.hears_number(contract, "set-password")?.restarts_rtp_clock()?;
    call.keys_password(&password)?.keys_password(&password)?;
    call.hears("invalid")?.hangs_up()?;
    story.nothing_is_stored()
}

fn fax(story: &Story<'_>) -> Result<()> {
    completes_with(story, &Line { offers_fax: true, ..story.system.line() })
}

fn completes_with(story: &Story<'_>, line: &Line) -> Result<()> {
    let (Family { contract, child, .. }, password) = (&story.family, with_doubles(story));
    let mut call = Caller::asserted(contract).calls(line)?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(&format!("{child}#"))?;
    call.begins_to_hear_number(child, "set-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "number", "number", &[child])
}
