//! W4: the site in English, from the first login to the change of the unit.

use anyhow::{Result, ensure};

use super::browser::{Manner, Page};
use super::visit::{Visit, hyphenated};
use super::{LANGUAGES, in_manner};

const CHANGE: &str = "Change password";
const CHANGE_UNIT: &str = "Change authentication unit";
const TOP: &str = "Top page";

#[test]
fn w4_the_site_is_walked_in_english() -> Result<()> {
    in_manner(Manner::Pointer, walk)
}

#[test]
fn w4_the_site_is_walked_by_keyboard_from_the_first_login_to_the_change_of_the_unit() -> Result<()>
{
    in_manner(Manner::Keyboard, walk)
}

fn walk(visit: &Visit<'_>) -> Result<()> {
    let contract = &visit.family().contract;
    let temporary = visit.give_temporary(contract, "line")?;
    visit.go("/")?.expect_heading("設定サイト")?;
    visit.press("English")?.expect_heading("Subscriber Settings")?;
    visit.check_layout("entry-en")?;
    visit.press("Log in")?.expect_heading("Log in")?;
    visit.check_layout("login-en")?;
    let shown = "document.querySelector('[aria-controls=password]').ariaLabel";
    visit.wait(visit.who.browser.expect_soon(&format!("{shown} === 'Show: Password'")))?;
    log_in(visit, "1", "")?;
    visit.expect_error("Phone number", "10 or 11 digits")?;
    visit.expect_error("Password", "Please enter your password.")?;
    let refused = log_in(visit, contract, &visit.story.password())?;
    ensure!(refused.title.starts_with("Error: Log in | "), "{refused:?}");
    refused.expect_text("24 hours")?.expect_text("06-6480-6430")?;
    visit.check_layout("login-refused-en")?;
    visit.wait(visit.who.browser.expect_on_first_screen("number"))?;

    log_in(visit, contract, &temporary)?.expect_heading(CHANGE)?;
    visit.check_layout("password-first-en")?;
    let other = visit.new_password();
    change(visit, &visit.new_password(), &other, &other)?;
    visit.expect_error("Current password", "The current password is wrong.")?;
    visit.wait(visit.who.browser.expect_on_first_screen("current"))?;
    change(visit, &temporary, "123", "abc")?.expect_heading(CHANGE)?;
    visit.expect_error("New password", "A password of digits alone is not possible.")?;
    visit.expect_error("New password (again)", "do not match")?;
    let new = visit.new_password();
    let top = change(visit, &temporary, &new, &new)?;
    top.expect_heading(TOP)?.expect_text("Your password has been changed.")?;
    visit.check_layout("top-en")?;

    visit.press(CHANGE_UNIT)?.expect_text("Line unit")?;
    visit.check_layout("unit-en")?;
    visit.press("Number unit")?.expect_heading("Change authentication unit: Number unit")?;
    visit.check_layout("unit-line-to-number-en")?;
    visit.press(CHANGE_UNIT)?.expect_text("could not be changed")?;
    let label = format!("Password for {}", hyphenated(contract));
    visit.expect_error(&label, "Please enter the password for")?;
    visit.fill(&label, &new)?;
    let changed = visit.press(CHANGE_UNIT)?;
    changed.expect_heading("The authentication unit has been changed")?;
    visit.check_layout("unit-line-to-number-changed-en")?;
    visit.press("Log in")?;
    log_in(visit, contract, &new)?.expect_heading(TOP)?.expect_text("Number unit")?;
    visit.press("Log out")?.expect_heading("You have been logged out")?;
    visit.check_layout("logged-out-en")
}

#[test]
fn w4_the_pages_for_everyone_are_in_english_too() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        visit.go("/guide")?;
        visit.press("English")?.expect_heading("User guide")?;
        for (path, heading) in [
            ("/accessibility", "Accessibility"),
            ("/logged-out", "You have been logged out"),
            ("/timed-out", "You have been logged out"),
            ("/session-over", "You are no longer logged in"),
            ("/session-over?elsewhere", "You are no longer logged in"),
            ("/session-over?lifetime", "You have been logged out"),
            ("/session-over?password-changed", "The password has been changed"),
            ("/session-over?form-logged-out", "You have been logged out"),
            ("/session-over?form-idle", "You have been logged out"),
            ("/session-over?form-lifetime", "You have been logged out"),
            ("/session-over?form-password-changed", "The password has been changed"),
            ("/session-over?form-elsewhere", "You are no longer logged in"),
            ("/session-over?temporary-line", "The temporary password has expired"),
            ("/session-over?void-line", "The password has become invalid"),
            ("/nothing", "This page was not found"),
        ] {
            let before = if path.contains('?') { '&' } else { '?' };
            for language in LANGUAGES {
                let page = visit.go(&format!("{path}{before}lang={language}"))?;
                ensure!((page.heading == heading) == (language == "en"), "{page:?}");
                visit.check_layout(&format!("{}-{language}", path[1..].replace('?', "-")))?;
            }
        }
        // The reference of the API has no Japanese form.
        visit.go("/api/v1/docs")?;
        visit.check_layout("api-docs")?;
        visit.go("/guide")?;
        visit.press("日本語")?.expect_heading("ご利用ガイド")?;
        Ok(())
    })
}

fn log_in(visit: &Visit<'_>, number: &str, password: &str) -> Result<Page> {
    visit.go("/login")?;
    visit.fill("Phone number", number)?.fill("Password", password)?;
    visit.press("Log in")
}

fn change(visit: &Visit<'_>, current: &str, new: &str, again: &str) -> Result<Page> {
    visit.fill("Current password", current)?;
    visit.fill("New password", new)?.fill("New password (again)", again)?;
    visit.press(CHANGE)
}
