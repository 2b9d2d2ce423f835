//! Wrong entries (P3–P8) and the third one (P10).

use anyhow::{Result, ensure};
use karipass_lab::subscriber::Subscriber;

use crate::story::{Family, Story, completes};
use crate::system::System;

#[test]
fn p3_anything_but_1_2_and_3_is_a_wrong_entry() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    for keys in [["4", "0", "9"], ["#", "*", "8"]] {
        let mut call = story.contract_calls()?;
        call.hears("menu")?
            .keys(keys[0])?
            .hears("invalid")?
            .keys(keys[1])?
            .hears_whole("invalid")?;
        call.keys(keys[2])?;
        is_sent_away(call, &story)?;
    }
    Ok(())
}

#[test]
fn p5_a_number_that_is_not_ones_own_service_number_is_a_wrong_entry() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, plain, .. }, password) = (&story.family, story.password());
    let stranger = story.family.stranger();
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(&format!("{stranger}#"))?;
    call.hears("invalid")?.keys(&format!("{plain}#"))?.hears("invalid")?;
    call.keys(&format!("{child}#"))?.begins_to_hear_number(child, "set-password")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "number", "number", &[child])
}

#[test]
fn p5_the_third_wrong_number_ends_the_call() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let elsewhere = Story::new(story.system)?;
    let without_area_code = &child[2..];
    let wrong = [
        [
            format!("{without_area_code}#"),
            "#".to_owned(),
            format!("{}#", elsewhere.family.contract),
        ],
        [format!("*{contract}#"), format!("{contract}0#"), "0#".to_owned()],
    ];
    for wrong in wrong {
        let mut call = story.contract_calls()?;
        call.hears("menu")?.keys("2")?.hears("enter-number")?.keys(&wrong[0])?;
        call.hears("invalid")?.keys(&wrong[1])?.hears("invalid")?.keys(&wrong[2])?;
        is_sent_away(call, &story)?;
    }
    Ok(())
}

#[test]
fn p6_a_number_without_service_is_a_wrong_entry_for_the_administrator() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { plain, .. } = &story.family;
    let stranger = story.family.stranger();
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("3")?.hears("enter-number")?.keys(&format!("{plain}#"))?;
    call.hears("invalid")?.keys(&format!("{stranger}#"))?.hears("invalid")?;
    call.keys(&format!("{stranger}#"))?;
    is_sent_away(call, &story)
}

#[test]
fn p7_fewer_digits_or_a_star_are_a_wrong_entry() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = at_the_password(&story)?;
    call.keys_password(&format!("{}#", &password[..7]))?.hears("invalid")?;
    call.keys_password(&format!("{}*{}", &password[..3], &password[3..]))?
        .hears_whole("invalid")?;
    completes(&mut call, contract, &password)?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p7_the_third_wrong_password_ends_the_call() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let password = story.password();
    let mut call = at_the_password(&story)?;
    call.keys("#")?.hears("invalid")?;
    call.keys_password(&format!("{}#", &password[..1]))?.hears("invalid")?;
    call.keys_password(&format!("*{password}"))?;
    is_sent_away(call, &story)
}

#[test]
fn p8_two_that_differ_start_again_at_the_password() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let (first, second) = (story.password(), story.password());
    let mut call = at_the_password(&story)?;
    call.keys_password(&first)?.hears("confirm-password")?.keys_password(&second)?;
    call.hears_whole("invalid")?.hears_number(contract, "set-password")?;
    completes(&mut call, contract, &second)?;
    story.is_stored(contract, &second, "line", "line", &[contract, child])?;
    story.is_refused(contract, &first)
}

#[test]
fn p8_a_wrong_confirmation_is_asked_for_again() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let mut call = at_the_password(&story)?;
    call.keys_password(&password)?.hears("confirm-password")?;
    call.keys_password(&format!("{}#", &password[..5]))?.hears("invalid")?;
    call.keys_password(&password)?;
    call.hears_number_whole(contract, "completed")?.is_hung_up()?;
    story.is_stored(contract, &password, "line", "line", &[contract, child])
}

#[test]
fn p10_password_and_confirmation_bear_three_wrong_entries_together() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, .. } = &story.family;
    let (first, second) = (story.password(), story.password());
    let mut call = at_the_password(&story)?;
    call.keys_password(&format!("{}#", &first[..4]))?.hears("invalid")?;
    call.keys_password(&first)?.hears("confirm-password")?.keys_password(&second)?;
    call.hears_whole("invalid")?.begins_to_hear_number(contract, "set-password")?;
    call.keys_password(&first)?.hears("confirm-password")?.keys_password(&second)?;
    is_sent_away(call, &story)
}

#[test]
fn p10_each_step_bears_its_own_wrong_entries() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let (Family { child, .. }, password) = (&story.family, story.password());
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("7")?.hears("invalid")?.keys("7")?.hears("invalid")?.keys("2")?;
    call.hears("enter-number")?.keys("1#")?.hears("invalid")?.keys("1#")?.hears("invalid")?;
    call.keys(&format!("{child}#"))?.begins_to_hear_number(child, "set-password")?;
    call.keys("#")?.hears("invalid")?.keys("#")?.hears("invalid")?;
    completes(&mut call, child, &password)?;
    story.is_stored(child, &password, "number", "number", &[child])?;
    let wrong = call.heard().iter().filter(|heard| heard.is("invalid")).count();
    ensure!(wrong == 6, "invalid was heard {wrong} times");
    Ok(())
}

/// The line unit's password is being asked for.
fn at_the_password(story: &Story<'_>) -> Result<Subscriber> {
    let mut call = story.contract_calls()?;
    call.hears("menu")?.keys("1")?;
    call.begins_to_hear_number(&story.family.contract, "set-password")?;
    Ok(call)
}

fn is_sent_away(mut call: Subscriber, story: &Story<'_>) -> Result<()> {
    call.hears_whole("redial")?.is_hung_up()?;
    story.nothing_is_stored()
}
