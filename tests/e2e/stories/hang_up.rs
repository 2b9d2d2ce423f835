//! Hanging up before and after the commit (P13).

use anyhow::Result;

use crate::story::{Family, Story};
use crate::system::System;

#[test]
fn p13_hanging_up_before_the_commit_changes_nothing() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("2")?.hear("enter-number")?.key(&format!("{child}#"))?;
    call.begin_to_hear_number(child, "set-password")?.key_password(&password)?;
    call.hear("confirm-password")?.key_password(&password[..7])?.hang_up()?;
    story.expect_nothing_stored()?;
    story.expect_refused(child, &password)
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
