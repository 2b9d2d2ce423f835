//! Logging in and out, wrong entries, and the ends of sessions (C2, W2–W6).

use anyhow::{Result, ensure};
use karipass_lab::browser::Manner;

use super::visit::{Visit, hyphenated};
use super::{in_every_manner, in_manner};
use crate::story::Family;

#[test]
fn w4_a_login_leads_to_the_top_page_and_logging_out_ends_it() -> Result<()> {
    in_every_manner(|visit| {
        let Family { contract, child, .. } = visit.family();
        let password = visit.has_password(contract, "line")?;
        visit.goes("/")?.says("ログイン")?;
        visit.pictures("login")?;
        let top = visit.logs_in(&hyphenated(contract), &password)?;
        ensure!((top.path.as_str(), top.heading.as_str()) == ("/", "設定サイトトップ"), "{top:?}");
        for words in ["回線単位", &hyphenated(contract), &hyphenated(child), "パスワード変更"]
        {
            top.says(words)?;
        }
        top.says("認証単位変更")?.says("パスワードの有効期限")?;
        top.says_not(&hyphenated(&visit.family().plain))?;
        top.says_not("有効期限が近づいています")?;
        visit.pictures("top")?;
        let out = visit.presses("ログアウト")?;
        ensure!(out.path == "/logged-out" && out.heading == "ログアウトしました", "{out:?}");
        visit.pictures("logged-out")?;
        let login = visit.presses("もう一度ログインする")?;
        ensure!(login.path == "/login", "{login:?}");
        Ok(())
    })
}

#[test]
fn w2_a_refused_login_tells_the_rules_and_what_to_do() -> Result<()> {
    in_every_manner(|visit| {
        let contract = &visit.family().contract;
        let password = visit.has_password(contract, "line")?;
        let page = visit.logs_in("", "")?;
        page.says("入力内容をご確認ください")?;
        visit.is_told("電話番号", "電話番号を入力してください。")?;
        visit.is_told("パスワード", "パスワードを入力してください。")?;
        ensure!(visit.count(contract)? == (0, false), "empty fields were counted");
        let page = visit.logs_in(contract, &visit.story.password())?;
        for words in ["ログインできませんでした", "24時間", "3回", "10回", "06-6480-6430"]
        {
            page.says(words)?;
        }
        ensure!(page.title.starts_with("エラー："), "{page:?}");
        visit.is_told("電話番号", "確かめてください")?;
        visit.is_told("パスワード", "入力し直してください")?;
        visit.pictures("login-refused")?;
        ensure!(visit.count(contract)? == (1, false), "not counted once");
        let stranger = visit.logs_in(&visit.family().stranger(), &password)?;
        ensure!(stranger.heading == page.heading && stranger.title == page.title, "{stranger:?}");
        // The number is still there: Enter in the password's field sends the form off.
        visit.logs_in(contract, &visit.story.password())?;
        visit.fills("パスワード", &password)?;
        let top = visit.wait(visit.who.enters_in("パスワード"))?;
        ensure!(top.path == "/", "{top:?}");
        ensure!(visit.count(contract)? == (0, false), "a login does not reset the count");
        Ok(())
    })
}

#[test]
fn c2_three_wrong_ones_void_a_temporary_password() -> Result<()> {
    in_manner(Manner::WithoutScript, |visit| wrong_entries(visit, "temporary", 3))
}

#[test]
fn c2_ten_wrong_ones_void_a_password() -> Result<()> {
    in_manner(Manner::WithoutScript, |visit| wrong_entries(visit, "password", 10))
}

#[test]
fn w5_after_logging_out_the_back_button_shows_nothing() -> Result<()> {
    in_every_manner(|visit| {
        let contract = &visit.family().contract;
        let password = visit.has_password(contract, "line")?;
        visit.logs_in(contract, &password)?.says("設定サイトトップ")?;
        visit.presses("ログアウト")?;
        // Back to where the top page was.
        let shown = visit.wait(visit.who.goes_back())?;
        shown.says_not("設定サイトトップ")?.says_not(&hyphenated(contract))?.says("ログイン")?;
        let shown = visit.goes("/")?;
        ensure!(shown.path == "/login", "{shown:?}");
        Ok(())
    })
}

#[test]
fn w4_a_lost_page_leads_on() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        visit.goes("/nothing")?.says("お探しのページはありません")?;
        visit.pictures("error")?;
        let page = visit.presses("トップページへ")?;
        ensure!(page.path == "/login", "{page:?}");
        Ok(())
    })
}

fn wrong_entries(visit: &Visit<'_>, kind: &str, limit: i32) -> Result<()> {
    let contract = &visit.family().contract;
    let password = match kind {
        "temporary" => visit.has_temporary(contract, "line")?,
        _ => visit.has_password(contract, "line")?,
    };
    for wrong in 1..=limit {
        visit.logs_in(contract, &visit.story.password())?.says("ログインできませんでした")?;
        ensure!(visit.count(contract)? == (wrong, wrong == limit), "after {wrong} wrong ones");
    }
    visit.logs_in(contract, &password)?.says("ログインできませんでした")?;
    Ok(())
}
