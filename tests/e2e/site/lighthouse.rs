//! Lighthouse's scores of a page of each kind. Performance is measured and printed: it depends on
//! the machine and on its other work.
//!
//! Search engines may find the pages for everyone alone. The others say `noindex`, which
//! Lighthouse counts against them, so their score for search engines means nothing.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use karipass_lab::{folder, repository};
use serde_json::Value;

use super::browser::{CHROMIUM, Manner};
use super::in_manner;

/// Where `make` puts it.
const LIGHTHOUSE: &str = "target/lighthouse/node_modules/.bin/lighthouse";
/// The least score of each category, of 1.
const MIN_SCORE: f64 = 0.95;
/// Seconds for one page on a busy machine.
const TIMEOUT_S: &str = "180";
/// The certificate is self-signed, and no other host may be asked.
const CHROMIUM_FLAGS: &str = "--headless=new --no-sandbox --ignore-certificate-errors \
    --disable-dev-shm-usage --disable-background-networking --disable-component-update \
    --host-resolver-rules=\"MAP * ~NOTFOUND, EXCLUDE localhost\"";

#[test]
fn w4_lighthouse_gives_each_kind_of_page_95_of_100() -> Result<()> {
    in_manner(Manner::Unexamined, |visit| {
        let contract = &visit.family().contract;
        let password = visit.give_password(contract, "line")?;
        let mut lines = String::new();
        for (path, may_be_found) in [("/", true), ("/guide", true), ("/login", false)] {
            writeln!(lines, "{}", examine(&visit.url(path), None, may_be_found)?)?;
        }
        visit.log_in(contract, &password)?.expect_heading("設定サイトトップ")?;
        let cookies = visit.wait(visit.who.browser.cookies())?;
        for path in ["/", "/password", "/unit/number"] {
            writeln!(lines, "{}", examine(&visit.url(path), Some(&cookies), false)?)?;
        }
        eprintln!("{lines}");
        Ok(())
    })
}

/// The scores of a page in one line.
fn examine(url: &str, cookies: Option<&str>, may_be_found: bool) -> Result<String> {
    let report = report(url, cookies)?;
    let mut line = url.to_owned();
    for category in ["accessibility", "best-practices", "seo", "performance"] {
        let score = report["categories"][category]["score"].as_f64();
        let score = score.with_context(|| format!("no {category} of {url}: {report}"))?;
        let must = category != "performance" && (category != "seo" || may_be_found);
        let complaints = complaints(&report, category);
        ensure!(!must || score >= MIN_SCORE, "{category} of {url} is {score}: {complaints:#?}");
        write!(line, " {category} {:.0}", score * 100.0)?;
    }
    Ok(line)
}

/// Runs Lighthouse with these cookies; a run without them sees the page of a stranger.
fn report(url: &str, cookies: Option<&str>) -> Result<Value> {
    let home = folder::temporary("karipass-lighthouse-")?;
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "timeout", TIMEOUT_S])
        .arg(repository().join(LIGHTHOUSE))
        .args([url, "--quiet", "--output=json", "--no-enable-error-reporting"])
        .args(["--only-categories", "accessibility,best-practices,seo,performance"])
        .arg(format!("--chrome-flags={CHROMIUM_FLAGS}"))
        .env("CHROME_PATH", CHROMIUM)
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .stdin(Stdio::null());
    if let Some(cookies) = cookies {
        command.arg(format!("--extra-headers={}", serde_json::json!({ "Cookie": cookies })));
    }
    let output = command.output().context("Lighthouse, which `make test` puts there")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "Lighthouse on {url}: {said}");
    let report: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(report["finalDisplayedUrl"] == url, "{url} leads to {}", report["finalDisplayedUrl"]);
    Ok(report)
}

/// What costs a category points.
fn complaints(report: &Value, category: &str) -> Vec<String> {
    let audits = report["categories"][category]["auditRefs"].as_array().into_iter().flatten();
    let audits = audits.filter_map(|audit| report["audits"].get(audit["id"].as_str()?));
    let failed = audits.filter(|audit| audit["score"].as_f64().is_some_and(|score| score < 1.0));
    failed.map(|audit| format!("{}: {}", audit["title"], audit["details"]["items"])).collect()
}
