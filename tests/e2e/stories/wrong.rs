//! Wrong entries (P3–P8) and the third one (P10).

use anyhow::Result;
use karipass_lab::subscriber::Subscriber;

use crate::story::{Family, Story, complete};
use crate::system::System;

#[test]
fn p5_a_number_that_is_not_ones_own_service_number_is_a_wrong_entry() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, plain, .. }, password) = (&story.family, story.password());
    let stranger = story.family.stranger();
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("2")?.hear_whole("enter-number")?.key(&format!("{stranger}#"))?;
    call.hear("invalid")?.key(&format!("{plain}#"))?.hear("invalid")?;
    call.key(&format!("{child}#"))?.begin_to_hear_number(child, "set-password")?;
    complete(&mut call, child, &password)?;
    story.expect_stored(child, &password, "number", "number", &[child])
}

#[test]
fn p7_fewer_digits_or_a_star_are_a_wrong_entry() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = at_the_password(&story)?;
    call.key_password(&format!("{}#", &password[..7]))?.hear("invalid")?;
    call.key_password(&format!("{}*{}", &password[..3], &password[3..]))?.hear_whole("invalid")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p10_password_and_confirmation_allow_three_wrong_entries_together() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, .. } = &story.family;
    let (first, second) = (story.password(), story.password());
    let mut call = at_the_password(&story)?;
    call.key_password(&format!("{}#", &first[..4]))?.hear("invalid")?;
    call.key_password(&first)?.hear("confirm-password")?.key_password(&second)?;
    call.hear_whole("invalid")?.begin_to_hear_number(contract, "set-password")?;
    call.key_password(&first)?.hear("confirm-password")?.key_password(&second)?;
    expect_sent_away(call, &story)
}

/// A call that waits for the line unit's password.
fn at_the_password(story: &Story<'_>) -> Result<Subscriber> {
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?;
    call.begin_to_hear_number(&story.family.contract, "set-password")?;
    Ok(call)
}

fn expect_sent_away(mut call: Subscriber, story: &Story<'_>) -> Result<()> {
    call.hear_whole("redial")?.expect_hangup()?;
    story.expect_nothing_stored()
}
