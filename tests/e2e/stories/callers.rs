//! Who calls (P1, P2).

use anyhow::Result;
use karipass_lab::subscriber::{Caller, Line};

use crate::story::{Family, Story, complete};
use crate::system::{PATIENT, System};

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
fn p1_a_registered_telephone_is_its_fixed_identity() -> Result<()> {
    let system = System::shared();
    let story = Story::of_the_telephone(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let phone = &story.system.asterisk.setup.phones[0];
    let elsewhere = Story::new(story.system)?;
    let mut call =
        Caller::telephone(phone, &elsewhere.family.contract).call(&story.system.line())?;
    call.hear("menu")?.key("1")?.hear_number(contract)?.hear("set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])?;
    elsewhere.expect_nothing_stored()
}

/// It proves itself by its password, since From does not name it.
#[test]
fn p2_a_registered_telephone_that_hides_its_number_is_not_served() -> Result<()> {
    let system = System::start(&PATIENT)?;
    let story = Story::of_the_telephone(&system)?;
    let phone = &system.asterisk.setup.phones[0];
    let hidden = Line { is_anonymous: true, ..system.line() };
    let mut call = Caller::telephone(phone, &phone.number).call(&hidden)?;
    call.hear_whole("not-available")?.expect_hangup()?;
    story.expect_nothing_stored()?;
    let mut call = Caller::telephone(phone, &phone.number).call(&system.line())?;
    call.hear("menu")?.hang_up()
}

/// `+` as a carrier may write it in a URI.
#[test]
fn p1_a_number_with_an_escaped_plus_is_the_callers() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let written = format!("%2B81{}", &contract[1..]);
    let mut call = Caller::asserted(&written).call(&system.line())?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p1_a_telephone_with_184_is_not_served_and_with_186_it_is() -> Result<()> {
    let system = System::start(&PATIENT)?;
    let story = Story::of_the_telephone(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let phone = &system.asterisk.setup.phones[0];
    let dialling = |prefix: &str| {
        let line = system.line();
        let number = format!("{prefix}{}", line.number);
        Caller::telephone(phone, &phone.number).call(&Line { number, ..line })
    };
    dialling("184")?.hear_whole("not-available")?.expect_hangup()?;
    story.expect_nothing_stored()?;
    let mut call = dialling("186")?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

fn expect_not_served(story: &Story<'_>, caller: &Caller) -> Result<()> {
    let mut call = caller.call(&story.system.line())?;
    call.hear_whole("not-available")?.expect_hangup()?;
    story.expect_nothing_stored()
}
