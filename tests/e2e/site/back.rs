//! W5: the back button after a session's end, before the image that clears the browser's cache has
//! come.

use anyhow::{Context as _, Result, ensure};

use super::browser::{Manner, Page};
use super::visit::{Visit, hyphenated};
use super::{idle, in_manner, password, unit};

const MANNERS: [Manner; 2] = [Manner::Unexamined, Manner::WithoutScript];
const CLEAR_CACHE_PATH: &str = "/assets/forget.svg";
const TIMED_OUT: &str = "操作がなかったため";

#[test]
fn w5_after_a_logout_the_back_button_shows_nothing_even_at_once() -> Result<()> {
    at_once(&MANNERS, |visit, password| {
        visit.log_in(&visit.family().contract, password)?.expect_heading("設定サイトトップ")?;
        visit.press("ログアウト")?.expect_heading("ログアウトしました")?;
        go_back(visit, "/")?.expect_heading("設定サイト")?;
        Ok(())
    })
}

/// The answer to such a form leaves the session's cookie as it is.
#[test]
fn w5_after_a_form_of_an_ended_session_the_back_button_shows_nothing_even_at_once() -> Result<()> {
    at_once(&MANNERS, |visit, current| {
        visit.log_in(&visit.family().contract, current)?;
        visit.go("/password")?;
        idle::left_idle_for(visit, "15 minutes")?;
        let new = visit.new_password();
        password::change(visit, current, &new, &new)?.expect_text(TIMED_OUT)?;
        go_back(visit, "/timed-out")?.expect_text(TIMED_OUT)?;
        Ok(())
    })
}

#[test]
fn w5_after_a_change_of_the_unit_the_back_button_shows_no_form() -> Result<()> {
    at_once(&MANNERS, |visit, password| {
        let contract = &visit.family().contract;
        visit.log_in(contract, password)?;
        visit.go("/unit/number")?;
        visit.fill(&unit::label(contract), password)?;
        visit.press(unit::CHANGE)?.expect_heading(unit::CHANGED)?;
        let shown = visit.wait(visit.who.go_back())?;
        ensure!(shown.path == "/unit-changed" && shown.heading == unit::CHANGED, "{shown:?}");
        Ok(())
    })
}

/// Without script the page is as if it had been left open.
#[test]
fn w5_with_script_the_back_button_asks_whether_the_session_has_ended() -> Result<()> {
    at_once(&[Manner::Unexamined], |visit, password| {
        visit.log_in(&visit.family().contract, password)?;
        // Not to a page of the session: its script would end the kept page.
        visit.wait(visit.who.browser.go("about:blank"))?;
        idle::left_idle_for(visit, "15 minutes")?;
        go_back(visit, "/timed-out")?.expect_text(TIMED_OUT)?;
        Ok(())
    })
}

/// Runs a story of a login with this password, to which the image does not come.
fn at_once(manners: &[Manner], story: impl Fn(&Visit<'_>, &str) -> Result<()>) -> Result<()> {
    for manner in manners {
        in_manner(*manner, |visit| {
            let password = visit.give_password(&visit.family().contract, "line")?;
            visit.wait(visit.who.browser.block(CLEAR_CACHE_PATH))?;
            story(visit, &password)
        })
        .with_context(|| format!("{manner:?}"))?;
    }
    Ok(())
}

/// Goes back, and expects this path and no number of the session.
fn go_back(visit: &Visit<'_>, path: &str) -> Result<Page> {
    let shown = visit.wait(visit.who.go_back())?;
    shown.expect_no_text(&hyphenated(&visit.family().contract))?;
    ensure!(shown.path == path, "{shown:?}");
    Ok(shown)
}
