//! Telephone and site together: a call sets a temporary password, the site replaces it, a call
//! finds the contract as the site left it.

use super::browser::Manner;
use anyhow::{Result, ensure};

use super::visit::Visit;
use super::{in_manner, password, unit};
use crate::story::{Family, complete};

#[test]
fn from_a_call_over_the_site_to_the_next_call() -> Result<()> {
    in_manner(Manner::Pointer, there_and_back_again)
}

#[test]
fn from_a_call_over_the_site_to_the_next_call_without_script() -> Result<()> {
    in_manner(Manner::WithoutScript, there_and_back_again)
}

fn there_and_back_again(visit: &Visit<'_>) -> Result<()> {
    let Family { contract, child, .. } = visit.family();
    let temporary = visit.story.password();
    let mut call = visit.story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &temporary)?;

    visit.log_in(contract, &temporary)?.expect_heading("パスワード変更")?;
    let new = visit.new_password();
    password::change(visit, &temporary, &new, &new)?.expect_heading("設定サイトトップ")?;
    visit.press("認証単位変更")?;
    visit.press("電話番号単位")?;
    visit.fill(&unit::label(contract), &new)?;
    visit.press("認証単位変更")?.expect_heading("認証単位を変更しました")?;

    // P14: an additional number may choose the unit in force alone.
    let temporary = visit.story.password();
    let mut call = visit.story.call_from_child()?;
    call.hear("menu")?.key("1")?.hear("invalid")?.key("2")?;
    call.hear("enter-number")?.key(&format!("{child}#"))?;
    call.begin_to_hear_number(child, "set-password")?;
    complete(&mut call, child, &temporary)?;

    ensure!(visit.story.unit()?.as_deref() == Some("number"), "the call changed the unit");
    visit.log_in(child, &temporary)?.expect_heading("パスワード変更")?;
    visit.press("ログアウト")?;
    // The change does not affect the other number's password.
    visit
        .log_in(contract, &new)?
        .expect_heading("設定サイトトップ")?
        .expect_text("電話番号単位")?;
    Ok(())
}
