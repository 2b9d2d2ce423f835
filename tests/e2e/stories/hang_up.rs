//! Hanging up in every step (P13).

use anyhow::Result;

use crate::story::{Family, Story, completes};
use crate::system::System;

#[test]
fn p13_hanging_up_before_the_commit_changes_nothing() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.hangs_up()?;
    story.nothing_is_stored()?;
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(&child[..4])?.hangs_up()?;
    story.nothing_is_stored()?;
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(&format!("{child}#"))?;
    call.begins_to_hear_number(child, "set-password")?.hangs_up()?;
    story.nothing_is_stored()?;
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(&format!("{child}#"))?;
    call.begins_to_hear_number(child, "set-password")?.keys_password(&password)?;
    call.hears("confirm-password")?.keys_password(&password[..7])?.hangs_up()?;
    story.nothing_is_stored()?;
    story.is_refused(child, &password)
}

#[test]
fn p13_hanging_up_leaves_the_old_password_good() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let (old, new) = (story.password(), story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.begins_to_hear_number(contract, "set-password")?;
    completes(&mut call, contract, &old)?;
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.begins_to_hear_number(contract, "set-password")?;
    call.keys_password(&new)?.hears("confirm-password")?.hangs_up()?;
    story.is_stored(contract, &old, "line", "line", &[contract, child])
}

#[test]
fn p13_hanging_up_after_the_commit_leaves_it_set() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.begins_to_hear_number(contract, "set-password")?;
    call.keys_password(&password)?.hears("confirm-password")?.keys_password(&password)?;
    call.begins_to_hear_number(contract, "completed")?.hangs_up()?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}
