//! The life of a password on the site (C5, C6, W4): the first login, every reason, the 60 days.

use anyhow::{Result, ensure};
use karipass_lab::browser::{Manner, Page};

use super::visit::Visit;
use super::{in_every_manner, in_manner};

/// The fields of a change.
const CURRENT: &str = "現在のパスワード";
const NEW: &str = "新しいパスワード";
const AGAIN: &str = "新しいパスワード（確認）";
/// The button, and the page's heading.
const CHANGE: &str = "パスワード変更";
const TOP: &str = "設定サイトトップ";

/// The current password, the new one twice, and what is told beside which field.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn c6_a_first_login_leads_to_the_change_and_then_to_the_top() -> Result<()> {
    in_every_manner(|visit| {
        let contract = &visit.family().contract;
        let temporary = visit.has_temporary(contract, "line")?;
        let page = visit.logs_in(contract, &temporary)?;
        page.is_headed(CHANGE)?;
        page.says("はじめに、パスワードを変更してください")?.says_not("変更しないで戻る")?;
        visit.pictures("password-first")?;
        for path in ["/", "/unit", "/unit/number"] {
            let page = visit.goes(path)?;
            ensure!(page.path == "/password", "{path} leads to {page:?}");
        }
        let new = visit.new_password();
        let top = changes(visit, &temporary, &new, &new)?;
        top.is_headed(TOP)?;
        top.says("パスワードを変更しました")?;
        visit.pictures("top-after-change")?;
        visit.presses("ログアウト")?;
        visit.logs_in(contract, &temporary)?.says("ログインできませんでした")?;
        let top = visit.logs_in(contract, &new)?;
        top.is_headed(TOP)?;
        Ok(())
    })
}

#[test]
fn c5_every_reason_stands_beside_its_field() -> Result<()> {
    in_every_manner(|visit| {
        let contract = &visit.family().contract;
        let current = visit.has_password(contract, "line")?;
        let wrong = visit.new_password();
        visit.logs_in(contract, &current)?;
        let page = visit.presses("パスワード変更")?;
        page.is_headed(CHANGE)?;
        visit.pictures("password")?;
        let (short, long) = ("8桁以上で入力してください", "12桁以内で入力してください");
        let letters = "半角の英字と数字だけを使ってください";
        let digits = "数字だけのパスワードは設定できません";
        let (twice, same) = ("2つの欄が異なります", "現在のパスワードと同じものは設定できません");
        let cases: [Case<'_>; 8] = [
            (&current, "abc1234", "abc1234", &[(NEW, short)]),
            (&current, "abcdefgh12345", "abcdefgh12345", &[(NEW, long)]),
            (&current, "abcdefg-1", "abcdefg-1", &[(NEW, letters)]),
            (&current, "ａｂｃｄｅｆｇ１", "ａｂｃｄｅｆｇ１", &[(NEW, letters)]),
            (&current, "1234567890", "1234567890", &[(NEW, digits)]),
            (&current, "abcdefg1", "abcdefg2", &[(AGAIN, twice)]),
            (&current, &current, &current, &[(NEW, same)]),
            // All at once, the empty current one with them.
            (
                "",
                "123",
                "abc",
                &[(CURRENT, "入力してください"), (NEW, short), (NEW, digits), (AGAIN, twice)],
            ),
        ];
        for (current, new, again, told) in cases {
            let page = changes(visit, current, new, again)?;
            page.is_headed(CHANGE)?;
            page.says("パスワードを変更できませんでした")?;
            for (label, words) in told {
                visit.is_told(label, words)?;
            }
        }
        visit.pictures("password-refused")?;
        ensure!(visit.count(contract)? == (0, false), "a refused new one was counted");
        let new = visit.new_password();
        changes(visit, &wrong, &new, &new)?;
        visit.is_told(CURRENT, "現在のパスワードが正しくありません")?;
        ensure!(visit.count(contract)? == (1, false), "a wrong current one was not counted");
        let top = changes(visit, &current, &new, &new)?;
        top.is_headed(TOP)?;
        Ok(())
    })
}

#[test]
fn c6_a_password_of_60_days_has_to_be_changed() -> Result<()> {
    in_every_manner(|visit| {
        let contract = &visit.family().contract;
        let old = visit.has_password(contract, "line")?;
        visit.ages(contract, "60 days")?;
        let page = visit.logs_in(contract, &old)?;
        page.is_headed(CHANGE)?;
        page.says("パスワードの有効期限が切れています")?;
        visit.pictures("password-expired")?;
        let page = visit.goes("/")?;
        ensure!(page.path == "/password", "{page:?}");
        let new = visit.new_password();
        let top = changes(visit, &old, &new, &new)?;
        top.is_headed(TOP)?;
        top.says_not("有効期限が近づいています")?;
        Ok(())
    })
}

#[test]
fn w4_from_day_46_the_top_page_warns() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let password = visit.has_password(contract, "line")?;
        visit.ages(contract, "45 days 23 hours")?;
        let top = visit.logs_in(contract, &password)?;
        top.says("パスワードの有効期限")?.says_not("有効期限が近づいています")?;
        visit.ages(contract, "1 hour")?;
        visit.goes("/")?.says("パスワードの有効期限が近づいています")?;
        visit.pictures("top-warning")?;
        // The warning leads to the change.
        let page = visit.goes("/password")?;
        page.is_headed(CHANGE)?;
        Ok(())
    })
}

#[test]
fn c2_three_wrong_current_ones_void_a_temporary_password() -> Result<()> {
    in_manner(Manner::WithoutScript, |visit| {
        let contract = &visit.family().contract;
        let temporary = visit.has_temporary(contract, "line")?;
        wrong_current(visit, &temporary, 3)
    })
}

#[test]
fn c2_ten_wrong_current_ones_void_a_password() -> Result<()> {
    in_manner(Manner::WithoutScript, |visit| {
        let contract = &visit.family().contract;
        let password = visit.has_password(contract, "line")?;
        wrong_current(visit, &password, 10)
    })
}

/// Fills the form of a change and sends it off.
pub fn changes(visit: &Visit<'_>, current: &str, new: &str, again: &str) -> Result<Page> {
    visit.fills(CURRENT, current)?.fills(NEW, new)?.fills(AGAIN, again)?;
    visit.presses(CHANGE)
}

fn wrong_current(visit: &Visit<'_>, right: &str, limit: i32) -> Result<()> {
    let contract = &visit.family().contract;
    visit.logs_in(contract, right)?;
    visit.goes("/password")?;
    let new = visit.new_password();
    for wrong in 1..limit {
        changes(visit, &visit.new_password(), &new, &new)?;
        visit.is_told(CURRENT, &format!("{limit}回連続で間違えると、無効になります"))?;
        ensure!(visit.count(contract)? == (wrong, false), "after {wrong} wrong ones");
    }
    let page = changes(visit, &visit.new_password(), &new, &new)?;
    page.is_headed("パスワードが無効になりました")?;
    page.says("06-6480-6430")?;
    visit.pictures("password-void")?;
    ensure!(visit.count(contract)? == (limit, true), "not void");
    visit.logs_in(contract, right)?.says("ログインできませんでした")?;
    Ok(())
}
