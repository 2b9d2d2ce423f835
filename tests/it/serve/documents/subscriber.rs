//! The page for subscribers, which operators print.

use std::fs;
use std::process::Command;

use domain::rules;
use karipass_lab::lighthouse::CHROMIUM;
use karipass_lab::repository;

use crate::support::run;

const PAGE: &str = "docs/subscriber.ja.html";

#[test]
fn the_subscribers_page_fits_on_one_sheet() {
    let folder = tempfile::tempdir().unwrap();
    let printed = folder.path().join("printed.pdf");
    let mut chromium = Command::new(CHROMIUM);
    // Chromium cannot sandbox as root; the page is our own.
    chromium.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
    chromium.args(["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]);
    chromium.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    chromium.arg(format!("--print-to-pdf={}", printed.display())).arg("--no-pdf-header-footer");
    let ran = run(chromium.arg(format!("file://{}", repository().join(PAGE).display())));
    let printed = String::from_utf8_lossy(&fs::read(&printed).unwrap_or_default()).into_owned();
    assert_eq!(printed.matches("/Type /Pages").count(), 1, "{ran:?}");
    assert!(printed.contains("/Count 1\n"), "more than one page");
}

#[test]
fn the_subscribers_page_has_the_numbers_of_the_rules() {
    let page = fs::read_to_string(repository().join(PAGE)).unwrap();
    let hours = rules::TEMPORARY_PASSWORD_LIFETIME.as_secs() / 3600;
    let days = rules::PASSWORD_MAX_AGE.as_secs() / (24 * 3600);
    let minutes = rules::SESSION_IDLE_TIMEOUT.as_secs() / 60;
    let (min, max) = (rules::PASSWORD_LENGTH.start(), rules::PASSWORD_LENGTH.end());
    for (number, meaning) in [
        (format!("{} 桁", rules::TEMPORARY_PASSWORD_DIGITS), "仮パスワード。"),
        (format!("{hours} 時間"), "仮パスワードが使える時間"),
        (format!("{} 回", rules::MAX_WRONG_ENTRIES_PER_STEP), "電話の 1 つの手順で誤ると"),
        (format!("{} 回", rules::MAX_TEMPORARY_PASSWORD_FAILURES), "仮パスワードを続けて誤ると"),
        (format!("{} 回", rules::MAX_PASSWORD_FAILURES), "パスワードを続けて誤ると"),
        (format!("{min}〜{max} 桁"), "パスワード。半角の英字と数字"),
        (format!("{days} 日"), "パスワードの有効期間"),
        (format!("{minutes} 分"), "操作がないと"),
    ] {
        let row = format!("<tr><td>{number}</td><td>{meaning}");
        assert!(page.contains(&row), "{row}");
    }
    let number = rules::SET_UP_NUMBER;
    let number = format!("{}-{}-{}", &number[..2], &number[2..6], &number[6..]);
    assert!(page.contains(&format!("<span class=\"own\">{number}</span>")), "{number}");
    assert_eq!(page.matches("class=\"own\"").count(), 1 + 4, "the comment, and each placeholder");
}
