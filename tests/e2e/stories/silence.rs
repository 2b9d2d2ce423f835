//! Silence (P11), with limits of 3 s and 2 s: a slow machine makes them longer to the ear, but not
//! as long as those that were not set.

use std::time::Duration;

use anyhow::{Result, ensure};
use domain::rules::{FIRST_DIGIT_TIMEOUT, INTER_DIGIT_TIMEOUT};

use crate::story::{Family, Story, completes};
use crate::system::System;

#[test]
fn p11_three_silences_at_the_menu_end_the_call() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let mut call = story.contract_calls()?;
    call.hears_whole("menu")?.hears_whole("invalid")?;
    call.hears_whole("menu")?.hears_whole("invalid")?;
    call.hears_whole("menu")?.hears_whole("redial")?.is_hung_up()?;
    let heard = call.heard();
    let silence = heard[1].started - heard[0].ended.unwrap();
    ensure!(
        silence > Duration::from_millis(2500) && silence < FIRST_DIGIT_TIMEOUT,
        "invalid came after {silence:?}"
    );
    story.nothing_is_stored()
}

#[test]
fn p11_silence_is_a_wrong_entry_and_the_password_is_asked_for_again() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.hears_number_whole(contract, "set-password")?;
    call.hears_whole("invalid")?.hears_number_whole(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p11_silence_ends_a_short_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.begins_to_hear_number(contract, "set-password")?;
    call.keys_password(&password[..5])?.hears_whole("invalid")?;
    let waited = call.waited()?;
    ensure!(
        waited > Duration::from_millis(1500) && waited < INTER_DIGIT_TIMEOUT,
        "invalid came after {waited:?}"
    );
    call.begins_to_hear_number(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p11_silence_completes_a_number() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(child)?;
    call.begins_to_hear_number(child, "set-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "number", "number", &[child])
}
