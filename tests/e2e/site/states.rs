//! States of the pages that no other story shows in both languages.

use anyhow::{Result, ensure};

use super::browser::Manner;
use super::visit::{Visit, hyphenated};
use super::{LANGUAGES, in_manner};
use crate::story::Family;

#[test]
fn w4_every_state_of_the_password_is_shown_in_english_too() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let old = visit.give_password(contract, "line")?;
        visit.age(contract, "60 days")?;
        visit.go("/login?lang=en")?;
        visit.fill("Phone number", contract)?.fill("Password", &old)?;
        visit.press("Log in")?.expect_text("Your password has expired")?;
        visit.check_layout("password-expired-en")?;
        let new = visit.new_password();
        change(visit, &visit.new_password(), &new)?;
        visit.expect_error("Current password", "10 times in a row")?;
        visit.check_layout("password-refused-en")?;
        change(visit, &old, &new)?;
        visit.check_layout("top-after-change-en")?;
        visit.age(contract, "46 days")?;
        visit.go("/")?.expect_text("Your password expires soon")?;
        visit.check_layout("top-warning-en")?;
        visit.press("Change password")?.expect_text("valid for 60 days")?;
        visit.check_layout("password-en")?;
        // Strangers void the password, and the session goes on.
        visit.void(contract)?;
        for (language, words) in LANGUAGES.into_iter().zip(["ほかの画面で", "on another page"])
        {
            for (path, name) in [("/", "top"), ("/password", "password-open")] {
                visit.go(&format!("{path}?lang={language}"))?.expect_text(words)?;
                visit.check_layout(&format!("{name}-void-{language}"))?;
            }
        }
        Ok(())
    })
}

#[test]
fn u_every_state_of_a_change_is_shown_in_both_languages() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        let Family { contract, child, .. } = visit.family();
        let password = visit.give_password(contract, "admin_user")?;
        visit.give_password(child, "admin_user")?;
        visit.log_in(contract, &password)?.expect_text("管理者")?;
        visit.check_layout("top-administrator")?;
        visit.go("/?lang=en")?.expect_text("administrator")?;
        visit.check_layout("top-administrator-en")?;
        visit.void(child)?;
        for (language, words) in LANGUAGES.into_iter().zip(["現在、認証単位を", "at present"])
        {
            visit.go(&format!("/unit/line?lang={language}"))?.expect_text(words)?;
            visit.check_layout(&format!("unit-blocked-{language}"))?;
        }
        // Another person sets the password again, and it is entered wrongly.
        visit.give_password(child, "admin_user")?;
        visit.go("/unit/line")?;
        visit.fill(&label(contract), &password)?.fill(&label(child), &visit.new_password())?;
        visit.press("Change authentication unit")?.expect_text("Confirmed")?;
        visit.check_layout("unit-refused-en")?;
        // Without a password it has to set one by telephone after the change.
        visit.forget(child)?;
        visit.go("/unit/number")?.expect_text("A temporary password must be set")?;
        visit.check_layout("unit-admin_user-to-number-en")?;
        visit.fill(&label(contract), &password)?;
        visit.press("Change authentication unit")?;
        for language in LANGUAGES {
            let path = format!("/unit-changed?lang={language}");
            visit.go(&path)?.expect_text("06-6480-6430")?.expect_text(&hyphenated(child))?;
            visit.check_layout(&format!("unit-changed-needs-temporary-{language}"))?;
        }
        Ok(())
    })
}

/// The system's own colours replace those of the page: what fills a button must remain.
#[test]
fn w4_in_forced_colours_the_buttons_differ() -> Result<()> {
    in_manner(Manner::Unexamined, |visit| {
        let contract = &visit.family().contract;
        let password = visit.give_password(contract, "line")?;
        visit.log_in(contract, &password)?.expect_heading("設定サイトトップ")?;
        visit.go("/password")?;
        let browser = visit.who.browser;
        visit.wait(browser.emulate("", "forced-colors", "active"))?;
        let fill = |id: &str| {
            visit.value(&format!(
                "getComputedStyle(document.getElementById('{id}')).backgroundColor"
            ))
        };
        let (primary, secondary) = (fill("change")?, fill("to-top")?);
        ensure!(primary != secondary, "both are {primary}");
        visit.check_layout("password-forced-colors")?;
        visit.wait(browser.emulate("", "forced-colors", "none"))
    })
}

/// A logo is mostly made for a white page.
#[test]
fn w10_in_the_dark_scheme_the_logo_stands_on_white() -> Result<()> {
    in_manner(Manner::Unexamined, |visit| {
        visit.go("/")?;
        let browser = visit.who.browser;
        visit.wait(browser.emulate("", "prefers-color-scheme", "dark"))?;
        let color = |selector: &str| {
            let node = format!("document.querySelector('{selector}')");
            visit.value(&format!("getComputedStyle({node}).backgroundColor"))
        };
        let (page, logo) = (color("body")?, color(".name img")?);
        ensure!(page != logo && logo == "rgb(255, 255, 255)", "{logo} on {page}");
        visit.check_layout("entry-dark")?;
        visit.wait(browser.emulate("", "prefers-color-scheme", "light"))
    })
}

fn change(visit: &Visit<'_>, current: &str, new: &str) -> Result<()> {
    visit.fill("Current password", current)?;
    visit.fill("New password", new)?.fill("New password (again)", new)?;
    visit.press("Change password").map(drop)
}

fn label(number: &str) -> String {
    format!("Password for {}", hyphenated(number))
}
