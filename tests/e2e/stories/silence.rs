//! Silence (P11), with limits of 3 s and 2 s: a slow machine makes them longer to the ear, but not
//! as long as those that were not set.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use domain::rules::{FIRST_DIGIT_TIMEOUT, INTER_DIGIT_TIMEOUT};
use libtest_mimic::Trial;

use crate::story::{Family, Story, completes, story};
use crate::world::System;

pub fn trials(system: &Arc<System>) -> Vec<Trial> {
    vec![
        story(system, "p11_three_silences_at_the_menu_end_the_call", menu),
        story(system, "p11_silence_is_a_wrong_entry_and_the_password_is_asked_for_again", password),
        story(system, "p11_silence_ends_a_short_password", short_password),
        story(system, "p11_silence_completes_a_number", number),
    ]
}

fn menu(story: &Story<'_>) -> Result<()> {
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

fn password(story: &Story<'_>) -> Result<()> {
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.hears_number_whole(contract, "set-password")?;
    call.hears_whole("invalid")?.hears_number_whole(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

fn short_password(story: &Story<'_>) -> Result<()> {
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

fn number(story: &Story<'_>) -> Result<()> {
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(child)?;
    call.begins_to_hear_number(child, "set-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "number", "number", &[child])
}
