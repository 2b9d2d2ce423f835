//! The error pages, in both languages: each keeps the header of the login, and leads on.

use anyhow::{Result, ensure};
use karipass_lab::daemon::Daemon;
use karipass_lab::proxy::{Fault, Point, PostgresProxy};
use tokio_postgres::Client;

use super::browser::{Manner, Page};
use super::visit::Visit;
use super::{LANGUAGES, in_manner, second_daemon, second_daemon_at, visit_at};
use crate::system::System;

/// A status, the page that leads to it, and the script that sends its form.
const ERRORS: [(u16, &str, Option<&str>); 6] = [
    (400, "/password", Some("form.enctype = 'multipart/form-data'")),
    (403, "/password", Some("form.elements.form_token.value = ''")),
    (404, "/nothing", None),
    (405, "/logout", None),
    (409, "/unit/number", Some("form.elements.version.value = '-1'")),
    (413, "/password", Some("form.elements.current.value = '9'.repeat(20000)")),
];
/// The way back after a refused login, in each language.
const TO_LOGIN: [&str; 2] = ["ログイン画面へ戻る", "Back to login"];
/// The heading of the page after a change whose outcome is unknown, in each language.
const UNKNOWN: [&str; 2] =
    ["変更されたかどうか、ご確認ください", "Please check whether the change was made"];
/// Makes a void password one that can be changed, by a form.
const REVIVE: &str = "UPDATE credential SET password_hash = '-', failed_attempts = 0,
    voided_at = NULL WHERE login_number = $1";
/// More wrong entries than the limit of [`limited`] allows, and fewer than void a password.
const MAX_ATTEMPTS: usize = 8;

#[test]
fn w4_every_error_page_keeps_the_login_and_leads_on_in_both_languages() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let password = visit.give_password(contract, "line")?;
        visit.log_in(contract, &password)?;
        for language in LANGUAGES {
            choose(visit, language)?;
            for (status, path, script) in ERRORS {
                let page = visit.go(path)?;
                let page = match script {
                    Some(script) => send(visit, script)?,
                    None => page,
                };
                expect_error(visit, &page, status, language)?;
                visit.check_layout(&format!("error-{status}-{language}"))?;
            }
        }
        // Wrong entries elsewhere void the password beside an open form, and the session goes on.
        for language in LANGUAGES {
            choose(visit, language)?;
            visit.go("/password")?;
            visit.void(contract)?;
            let page = send(visit, &change_to("Another123", &password))?;
            expect_error(visit, &page, 409, language)?;
            visit.check_layout(&format!("error-void-{language}"))?;
            visit.execute(REVIVE, contract)?;
        }
        Ok(())
    })
}

#[test]
fn u2_the_page_for_a_user_is_in_both_languages() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        let child = &visit.family().child;
        let password = visit.give_password(child, "admin_user")?;
        visit.log_in(child, &password)?;
        for language in LANGUAGES {
            let page = visit.go(&format!("/unit?lang={language}"))?;
            expect_error(visit, &page, 403, language)?;
            visit.check_layout(&format!("unit-not-allowed-{language}"))?;
        }
        Ok(())
    })
}

#[test]
fn w4_after_too_many_attempts_the_page_is_in_both_languages() -> Result<()> {
    let system = System::shared();
    let daemon = limited(&system)?;
    visit_at(&system, &daemon.site(), Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let password = visit.give_password(contract, "line")?;
        visit.log_in(contract, &password)?;
        let wrong = visit.new_password();
        for language in LANGUAGES {
            choose(visit, language)?;
            let page = until_limited(visit, || {
                visit.go("/password")?;
                send(visit, &change_to("Another123", &wrong))
            })?;
            expect_error(visit, &page, 429, language)?;
            visit.check_layout(&format!("error-429-{language}"))?;
        }
        visit.press("Log out")?;
        for (language, way_on) in LANGUAGES.into_iter().zip(TO_LOGIN) {
            choose(visit, language)?;
            let page = until_limited(visit, || {
                visit.go("/login")?;
                visit.leave_by(&format!(
                    "document.getElementById('number').value = '{contract}';
                     document.getElementById('password').value = '{wrong}';
                     document.getElementById('password').form.submit()"
                ))
            })?;
            page.expect_text(way_on)?;
            visit.check_layout(&format!("error-429-login-{language}"))?;
        }
        Ok(())
    })
}

