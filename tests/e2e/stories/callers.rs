//! Who calls (P1, P2).

use std::net::Ipv4Addr;

use anyhow::Result;
use karipass_lab::subscriber::Caller;

use crate::story::{Family, Story, complete};
use crate::system::System;

#[test]
fn p2_an_unknown_number_is_not_served() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    expect_not_served(&story, &Caller::asserted(&story.family.stranger()))
}

#[test]
fn p2_a_withheld_number_is_not_served() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    expect_not_served(&story, &Caller::withheld(&story.family.contract))
}

#[test]
fn p1_a_bare_from_is_not_served() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    expect_not_served(&story, &Caller::bare_from(&story.family.contract))
}

#[test]
fn p2_a_suspended_contract_is_not_served_until_it_is_resumed() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    story.system.operator(&["contracts", "suspend", contract])?;
    expect_not_served(&story, &Caller::asserted(contract))?;
    expect_not_served(&story, &Caller::asserted(child))?;
    story.system.operator(&["contracts", "resume", contract])?;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.hang_up()
}

#[test]
fn p2_a_contract_without_service_is_not_served() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, plain } = &story.family;
    story.load(&format!(
        "{contract},{contract},no\n{contract},{child},no\n{contract},{plain},no\n"
    ))?;
    expect_not_served(&story, &Caller::asserted(contract))
}

#[test]
fn p1_every_written_form_of_a_number_is_the_same_caller() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, .. } = &story.family;
    let bare = &contract[1..];
    let hyphens = format!("{}-{}-{}", &contract[..2], &contract[2..6], &contract[6..]);
    for written in [format!("+81{bare}"), format!("0081{bare}"), hyphens] {
        let mut call = Caller::asserted(&written).call(&story.system.line())?;
        call.hear("menu")?.key("1")?.hear_number(contract, "set-password")?.hang_up()?;
    }
    story.expect_nothing_stored()
}

#[test]
fn p1_a_call_from_nowhere_is_refused() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let caller = Caller::asserted(&story.family.contract).from(Ipv4Addr::new(127, 0, 0, 6));
    caller.call(&story.system.line())?.expect_refusal()?;
    story.expect_nothing_stored()
}

#[test]
fn p2_a_registered_telephone_that_hides_its_number_is_not_served() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let phone = &story.system.asterisk.phones()[0];
    let mut call = Caller::hidden_telephone(phone).call(&story.system.line())?;
    call.hear_whole("not-available")?.expect_hangup()?;
    Ok(())
}

#[test]
fn p1_a_registered_telephone_is_its_fixed_identity() -> Result<()> {
    let system = System::shared();
    let story = Story::of_the_telephone(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let phone = &story.system.asterisk.phones()[0];
    let elsewhere = Story::new(story.system)?;
    let mut call =
        Caller::telephone(phone, &elsewhere.family.contract).call(&story.system.line())?;
    call.hear("menu")?.key("1")?.hear_number(contract, "set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])?;
    elsewhere.expect_nothing_stored()
}

fn expect_not_served(story: &Story<'_>, caller: &Caller) -> Result<()> {
    let mut call = caller.call(&story.system.line())?;
    call.hear_whole("not-available")?.expect_hangup()?;
    story.expect_nothing_stored()
}
