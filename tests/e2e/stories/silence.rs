//! Silence (P11), with limits of 3 s and 2 s: a slow machine lengthens them, but not to the default
//! limits.

use std::time::Duration;

use anyhow::{Result, ensure};
use domain::rules::{FIRST_DIGIT_TIMEOUT, INTER_DIGIT_TIMEOUT};

use crate::story::{Family, Story, complete};
use crate::system::System;

#[test]
fn p11_three_silences_at_the_menu_end_the_call() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let mut call = story.call_from_contract()?;
    call.hear_whole("menu")?.hear_whole("invalid")?;
    call.hear_whole("menu")?.hear_whole("invalid")?;
    call.hear_whole("menu")?.hear_whole("redial")?.expect_hangup()?;
    let heard = call.heard();
    let silence = heard[1].started - heard[0].ended.unwrap();
    ensure!(
        silence > Duration::from_millis(2500) && silence < FIRST_DIGIT_TIMEOUT,
        "invalid came after {silence:?}"
    );
    story.expect_nothing_stored()
}

#[test]
fn p11_silence_ends_a_short_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    call.key_password(&password[..5])?.hear_whole("invalid")?;
    let waited = call.waited()?;
    ensure!(
        waited > Duration::from_millis(1500) && waited < INTER_DIGIT_TIMEOUT,
        "invalid came after {waited:?}"
    );
    call.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}
