//! Both halves in one: a call sets a temporary password, the site takes it on, a call finds what became.

use anyhow::{Result, ensure};
use karipass_lab::browser::Manner;

use super::visit::Visit;
use super::{in_manner, password, unit};
use crate::story::{Family, completes};

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
    let mut call = visit.story.contract_calls()?;
    call.hears("menu")?.keys("1")?.begins_to_hear_number(contract, "set-password")?;
    completes(&mut call, contract, &temporary)?;

    visit.logs_in(contract, &temporary)?.is_headed("パスワード変更")?;
    let new = visit.new_password();
    password::changes(visit, &temporary, &new, &new)?.is_headed("設定サイトトップ")?;
    visit.presses("認証単位変更")?;
    visit.presses("電話番号単位")?;
    visit.fills(&unit::label(contract), &new)?;
    visit.presses("認証単位変更")?.is_headed("認証単位を変更しました")?;

    // P14: an additional number may choose the unit in force alone.
    let temporary = visit.story.password();
    let mut call = visit.story.child_calls()?;
    call.hears("menu")?.keys("1")?.hears("invalid")?.keys("2")?;
    call.hears("enter-number")?.keys(&format!("{child}#"))?;
    call.begins_to_hear_number(child, "set-password")?;
    completes(&mut call, child, &temporary)?;

    ensure!(visit.story.unit()?.as_deref() == Some("number"), "the call changed the unit");
    visit.logs_in(child, &temporary)?.is_headed("パスワード変更")?;
    visit.presses("ログアウト")?;
    // The other number's is not touched by that.
    visit.logs_in(contract, &new)?.is_headed("設定サイトトップ")?.says("電話番号単位")?;
    Ok(())
}
