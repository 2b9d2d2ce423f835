//! C2: one form is one attempt, in a browser too: a double click, a reload of the refusal and the
//! way back from it count nothing again, and what did its work may be sent again.

use anyhow::{Context as _, Result, ensure};

use super::browser::Manner;
use super::in_manner;
use super::visit::Visit;

/// With the script, which ignores a second click, and without it.
const MANNERS: [Manner; 2] = [Manner::Unexamined, Manner::WithoutScript];

#[test]
fn c2_a_form_that_is_sent_twice_reloaded_and_left_counts_once() -> Result<()> {
    for manner in MANNERS {
        in_manner(manner, |visit| {
            let contract = &visit.family().contract;
            let password = visit.give_password(contract, "line")?;
            let wrong = visit.new_password();
            visit.go("/login")?;
            visit.fill("電話番号", contract)?.fill("パスワード", &wrong)?;
            refuse(visit, "ログイン", "ログインできませんでした").context("the login")?;
            visit.log_in(contract, &password)?.expect_heading("設定サイトトップ")?;
            visit.go("/password")?;
            let new = visit.new_password();
            visit.fill("現在のパスワード", &wrong)?;
            visit.fill("新しいパスワード", &new)?.fill("新しいパスワード（確認）", &new)?;
            refuse(visit, "パスワード変更", "パスワードを変更できませんでした")
                .context("the password")?;
            visit.press("ログアウト")?;
            visit.log_in(contract, &password)?.expect_heading("設定サイトトップ")?;
            visit.go("/unit/number")?;
            visit.fill(&super::unit::label(contract), &wrong)?;
            refuse(visit, "認証単位変更", "認証単位を変更できませんでした").context("the unit")
        })
        .with_context(|| format!("{manner:?}"))?;
    }
    Ok(())
}

#[test]
fn c2_a_form_that_did_its_work_and_is_sent_again_is_no_error() -> Result<()> {
    in_manner(Manner::Unexamined, |visit| {
        let contract = &visit.family().contract;
        let temporary = visit.give_temporary(contract, "line")?;
        let browser = visit.who.browser;
        visit.go("/login")?;
        visit.fill("電話番号", contract)?.fill("パスワード", &temporary)?;
        send(visit, "main form")?;
        visit.press("ログイン")?.expect_heading("パスワード変更")?;
        let new = visit.new_password();
        visit.fill("現在のパスワード", &temporary)?;
        visit.fill("新しいパスワード", &new)?.fill("新しいパスワード（確認）", &new)?;
        send(visit, "main form")?;
        visit.press("パスワード変更")?.expect_text("パスワードを変更しました。")?;
        send(visit, "header form")?;
        visit.press("ログアウト")?.expect_heading("ログアウトしました")?;
        visit.log_in(contract, &new)?.expect_heading("設定サイトトップ")?;
        visit.wait(browser.double_click("ログアウト"))?;
        visit.wait(browser.page())?.expect_heading("ログアウトしました")?;
        Ok(())
    })
}

/// Sends this form, and leaves its page open.
fn send(visit: &Visit<'_>, form: &str) -> Result<()> {
    let sent = visit.value(&format!(
        "(form => fetch(form.action, {{
            method: 'POST', body: new URLSearchParams(new FormData(form)), redirect: 'manual'
        }}).then(answer => answer.type))(document.querySelector('{form}'))"
    ))?;
    ensure!(sent == "opaqueredirect", "{sent}");
    Ok(())
}

/// Sends a form with one wrong password in each of these ways.
fn refuse(visit: &Visit<'_>, button: &str, refusal: &str) -> Result<()> {
    let browser = visit.who.browser;
    let expect_once = |what: &str| {
        let count = visit.count(&visit.family().contract)?;
        ensure!(count == (1, false), "after {what}: {count:?}");
        anyhow::Ok(())
    };
    visit.wait(browser.double_click(button))?;
    visit.wait(browser.page())?.expect_text(refusal)?;
    expect_once("a double click")?;
    visit.wait(browser.reload())?;
    visit.wait(browser.page())?.expect_text(refusal)?;
    expect_once("a reload")?;
    visit.wait(browser.back())?;
    visit.wait(browser.page())?.expect_no_text(refusal)?;
    expect_once("the way back")
}
