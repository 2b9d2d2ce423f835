//! The life of a password on the site (C5, C6, W4): the first login, every reason, the 60 days.

use super::browser::{Manner, Page};
use anyhow::{Result, ensure};

use super::visit::{Visit, hyphenated};
use super::{in_every_manner, in_manner};

/// The fields of a change.
const CURRENT: &str = "現在のパスワード";
const NEW: &str = "新しいパスワード";
const AGAIN: &str = "新しいパスワード（確認）";
/// The button, and the page's heading.
const CHANGE: &str = "パスワード変更";
const TOP: &str = "設定サイトトップ";

#[test]
fn c6_a_first_login_leads_to_the_change_and_then_to_the_top() -> Result<()> {
    in_every_manner(|visit| {
        let contract = &visit.family().contract;
        let temporary = visit.give_temporary(contract, "line")?;
        let page = visit.log_in(contract, &temporary)?;
        page.expect_heading(CHANGE)?;
        page.expect_text("はじめに、パスワードを変更してください")?
            .expect_no_text("変更しないで戻る")?;
        visit.check_layout("password-first")?;
        for path in ["/", "/unit", "/unit/number"] {
            let page = visit.go(path)?;
            ensure!(page.path == "/password", "{path} leads to {page:?}");
        }
        let new = visit.new_password();
        let top = change(visit, &temporary, &new, &new)?;
        top.expect_heading(TOP)?;
        top.expect_text("パスワードを変更しました")?;
        visit.check_layout("top-after-change")?;
        visit.press("ログアウト")?;
        visit.log_in(contract, &temporary)?.expect_text("ログインできませんでした")?;
        let top = visit.log_in(contract, &new)?;
        top.expect_heading(TOP)?;
        Ok(())
    })
}

/// The steps of a newcomer, from the entry page on.
#[test]
fn w10_from_the_entry_page_to_a_changed_password_without_script() -> Result<()> {
    in_manner(Manner::WithoutScript, |visit| {
        let contract = &visit.family().contract;
        let temporary = visit.give_temporary(contract, "line")?;
        let entry = visit.go("/")?;
        for words in ["はじめてご利用になる方へ", "06-6480-6430", "回線単位：「1」"]
        {
            entry.expect_text(words)?;
        }
        let log_in = |password: &str| {
            visit.press("ログイン")?.expect_heading("ログイン")?;
            visit.fill("電話番号", &hyphenated(contract))?.fill("パスワード", password)?;
            visit.press("ログイン")
        };
        log_in(&temporary)?.expect_heading(CHANGE)?.expect_text("はじめに、パスワードを")?;
        let new = visit.new_password();
        change(visit, &temporary, &new, &new)?.expect_heading(TOP)?;
        visit.press("ログアウト")?.expect_heading("ログアウトしました")?;
        visit.go("/")?;
        log_in(&new)?.expect_heading(TOP)?;
        Ok(())
    })
}

#[test]
fn c5_the_reasons_of_each_field_stand_beside_it() -> Result<()> {
    in_every_manner(|visit| {
        let contract = &visit.family().contract;
        let current = visit.give_password(contract, "line")?;
        let wrong = visit.new_password();
        visit.log_in(contract, &current)?;
        let page = visit.press("パスワード変更")?;
        page.expect_heading(CHANGE)?;
        visit.check_layout("password")?;
        let page = change(visit, "", "123", "abc")?;
        page.expect_heading(CHANGE)?;
        page.expect_text("パスワードを変更できませんでした")?;
        for (label, words) in [
            (CURRENT, "入力してください"),
            (NEW, "8桁以上で入力してください"),
            (NEW, "数字のみの設定はできません"),
            (AGAIN, "確認用のパスワードが一致しません"),
        ] {
            visit.expect_error(label, words)?;
        }
        visit.check_layout("password-refused")?;
        ensure!(visit.count(contract)? == (0, false), "a refused new one was counted");
        let new = visit.new_password();
        change(visit, &wrong, &new, &new)?;
        visit.expect_error(CURRENT, "現在のパスワードが正しくありません")?;
        ensure!(visit.count(contract)? == (1, false), "a wrong current one was not counted");
        let top = change(visit, &current, &new, &new)?;
        top.expect_heading(TOP)?;
        Ok(())
    })
}

#[test]
fn c6_a_password_of_60_days_has_to_be_changed() -> Result<()> {
    in_every_manner(|visit| {
        let contract = &visit.family().contract;
        let old = visit.give_password(contract, "line")?;
        visit.age(contract, "60 days")?;
        let page = visit.log_in(contract, &old)?;
        page.expect_heading(CHANGE)?;
        page.expect_text("パスワードの有効期限が切れています")?;
        visit.check_layout("password-expired")?;
        let page = visit.go("/")?;
        ensure!(page.path == "/password", "{page:?}");
        let new = visit.new_password();
        let top = change(visit, &old, &new, &new)?;
        top.expect_heading(TOP)?;
        top.expect_no_text("有効期限が近づいています")?;
        Ok(())
    })
}

#[test]
fn w4_from_day_46_the_top_page_warns() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let password = visit.give_password(contract, "line")?;
        visit.age(contract, "45 days 23 hours")?;
        let top = visit.log_in(contract, &password)?;
        top.expect_text("パスワードの有効期限")?.expect_no_text("有効期限が近づいています")?;
        visit.age(contract, "1 hour")?;
        visit.go("/")?.expect_text("パスワードの有効期限が近づいています")?;
        visit.check_layout("top-warning")?;
        // The warning leads to the change.
        let page = visit.go("/password")?;
        page.expect_heading(CHANGE)?;
        Ok(())
    })
}

#[test]
fn c2_three_wrong_current_ones_void_a_temporary_password() -> Result<()> {
    in_manner(Manner::WithoutScript, |visit| {
        let contract = &visit.family().contract;
        let temporary = visit.give_temporary(contract, "line")?;
        visit.log_in(contract, &temporary)?;
        visit.go("/password")?;
        let new = visit.new_password();
        for wrong in 1..3 {
            change(visit, &visit.new_password(), &new, &new)?;
            visit.expect_error(CURRENT, "3回連続で間違えると無効になります")?;
            visit.wait(visit.who.browser.expect_on_first_screen("current"))?;
            ensure!(visit.count(contract)? == (wrong, false), "after {wrong} wrong ones");
        }
        let page = change(visit, &visit.new_password(), &new, &new)?;
        page.expect_heading("パスワードが無効になりました")?;
        page.expect_text("06-6480-6430")?;
        visit.check_layout("password-void")?;
        ensure!(visit.count(contract)? == (3, true), "not void");
        visit.log_in(contract, &temporary)?.expect_text("ログインできませんでした")?;
        Ok(())
    })
}

/// Fills the form of a change and sends it off.
pub fn change(visit: &Visit<'_>, current: &str, new: &str, again: &str) -> Result<Page> {
    visit.fill(CURRENT, current)?.fill(NEW, new)?.fill(AGAIN, again)?;
    visit.press(CHANGE)
}
