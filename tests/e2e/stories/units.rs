//! Which unit takes effect (P14), and what a new password replaces (C4).

use anyhow::Result;

use crate::story::{Family, Story, complete};
use crate::system::System;

#[test]
fn p14_an_additional_number_may_choose_only_the_unit_in_force() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let configures = [contract.as_str(), child];
    let old = set_line_password(&story)?;
    let mut call = story.call_from_child()?;
    call.hear("menu")?.key("2")?.hear("invalid")?.key("3")?.hear("invalid")?.key("2")?;
    call.hear_whole("redial")?.expect_hangup()?;
    story.expect_stored(contract, &old, "line", "line", &configures)?;
    let new = story.password();
    let mut call = story.call_from_child()?;
    call.hear("menu")?.key("3")?.hear("invalid")?.key("1")?;
    call.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &new)?;
    story.expect_stored(contract, &new, "line", "line", &configures)
}

#[test]
fn p14_another_unit_by_phone_voids_every_other_credential() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let line = set_line_password(&story)?;
    let number = story.password();
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("2")?.hear("enter-number")?.key(&format!("{child}#"))?;
    call.begin_to_hear_number(child, "set-password")?;
    complete(&mut call, child, &number)?;
    story.expect_stored(child, &number, "number", "number", &[child])?;
    story.expect_refused(contract, &line)
}

#[test]
fn c4_a_new_temporary_password_replaces_the_old_one() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let old = set_line_password(&story)?;
    let new = set_line_password(&story)?;
    story.expect_stored(contract, &new, "line", "line", &[contract, child])?;
    story.expect_refused(contract, &old)
}

/// The contract number sets the line's password.
fn set_line_password(story: &Story<'_>) -> Result<String> {
    let password = story.password();
    let contract = &story.family.contract;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &password)?;
    Ok(password)
}
