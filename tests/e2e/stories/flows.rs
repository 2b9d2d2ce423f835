//! The three flows (P3–P9), from the contract number and from an additional number, and one after
//! another (P14).

use anyhow::Result;

use crate::story::{Family, Story, complete};
use crate::system::System;

#[test]
fn p4_the_contract_number_sets_the_lines_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_contract()?;
    call.hear_whole("menu")?.key("1")?;
    call.hear_number(contract)?.hear_whole("set-password")?.key_password(&password)?;
    call.hear_whole("confirm-password")?.key_password(&password)?;
    call.hear_number(contract)?.hear_whole("completed")?.expect_hangup()?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p6_the_administrators_number_needs_no_service() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    story.load(&format!("{contract},{contract},no\n{contract},{child},yes\n"))?;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("3")?.hear("enter-number")?.key(&format!("{contract}#"))?;
    call.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "admin_user", "admin", &[child])
}

#[test]
fn p6_an_additional_number_registers_its_own_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.call_from_child()?;
    call.hear("menu")?.key("3")?.hear_number(child)?.hear_whole("register-password")?;
    complete(&mut call, child, &password)?;
    story.expect_stored(child, &password, "admin_user", "user", &[child])
}

#[test]
fn p14_another_unit_by_phone_voids_every_other_credential() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let (line, number) = (story.password(), story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &line)?;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("2")?.hear("enter-number")?.key(&format!("{child}#"))?;
    call.begin_to_hear_number(child, "set-password")?;
    complete(&mut call, child, &number)?;
    story.expect_stored(child, &number, "number", "number", &[child])?;
    story.expect_refused(contract, &line)
}
