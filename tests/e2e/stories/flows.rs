//! The three flows (P3–P9), from the contract number and from an additional number.

use anyhow::Result;

use crate::story::{Family, Story, completes};
use crate::system::System;

#[test]
fn p4_the_contract_number_sets_the_lines_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears_whole("menu")?.keys("1")?;
    call.hears_number_whole(contract, "set-password")?.keys_password(&password)?;
    call.hears_whole("confirm-password")?.keys_password(&password)?;
    call.hears_number_whole(contract, "completed")?.is_hung_up()?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p4_an_additional_number_sets_the_lines_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.child_calls()?;
    call.hears("menu")?.keys("1")?.hears_number(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p5_the_contract_number_sets_another_numbers_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("2")?.hears_whole("enter-number")?.keys(&format!("{child}#"))?;
    call.hears_number_whole(child, "set-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "number", "number", &[child])
}

#[test]
fn p5_an_additional_number_sets_the_contract_numbers_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, .. }, password) = (&story.family, story.password());
    let mut call = story.child_calls()?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(&format!("{contract}#"))?;
    call.hears_number(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "number", "number", &[contract])
}

#[test]
fn p6_the_contract_number_sets_the_administrators_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("3")?.hears("enter-number")?.keys(&format!("{contract}#"))?;
    call.hears_number(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "admin_user", "admin", &[contract, child])
}

#[test]
fn p6_the_administrators_number_needs_no_service() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    story.load(&format!("{contract},{contract},no\n{contract},{child},yes\n"))?;
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("3")?.hears("enter-number")?.keys(&format!("{contract}#"))?;
    call.begins_to_hear_number(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "admin_user", "admin", &[child])
}

#[test]
fn p6_the_contract_number_sets_a_users_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("3")?.hears("enter-number")?.keys(&format!("{child}#"))?;
    call.begins_to_hear_number(child, "set-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "admin_user", "user", &[child])
}

#[test]
fn p6_an_additional_number_registers_its_own_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.child_calls()?;
    call.hears("menu")?.keys("3")?.hears_number_whole(child, "register-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "admin_user", "user", &[child])
}

#[test]
fn p6_an_additional_number_without_service_is_not_served() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let mut call = story.plain_calls()?;
    call.hears("menu")?.keys("3")?.hears_whole("not-available")?.is_hung_up()?;
    story.nothing_is_stored()
}
