//! Lighthouse's scores of a page of each kind, but for performance, which `make bench` measures.
//!
//! Search engines may find the pages for everyone alone. The others say `noindex`, which
//! Lighthouse counts against them, so they are not examined for search engines.

use anyhow::{Result, ensure};
use karipass_lab::lighthouse::Report;

use super::browser::Manner;
use super::in_manner;

/// The least score of each category.
const MIN_SCORE: f64 = 95.0;
const FOR_EVERYONE: &[&str] = &["accessibility", "best-practices", "seo"];
const NOT_INDEXED: &[&str] = &["accessibility", "best-practices"];
/// The cookie of the language, as a request has it.
const ENGLISH: &str = "__Host-karipass-lang=en";

#[test]
fn w4_lighthouse_gives_each_kind_of_page_95_of_100() -> Result<()> {
    in_manner(Manner::Unexamined, |visit| {
        let contract = &visit.family().contract;
        let password = visit.give_password(contract, "line")?;
        for (path, categories) in [
            ("/", FOR_EVERYONE),
            ("/guide", FOR_EVERYONE),
            ("/accessibility", FOR_EVERYONE),
            ("/login", NOT_INDEXED),
        ] {
            examine(&visit.url(path), None, categories)?;
        }
        visit.log_in(contract, &password)?.expect_heading("設定サイトトップ")?;
        let cookies = visit.wait(visit.who.browser.cookies())?;
        for path in ["/", "/password", "/unit/number"] {
            examine(&visit.url(path), Some(&cookies), NOT_INDEXED)?;
        }
        let in_english = format!("{cookies}; {ENGLISH}");
        examine(&visit.url("/password"), Some(&in_english), NOT_INDEXED)?;
        Ok(())
    })
}

/// Examines a page with these cookies; without any it is seen as by a stranger.
fn examine(url: &str, cookies: Option<&str>, categories: &[&str]) -> Result<()> {
    let report = Report::new(url, cookies, categories)?;
    for category in categories {
        let score = report.score(category)?;
        let complaints = report.complaints(category);
        ensure!(score >= MIN_SCORE, "{category} of {url} is {score}: {complaints:#?}");
    }
    Ok(())
}
