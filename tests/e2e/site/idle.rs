//! W5: an idle session ends by itself, on a daemon whose limit is a minute shorter than usual.

use std::time::{Duration, Instant};

use super::browser::Manner;
use anyhow::{Result, ensure};
use karipass_lab::daemon::Daemon;

use super::visit::Visit;
use super::{ANSWER_TIMEOUT, LANGUAGES, password, second_daemon, visit_at};
use crate::system::System;

const IDLE_S: u64 = 14 * 60;
/// Makes the sessions of one contract older, by an SQL interval.
const LEFT_IDLE: &str = "UPDATE session SET last_seen_at = last_seen_at - $2::text::interval
    WHERE contract_number = $1";
/// Lets them have begun an SQL interval ago.
const BEGAN: &str = "UPDATE session SET created_at = clock_timestamp() - $2::text::interval
    WHERE contract_number = $1";
const USED: &str = "SELECT FROM session
    WHERE contract_number = $1 AND last_seen_at > clock_timestamp() - interval '1 minute'";
const IS_OPEN: &str = "document.getElementById('idle-dialog').open";
const IS_LAST_OPEN: &str = "document.getElementById('lifetime-dialog').open";
const STAY: &str = "ログインを続ける";
const TYPED: &str = "Typed1234";
const POLL_INTERVAL: Duration = Duration::from_millis(10);

#[test]
fn w5_left_idle_a_session_ends_by_itself() -> Result<()> {
    let system = System::shared();
    let daemon = impatient(&system, "left-idle")?;
    visit_at(&system, &daemon.site(), Manner::WithoutScript, |visit| {
        let contract = &visit.family().contract;
        let current = visit.give_password(contract, "line")?;
        visit
            .log_in(contract, &current)?
            .expect_heading("設定サイトトップ")?
            .expect_text("14分間操作がない場合は、自動的にログアウトします。")?;
        left_idle(visit)?;
        let page = visit.go("/")?;
        page.expect_heading("ログアウトしました")?
            .expect_text("14分間操作がなかったため、自動的にログアウトしました。")?;
        visit.check_layout("timed-out")?;
        visit.press("もう一度ログインする")?.expect_heading("ログイン")?;
        // A form that was left open has no effect.
        visit.log_in(contract, &current)?;
        visit.go("/password")?;
        left_idle(visit)?;
        let new = visit.new_password();
        password::change(visit, &current, &new, &new)?.expect_text("操作がなかったため")?;
        visit.log_in(contract, &new)?.expect_text("ログインできませんでした")?;
        visit.log_in(contract, &current)?.expect_heading("設定サイトトップ")?;
        Ok(())
    })
}

#[test]
fn w9_the_warning_extends_the_session_or_is_ignored_and_typing_extends_it_too() -> Result<()> {
    let system = System::shared();
    let daemon = impatient(&system, "warned")?;
    visit_at(&system, &daemon.site(), Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let current = visit.give_password(contract, "line")?;
        let browser = visit.who.browser;
        visit.log_in(contract, &current)?;
        visit.go("/password")?;
        visit.fill("現在のパスワード", TYPED)?;
        // One and a half minutes before the end.
        let idle_for = |by: &str, minutes: f64| {
            left_idle_for(visit, by)?;
            visit.wait(browser.advance_clock(Duration::from_secs_f64(60.0 * minutes)))
        };
        idle_for("12 minutes", 12.5)?;
        visit.wait(browser.expect_soon(IS_OPEN))?;
        let focused = "document.activeElement.closest('dialog').id === 'idle-dialog'";
        visit.wait(browser.expect_soon(focused))?;
        visit.wait(visit.who.arrive())?.expect_text("まもなくログアウトします")?;
        visit.wait(async { anyhow::Ok(browser.control(STAY).await?.click().await?) })?;
        expect_used(visit)?;
        // The focus and the typed text are unchanged.
        let kept = format!(
            "!{IS_OPEN} && document.activeElement.id === 'current'
             && document.activeElement.value === '{TYPED}'"
        );
        visit.wait(browser.expect_soon(&kept))?;
        // Typing prevents the dialog.
        idle_for("5 minutes", 5.0)?;
        visit.fill("新しいパスワード", TYPED)?;
        expect_used(visit)?;
        visit.wait(browser.expect_soon(&format!("!{IS_OPEN}")))?;
        // The typed password can be shown, and caps lock is noticed.
        let shown = "document.querySelector('[aria-controls=current]').click(),
            document.getElementById('current').type === 'text'";
        visit.wait(browser.expect_soon(shown))?;
        let caps = "document.getElementById('current').dispatchEvent(
                new KeyboardEvent('keydown', { modifierCapsLock: true })),
            document.body.innerText.includes('Caps Lockがオンになっています。')";
        visit.wait(browser.expect_soon(caps))?;
        // Without an answer, the page leads to the one that says why.
        idle_for("14 minutes", 13.0)?;
        visit.wait(browser.expect_soon(IS_OPEN))?;
        visit.wait(browser.advance_clock(Duration::from_mins(2)))?;
        visit.wait(browser.expect_soon("location.pathname === '/timed-out'"))?;
        visit.wait(visit.who.arrive())?.expect_heading("ログアウトしました")?;
        Ok(())
    })
}

