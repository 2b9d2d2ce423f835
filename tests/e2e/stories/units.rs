//! Which unit takes effect (P14), and what a new password replaces (C4).

use anyhow::Result;

use crate::story::{Family, Story, completes};
use crate::system::System;

#[test]
fn p14_an_additional_number_may_choose_only_the_unit_in_force() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let configures = [contract.as_str(), child];
    let old = sets_the_line(&story)?;
    let mut call = story.child_calls()?;
    call.hears("menu")?.keys("2")?.hears("invalid")?.keys("3")?.hears("invalid")?.keys("2")?;
    call.hears_whole("redial")?.is_hung_up()?;
    story.is_stored(contract, &old, "line", "line", &configures)?;
    let new = story.password();
    let mut call = story.child_calls()?;
    call.hears("menu")?.keys("3")?.hears("invalid")?.keys("1")?;
    call.begins_to_hear_number(contract, "set-password")?;
    completes(&mut call, contract, &new)?;
    story.is_stored(contract, &new, "line", "line", &configures)
}

#[test]
fn p14_another_unit_by_phone_voids_every_other_credential() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let line = sets_the_line(&story)?;
    let number = story.password();
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(&format!("{child}#"))?;
    call.begins_to_hear_number(child, "set-password")?;
    completes(&mut call, child, &number)?;
    story.is_stored(child, &number, "number", "number", &[child])?;
    story.is_refused(contract, &line)
}

#[test]
fn c4_a_new_temporary_password_replaces_the_old_one() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let old = sets_the_line(&story)?;
    let new = sets_the_line(&story)?;
    story.is_stored(contract, &new, "line", "line", &[contract, child])?;
    story.is_refused(contract, &old)
}

/// The contract number sets the line's password.
fn sets_the_line(story: &Story<'_>) -> Result<String> {
    let password = story.password();
    let contract = &story.family.contract;
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?.begins_to_hear_number(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    Ok(password)
}
