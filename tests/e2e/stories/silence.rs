//! Silence (P11), as long as configured, and never shorter. A slow machine may lengthen it.

use std::time::Instant;

use anyhow::{Result, ensure};
use karipass_lab::sounds;

use crate::story::{Family, Story, complete};
use crate::system::{PATIENCE, System};

#[test]
fn p11_three_silences_at_the_menu_end_the_call() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let begun = Instant::now();
    let mut call = story.call_from_contract()?;
    call.hear_whole("menu")?.hear_whole("invalid")?;
    let (heard, menu) = (call.heard(), sounds::length("menu")?);
    let after = heard[1].started - begun;
    ensure!(after >= menu + PATIENCE, "invalid came {after:?} after the call");
    call.hear_whole("menu")?.hear_whole("invalid")?;
    call.hear_whole("menu")?.hear_whole("redial")?.expect_hangup()?;
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
    ensure!(waited >= PATIENCE, "invalid came after {waited:?}");
    call.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}
