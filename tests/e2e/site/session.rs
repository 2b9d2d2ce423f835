//! Logging in and out, wrong entries, and the ends of sessions (W2–W6).

use super::browser::Manner;
use anyhow::{Result, ensure};

use super::visit::hyphenated;
use super::{in_every_manner, in_manner};
use crate::story::Family;

#[test]
fn w4_a_login_leads_to_the_top_page_and_logging_out_ends_it() -> Result<()> {
    in_every_manner(|visit| {
        let Family { contract, child, .. } = visit.family();
        let password = visit.give_password(contract, "line")?;
        visit.go("/")?.expect_heading("設定サイト")?;
        visit.check_layout("entry")?;
        visit.press("ログイン")?.expect_heading("ログイン")?;
        visit.check_layout("login")?;
        let top = visit.log_in(&hyphenated(contract), &password)?;
        ensure!((top.path.as_str(), top.heading.as_str()) == ("/", "設定サイトトップ"), "{top:?}");
        for words in ["回線単位", &hyphenated(contract), &hyphenated(child), "パスワード変更"]
        {
            top.expect_text(words)?;
        }
        top.expect_text("認証単位変更")?.expect_text("パスワードの有効期限")?;
        top.expect_no_text(&hyphenated(&visit.family().plain))?;
        top.expect_no_text("有効期限が近づいています")?;
        visit.check_layout("top")?;
        let out = visit.press("ログアウト")?;
        ensure!(out.path == "/logged-out" && out.heading == "ログアウトしました", "{out:?}");
        visit.check_layout("logged-out")?;
        let login = visit.press("もう一度ログインする")?;
        ensure!(login.path == "/login", "{login:?}");
        Ok(())
    })
}

#[test]
fn w2_a_refused_login_shows_the_rules_and_what_to_do() -> Result<()> {
    in_every_manner(|visit| {
        let contract = &visit.family().contract;
        let password = visit.give_password(contract, "line")?;
        let page = visit.log_in("", "")?;
        page.expect_text("入力内容をご確認ください")?;
        visit.expect_error("電話番号", "電話番号を入力してください。")?;
        visit.expect_error("パスワード", "パスワードを入力してください。")?;
        ensure!(visit.count(contract)? == (0, false), "empty fields were counted");
        let page = visit.log_in(contract, &visit.story.password())?;
        for words in ["ログインできませんでした", "24時間", "3回", "10回", "06-6480-6430"]
        {
            page.expect_text(words)?;
        }
        ensure!(page.title.starts_with("エラー："), "{page:?}");
        visit.expect_error("電話番号", "ご確認ください")?;
        visit.expect_error("パスワード", "入力し直してください")?;
        visit.check_layout("login-refused")?;
        visit.wait(visit.who.browser.expect_on_first_screen("number"))?;
        ensure!(visit.count(contract)? == (1, false), "not counted once");
        let stranger = visit.log_in(&visit.family().stranger(), &password)?;
        ensure!(stranger.heading == page.heading && stranger.title == page.title, "{stranger:?}");
        // The number is kept: Enter in the password's field sends the form.
        visit.log_in(contract, &visit.story.password())?;
        visit.fill("パスワード", &password)?;
        let top = visit.wait(visit.who.press_enter_in("パスワード"))?;
        ensure!(top.path == "/", "{top:?}");
        ensure!(visit.count(contract)? == (0, false), "a login does not reset the count");
        Ok(())
    })
}

/// Password managers keep a password under the number of the login form. The other forms name the
/// number by its digits.
#[test]
fn w13_with_script_the_number_is_sent_in_bare_digits() -> Result<()> {
    in_manner(Manner::Unexamined, |visit| {
        let contract = &visit.family().contract;
        let wide: String = contract
            .chars()
            .map(|digit| char::from_u32(u32::from(digit) + 0xfee0).unwrap())
            .collect();
        let national = &contract[1..];
        let groups = [&contract[..2], &contract[2..6], &contract[6..]];
        let in_brackets = format!("（{}）{}－{}", groups[0], groups[1], groups[2]);
        let written = [
            hyphenated(contract),
            wide,
            format!("+81{national}"),
            format!("+81 (0) {national}"),
            format!("81{national}"),
            groups.join("."),
            groups.join("/"),
            groups.join("ー"),
            groups.join("ｰ"),
            groups.join("・"),
            groups.join("～"),
            groups.join("\u{200b}"),
            format!("\u{202d}{}\u{202c}", groups.join("\u{a0}")),
            in_brackets,
        ];
        let as_digits = written.iter().map(|typed| (typed.as_str(), contract.as_str()));
        let as_typed = [
            "Pw-1",
            "06あ64806430",
            "81",
            "+44 20 7946 0958",
            "06#6480#6430",
            "0664806430*",
            "06①64806430",
            "+06 6480 6430",
            "0066480643",
        ];
        let as_typed = as_typed.map(|typed| (typed, typed));
        for (typed, sent) in as_digits.chain(as_typed) {
            visit.log_in(typed, &visit.new_password())?;
            let value = visit.value("document.getElementById('number').value")?;
            ensure!(value == sent, "{typed}: {value}");
        }
        Ok(())
    })
}

#[test]
fn w5_after_logging_out_the_back_button_shows_nothing() -> Result<()> {
    in_every_manner(|visit| {
        let contract = &visit.family().contract;
        let password = visit.give_password(contract, "line")?;
        visit.log_in(contract, &password)?.expect_text("設定サイトトップ")?;
        visit.press("ログアウト")?;
        // Back to the address of the top page.
        let shown = visit.wait(visit.who.go_back())?;
        shown
            .expect_no_text("設定サイトトップ")?
            .expect_no_text(&hyphenated(contract))?
            .expect_text("ログイン")?;
        let shown = visit.go("/")?;
        ensure!(shown.path == "/" && shown.heading == "設定サイト", "{shown:?}");
        Ok(())
    })
}

#[test]
fn w4_an_unknown_page_leads_on() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        visit.go("/nothing")?.expect_text("お探しのページが見つかりません")?;
        visit.check_layout("error")?;
        let page = visit.press("トップページへ")?;
        ensure!(page.path == "/", "{page:?}");
        Ok(())
    })
}

#[test]
fn w10_the_guide_and_the_accessibility_page_are_for_everyone() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        for (words, name) in [("ご利用ガイド", "guide"), ("アクセシビリティ", "accessibility")]
        {
            visit.go(&format!("/{name}"))?.expect_heading(words)?;
            visit.check_layout(name)?;
        }
        Ok(())
    })
}