#[test]
fn w9_the_warning_comes_again_if_the_session_could_not_be_extended() -> Result<()> {
    let system = System::shared();
    let daemon = impatient(&system, "warned-again")?;
    visit_at(&system, &daemon.site(), Manner::Unexamined, |visit| {
        let contract = &visit.family().contract;
        let current = visit.give_password(contract, "line")?;
        let browser = visit.who.browser;
        visit.log_in(contract, &current)?;
        visit.go("/password")?;
        left_idle_for(visit, "12 minutes")?;
        visit.wait(browser.advance_clock(Duration::from_secs(750)))?;
        // Out of reach, then busy, then as usual.
        let failing = "(right => (window.failures = 0, window.fetch = (...request) => {
            window.failures += 1;
            if (window.failures === 1) return Promise.reject(new TypeError());
            if (window.failures === 2) return Promise.resolve(new Response('', { status: 503 }));
            return right(...request);
        }, true))(window.fetch.bind(window))";
        ensure!(visit.value(failing)? == true, "the answers do not fail");
        for failures in [0, 1, 2] {
            let shown = format!("{IS_OPEN} && window.failures === {failures}");
            visit.wait(browser.expect_soon(&shown))?;
            visit.wait(async { anyhow::Ok(browser.control(STAY).await?.click().await?) })?;
        }
        expect_used(visit)?;
        visit.wait(browser.expect_soon(&format!("!{IS_OPEN} && window.failures === 3")))?;
        Ok(())
    })
}

/// A daemon whose sessions end a minute sooner.
fn impatient(system: &System, name: &str) -> Result<Daemon> {
    let idle = IDLE_S.to_string();
    let variables =
        [("KARIPASS_LOGIN_LIMIT", "off"), ("KARIPASS_SESSION_IDLE_TIMEOUT_S", idle.as_str())];
    second_daemon(system, name, &variables)
}

#[test]
fn w9_the_warning_is_in_both_languages_and_fits_on_every_screen() -> Result<()> {
    let system = System::shared();
    let daemon = impatient(&system, "warned-twice")?;
    visit_at(&system, &daemon.site(), Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let current = visit.give_password(contract, "line")?;
        let browser = visit.who.browser;
        visit.log_in(contract, &current)?;
        for language in LANGUAGES {
            visit.go(&format!("/password?lang={language}"))?;
            visit.wait(browser.advance_clock(Duration::from_mins(13)))?;
            visit.wait(browser.expect_soon(IS_OPEN))?;
            visit.wait(visit.who.arrive())?;
            visit.check_layout(&format!("idle-{language}"))?;
            // Escape extends the session too, and the focus returns.
            visit.wait(browser.escape())?;
            visit.wait(browser.expect_soon(&format!("!{IS_OPEN}")))?;
        }
        Ok(())
    })
}

#[test]
fn w5_the_end_after_12_hours_is_warned_of_and_not_offered_to_be_extended() -> Result<()> {
    let system = System::shared();
    let daemon = impatient(&system, "past-lifetime")?;
    visit_at(&system, &daemon.site(), Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let current = visit.give_password(contract, "line")?;
        let browser = visit.who.browser;
        visit.log_in(contract, &current)?;
        let warned = |language: &str| {
            age(visit, BEGAN, "11 hours 50 minutes")?;
            visit.go(&format!("/password?lang={language}"))?;
            // One and a half minutes before the end.
            visit.wait(browser.advance_clock(Duration::from_secs(510)))?;
            visit.wait(browser.expect_soon(IS_LAST_OPEN))
        };
        for language in LANGUAGES {
            warned(language)?;
            ensure!(visit.value(IS_OPEN)? == false, "it offers to extend the session");
            visit.wait(visit.who.arrive())?;
            visit.check_layout(&format!("lifetime-{language}"))?;
        }
        warned("ja")?;
        visit.wait(async { anyhow::Ok(browser.control("閉じる").await?.click().await?) })?;
        visit.wait(browser.expect_soon(&format!("!({IS_LAST_OPEN}) && !({IS_OPEN})")))?;
        // The next thing is the end.
        age(visit, BEGAN, "12 hours")?;
        visit.wait(browser.advance_clock(Duration::from_mins(2)))?;
        let path = "location.pathname + location.search === '/session-over?lifetime'";
        visit.wait(browser.expect_soon(path))?;
        Ok(())
    })
}

/// Expects that every session of the contract was used within the last minute.
fn expect_used(visit: &Visit<'_>) -> Result<()> {
    let contract = &visit.family().contract;
    let until = Instant::now() + ANSWER_TIMEOUT;
    visit.wait(async {
        let owner = visit.story.system.database.owner().await?;
        while owner.query(USED, &[contract]).await?.is_empty() {
            ensure!(Instant::now() < until, "the session was not extended");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    })
}

fn left_idle(visit: &Visit<'_>) -> Result<()> {
    left_idle_for(visit, "14 minutes")
}

pub fn left_idle_for(visit: &Visit<'_>, by: &str) -> Result<()> {
    age(visit, LEFT_IDLE, by)
}

fn age(visit: &Visit<'_>, sql: &str, by: &str) -> Result<()> {
    let contract = &visit.family().contract;
    let aged = visit.wait(async {
        let owner = visit.story.system.database.owner().await?;
        anyhow::Ok(owner.execute(sql, &[contract, &by]).await?)
    })?;
    ensure!(aged > 0, "there is no session");
    Ok(())
}