/// The database goes out of reach once it has the commit of a password change, which is made.
#[test]
fn w4_when_the_outcome_is_unknown_the_page_says_so_in_both_languages() -> Result<()> {
    const PASSWORDS: [&str; 2] = ["Another123", "Further456"];
    let system = System::shared();
    let postgres = system.postgres.socket_folder();
    let proxy = system.wait(async { PostgresProxy::before(postgres) })?;
    let database = system.database.at(proxy.socket_folder());
    let daemon = second_daemon_at(&system, &database, "cut-off", &[])?;
    visit_at(&system, &daemon.site(), Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let mut current = visit.give_password(contract, "line")?;
        let outcomes = LANGUAGES.into_iter().zip(PASSWORDS).zip(UNKNOWN);
        for ((language, new), heading) in outcomes {
            choose(visit, "ja")?;
            visit.log_in(contract, &current)?.expect_heading("設定サイトトップ")?;
            choose(visit, language)?;
            visit.go("/password")?;
            proxy.inject(Fault::StallAfter(Point::Word("COMMIT")));
            let page = send(visit, &change_to(new, &current))?;
            proxy.inject(Fault::None);
            expect_status(visit, &page, 503)?;
            page.expect_heading(heading)?;
            ensure!(visit.value("!!document.getElementById('to-top')")? == true, "{page:?}");
            visit.check_layout(&format!("outcome-unknown-{language}"))?;
            current = new.to_owned();
        }
        choose(visit, "ja")?;
        visit.log_in(contract, &current)?.expect_heading("設定サイトトップ")?;
        Ok(())
    })
}

#[test]
fn w4_without_the_database_the_page_is_in_both_languages() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let password = visit.give_password(contract, "line")?;
        visit.log_in(contract, &password)?;
        for language in LANGUAGES {
            choose(visit, language)?;
            visit.go("/password")?;
            // A change waits for the contract, until its time is up.
            let lock = locked(visit, "contract WHERE number = $1")?;
            let page = send(visit, &change_to("Another123", &password))?;
            drop(lock);
            expect_error(visit, &page, 503, language)?;
            visit.check_layout(&format!("error-503-{language}"))?;
            // Any page waits to note that the session was used.
            let sql = "UPDATE session SET last_seen_at = last_seen_at - interval '5 minutes'
                WHERE contract_number = $1";
            visit.execute(sql, contract)?;
            let lock = locked(visit, "session WHERE contract_number = $1")?;
            let page = visit.go("/")?;
            drop(lock);
            expect_status(visit, &page, 503)?;
            visit.check_layout(&format!("error-503-page-{language}"))?;
        }
        Ok(())
    })
}

/// A daemon whose addresses have few points.
fn limited(system: &System) -> Result<Daemon> {
    second_daemon(system, "limited", &[("KARIPASS_LOGIN_LIMIT", "10")])
}

/// Locks rows of the visit's contract until the client is dropped.
fn locked(visit: &Visit<'_>, rows: &str) -> Result<Client> {
    let contract = &visit.family().contract;
    visit.wait(async {
        let owner = visit.story.system.database.owner().await?;
        owner.batch_execute("BEGIN").await?;
        owner.query(&format!("SELECT FROM {rows} FOR UPDATE"), &[contract]).await?;
        Ok(owner)
    })
}

/// Chooses the language of all pages from now on.
fn choose(visit: &Visit<'_>, language: &str) -> Result<()> {
    visit.go(&format!("/guide?lang={language}")).map(drop)
}

/// Prepares the page's own form by a script, and sends it.
fn send(visit: &Visit<'_>, script: &str) -> Result<Page> {
    visit.leave_by(&format!(
        "const form = document.querySelector('main form'); {script}; form.submit()"
    ))
}

/// Fills the form of a password change.
fn change_to(new: &str, current: &str) -> String {
    format!(
        "form.elements.current.value = '{current}'; form.elements.new.value = '{new}';
         form.elements.new_again.value = '{new}'"
    )
}

/// Attempts until an answer is 429.
fn until_limited(visit: &Visit<'_>, attempt: impl Fn() -> Result<Page>) -> Result<Page> {
    for _ in 0..MAX_ATTEMPTS {
        let page = attempt()?;
        if expect_status(visit, &page, 429).is_ok() {
            return Ok(page);
        }
    }
    anyhow::bail!("{MAX_ATTEMPTS} attempts were not limited")
}

/// An error page with this status in this language, which shows the login.
fn expect_error(visit: &Visit<'_>, page: &Page, status: u16, language: &str) -> Result<()> {
    expect_status(visit, page, status)?;
    let mark = if language == "en" { "Error: " } else { "エラー：" };
    ensure!(page.title.starts_with(mark), "{page:?}");
    let shown = format!(
        "document.documentElement.lang === '{language}' && !!document.getElementById('log-out')
         && !!document.getElementById('to-top')"
    );
    ensure!(visit.value(&shown)? == true, "no login, or no way on: {page:?}");
    Ok(())
}

fn expect_status(visit: &Visit<'_>, page: &Page, status: u16) -> Result<()> {
    let found = visit.value("performance.getEntriesByType('navigation')[0].responseStatus")?;
    ensure!(found == status, "{found} instead of {status}: {page:?}");
    Ok(())
}
