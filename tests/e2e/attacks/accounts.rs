//! Taking over a contract by what its numbers had before: void passwords, and former customers'.

use anyhow::{Context as _, Result, ensure};
use domain::rules::MAX_PASSWORD_FAILURES;
use karipass_lab::subscriber::Caller;
use serde_json::{Value, json};

use crate::story::{Family, Story, complete};
use crate::system::System;

/// Wrong for every number.
const WRONG: &str = "00000000";

/// Who holds one number's password voids the contract number's, so that the change of unit has
/// nobody else's password to ask for.
#[test]
fn u3_a_password_that_guesses_have_voided_opens_no_way_to_the_whole_contract() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    let (victims, own) = (password(&story, contract)?, password(&story, child)?);
    let to_line = json!({ "unit": "line", "passwords": { child.as_str(): own } });
    let (status, refusal) = post(&story, child, &own, "unit", &to_line)?;
    let asked = (status, refusal["code"].as_str(), &refusal["numbers"]);
    ensure!(asked == (422, Some("passwords_missing"), &json!([contract])), "{asked:?}");
    for _ in 0..MAX_PASSWORD_FAILURES {
        story.expect_refused(contract, WRONG)?;
    }
    story.expect_refused(contract, &victims)?;
    let (status, refusal) = post(&story, child, &own, "unit", &to_line)?;
    let refused = (status, refusal["code"].as_str(), &refusal["numbers"]);
    ensure!(refused == (409, Some("credential_void"), &json!([contract])), "{refused:?}");
    ensure!(story.unit()?.as_deref() == Some("number"), "the unit has changed");
    story.expect_refused(contract, &own)
}

/// The contract and its number get a new customer, who is known by the mark alone.
#[test]
fn d1_a_former_customers_password_and_session_do_not_open_a_recycled_number() -> Result<()> {
    let system = System::shared();
    let story = Story::new(&system)?;
    let Family { contract, child, .. } = &story.family;
    story.load_for_customer("former")?;
    let former = password(&story, contract)?;
    story.load_for_customer("former")?;
    let token = token(&story, contract, &former)?;
    story.load_for_customer("next")?;
    story.expect_nothing_stored()?;
    story.expect_refused(contract, &former)?;
    let again = json!({ "current": former, "new": "stranger1", "new_again": "stranger1" });
    let (status, refusal) = story.system.wait(story.api()?.post("password", &token, &again))?;
    let refused = (status, refusal["code"].as_str());
    ensure!(refused == (401, Some("no_session")), "{refused:?}");
    let next = story.password();
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &next)?;
    story.expect_stored(contract, &next, "line", "line", &[contract, child])
}

/// The number sets its temporary password by telephone under the unit `number`, and
/// replaces it on the site.
fn password(story: &Story<'_>, number: &str) -> Result<String> {
    let temporary = story.password();
    let mut call = Caller::asserted(number).call(&story.system.line())?;
    call.hear("menu")?.key("2")?.hear("enter-number")?.key(&format!("{number}#"))?;
    call.begin_to_hear_number(number, "set-password")?;
    complete(&mut call, number, &temporary)?;
    let new = format!("ab{temporary}");
    let body = json!({ "current": temporary, "new": new, "new_again": new });
    let (status, answer) = post(story, number, &temporary, "password", &body)?;
    ensure!(status == 200, "the change answers {status}: {}", answer["code"]);
    Ok(new)
}

/// Logs in and sends a request to the API.
fn post(
    story: &Story<'_>,
    number: &str,
    password: &str,
    path: &str,
    body: &Value,
) -> Result<(u16, Value)> {
    let token = token(story, number, password)?;
    Ok(story.system.wait(story.api()?.post(path, &token, body))?)
}

fn token(story: &Story<'_>, number: &str, password: &str) -> Result<String> {
    let (status, answer) = story.log_in(number, password)?;
    ensure!(status == 200, "login answers {status}");
    answer["token"].as_str().map(str::to_owned).context("no token")
}
