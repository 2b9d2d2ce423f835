//! The three flows (P3–P9), from the contract number and from an additional number.

use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::Trial;

use crate::story::{Family, Story, completes, story};
use crate::world::System;

pub fn trials(system: &Arc<System>) -> Vec<Trial> {
    vec![
        story(system, "p4_the_contract_number_sets_the_lines_password", line_from_contract),
        story(system, "p4_an_additional_number_sets_the_lines_password", line_from_child),
        story(system, "p5_the_contract_number_sets_another_numbers_password", number_from_contract),
        story(
            system,
            "p5_an_additional_number_sets_the_contract_numbers_password",
            number_from_child,
        ),
        story(system, "p6_the_contract_number_sets_the_administrators_password", administrator),
        story(
            system,
            "p6_the_administrators_number_needs_no_service",
            administrator_without_service,
        ),
        story(system, "p6_the_contract_number_sets_a_users_password", user_from_contract),
        story(system, "p6_an_additional_number_registers_its_own_password", user_from_child),
        story(
            system,
            "p6_an_additional_number_without_service_is_not_served",
            user_without_service,
        ),
    ]
}

fn line_from_contract(story: &Story<'_>) -> Result<()> {
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears_whole("menu")?.keys("1")?;
    call.hears_number_whole(contract, "set-password")?.keys_password(&password)?;
    call.hears_whole("confirm-password")?.keys_password(&password)?;
    call.hears_number_whole(contract, "completed")?.is_hung_up()?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

fn line_from_child(story: &Story<'_>) -> Result<()> {
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.child_calls()?;
    call.hears("menu")?.keys("1")?.hears_number(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

fn number_from_contract(story: &Story<'_>) -> Result<()> {
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("2")?.hears_whole("enter-number")?.keys(&format!("{child}#"))?;
    call.hears_number_whole(child, "set-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "number", "number", &[child])
}

fn number_from_child(story: &Story<'_>) -> Result<()> {
    let (Family { contract, .. }, password) = (&story.family, story.password());
    let mut call = story.child_calls()?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(&format!("{contract}#"))?;
    call.hears_number(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "number", "number", &[contract])
}

fn administrator(story: &Story<'_>) -> Result<()> {
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("3")?.hears("enter-number")?.keys(&format!("{contract}#"))?;
    call.hears_number(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "admin_user", "admin", &[contract, child])
}

fn administrator_without_service(story: &Story<'_>) -> Result<()> {
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    story.load(&format!("{contract},{contract},no\n{contract},{child},yes\n"))?;
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("3")?.hears("enter-number")?.keys(&format!("{contract}#"))?;
    call.begins_to_hear_number(contract, "set-password")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "admin_user", "admin", &[child])
}

fn user_from_contract(story: &Story<'_>) -> Result<()> {
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("3")?.hears("enter-number")?.keys(&format!("{child}#"))?;
    call.begins_to_hear_number(child, "set-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "admin_user", "user", &[child])
}

fn user_from_child(story: &Story<'_>) -> Result<()> {
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.child_calls()?;
    call.hears("menu")?.keys("3")?.hears_number_whole(child, "register-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "admin_user", "user", &[child])
}

fn user_without_service(story: &Story<'_>) -> Result<()> {
    let mut call = story.plain_calls()?;
    call.hears("menu")?.keys("3")?.hears_whole("not-available")?.is_hung_up()?;
    story.nothing_is_stored()
}
