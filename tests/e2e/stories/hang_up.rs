//! Hanging up in every step (P13).

use anyhow::Result;

use crate::story::{Family, Story, complete};
use crate::system::System;

#[test]
fn p13_hanging_up_before_the_commit_changes_nothing() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.hang_up()?;
    story.expect_nothing_stored()?;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("2")?.hear("enter-number")?.key(&child[..4])?.hang_up()?;
    story.expect_nothing_stored()?;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("2")?.hear("enter-number")?.key(&format!("{child}#"))?;
    call.begin_to_hear_number(child, "set-password")?.hang_up()?;
    story.expect_nothing_stored()?;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("2")?.hear("enter-number")?.key(&format!("{child}#"))?;
    call.begin_to_hear_number(child, "set-password")?.key_password(&password)?;
    call.hear("confirm-password")?.key_password(&password[..7])?.hang_up()?;
    story.expect_nothing_stored()?;
    story.expect_refused(child, &password)
}

#[test]
fn p13_hanging_up_leaves_the_old_password_good() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let (old, new) = (story.password(), story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &old)?;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    call.key_password(&new)?.hear("confirm-password")?.hang_up()?;
    story.expect_stored(contract, &old, "line", "line", &[contract, child])
}

#[test]
fn p13_hanging_up_after_the_commit_leaves_it_set() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    call.key_password(&password)?.hear("confirm-password")?.key_password(&password)?;
    call.begin_to_hear_number(contract, "completed")?.hang_up()?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}
