//! Pages in Japanese and in English (W4): the choice of the language, and its completeness.

use reqwest::header::{CONTENT_LANGUAGE, CONTENT_TYPE, SET_COOKIE};

use super::browser::{Browser, LANGUAGE, hidden, leads_to, other_language};
use super::service;
use crate::scene::{ONE, Scene};
use crate::site::{self, Answer, NUMBER, RIGHT, Service, WRONG};
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn w4_the_language_is_the_chosen_one_else_the_browsers_else_japanese() {
    let (service, _) = service("password").await;
    let mut browser = Browser::new(&service.base);
    for (accepted, expected) in [
        (None, "ja"),
        (Some("fr"), "ja"),
        (Some("en-US,en;q=0.9,ja;q=0.8"), "en"),
        (Some(";"), "ja"),
    ] {
        browser.accept_language = accepted;
        let page = browser.get("/login").await;
        assert_eq!(language(&page), expected, "{accepted:?}");
        assert!(!browser.cookies.contains_key(LANGUAGE), "nothing was chosen");
    }
    browser.accept_language = Some("ja");
    let page = browser.get("/guide?lang=en").await;
    assert_eq!((language(&page), browser.cookies[LANGUAGE].as_str()), ("en", "en"));
    assert_eq!(language(&browser.get("/guide").await), "en", "it is remembered");
    assert_eq!(language(&browser.get("/guide?lang=fr").await), "en");
    let page = browser.get(&other_language(&page, "/guide")).await;
    assert_eq!((language(&page), browser.cookies[LANGUAGE].as_str()), ("ja", "ja"));
    // A redirect keeps the choice, too.
    assert_eq!(leads_to(&browser.get("/unit?lang=en").await), "/login");
    assert_eq!(language(&browser.get("/login").await), "en");
    // The choice outlives the session.
    browser.log_in(NUMBER, RIGHT).await;
    let top = browser.get("/").await;
    browser.submit(&top, "/logout", &[]).await;
    assert_eq!(language(&browser.get("/logged-out").await), "en");
    // What is no page has no language of the pages.
    for path in ["/robots.txt?lang=en", "/session?lang=en"] {
        let answer = browser.get(path).await;
        assert!(!answer.headers.contains_key(SET_COOKIE), "{path}: {answer:?}");
    }
    let problem = browser.get("/api/v1/session?lang=en").await;
    assert_eq!(problem.headers[CONTENT_LANGUAGE], "ja");
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_the_language_switch_keeps_the_page_and_works_after_a_form() {
    let (service, _) = service("temporary").await;
    let mut browser = Browser::new(&service.base);
    for (path, part) in [
        ("/session-over?void-number", "press <strong>2</strong> (Number unit)"),
        ("/session-over?temporary-line", "The temporary password has expired"),
        ("/session-over", "You are no longer logged in"),
        ("/timed-out", "there was no activity for 15 minutes"),
        ("/nothing", "This page was not found"),
    ] {
        browser.cookies.clear();
        let page = browser.get(path).await;
        assert_eq!(language(&page), "ja", "{path}");
        let english = browser.get(&other_language(&page, path)).await;
        assert_eq!((language(&english), english.status), ("en", page.status), "{path}");
        assert!(english.body.contains(part), "{path}: {english:?}");
    }
    browser.cookies.clear();
    // The answers to forms have the paths of pages, or lead to the first one.
    let form = browser.get("/login").await;
    let refused = browser.submit(&form, "/login", &[("number", NUMBER), ("password", WRONG)]).await;
    assert_eq!((refused.status, language(&refused)), (422, "ja"));
    let english = browser.get(&other_language(&refused, "/login")).await;
    assert!(english.body.contains("<h1>Log in</h1>"), "{english:?}");
    browser.cookies.clear();
    browser.log_in(NUMBER, RIGHT).await;
    let fields = [("current", RIGHT), ("new", "abcd1234"), ("new_again", "abcd1234")];
    let form = browser.get("/password").await;
    let changed = leads_to(&browser.submit(&form, "/password", &fields).await).to_owned();
    let top = browser.get(&changed).await;
    let english = browser.get(&other_language(&top, &changed)).await;
    assert!(
        english.body.contains("<title>Your password has been changed: Top page"),
        "{english:?}"
    );
    for path in ["/logout", "/unit/number"] {
        let refused = browser.submit_token("x", path, &[]).await;
        assert_eq!((refused.status, language(&refused)), (403, "en"));
        let japanese = browser.get(&other_language(&refused, path)).await;
        assert_eq!((japanese.status, language(&japanese)), (200, "ja"), "{path}");
        browser.get("/?lang=en").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_every_page_is_in_english_without_a_word_of_japanese() {
    let scene = Scene::new("admin_user").await;
    let mut browser = Browser::new(&scene.service.base);
    browser.accept_language = Some("en");
    let mut pages = 0;
    let mut expect = |page: &Answer, status: u16, part: &str| {
        pages += 1;
        expect_english(page);
        assert_eq!(page.status, status, "{page:?}");
        assert!(page.body.contains(part), "{part}: {page:?}");
    };
    for (path, status, part) in [
        ("/", 200, "<title>Home | Subscriber Settings</title>"),
        ("/guide", 200, "<h1>User guide</h1>"),
        ("/accessibility", 200, "<h1>Accessibility</h1>"),
        ("/login", 200, "become invalid"),
        ("/logged-out", 200, "Thank you for using Subscriber Settings."),
        ("/timed-out", 200, "there was no activity for 15 minutes"),
        ("/session-over", 200, "has changed nothing"),
        ("/session-over?lifetime", 200, "12 hours have passed"),
        ("/session-over?temporary-number", 200, "press <strong>2</strong> (Number unit)"),
        ("/session-over?void-admin_user", 200, "press <strong>3</strong> (Admin/user unit)"),
        ("/session-over?password-changed", 200, "log in with the new password"),
        ("/session-over?elsewhere", 200, "To go on, please log in again."),
        ("/session-over?form-logged-out", 200, "has changed nothing"),
        ("/session-over?form-idle", 200, "has changed nothing"),
        ("/session-over?form-lifetime", 200, "has changed nothing"),
        ("/session-over?form-password-changed", 200, "has changed nothing"),
        ("/session-over?form-elsewhere", 200, "has changed nothing"),
        ("/nothing", 404, "<title>Error: This page was not found | Subscriber Settings</title>"),
        ("/logout", 405, "This is not possible"),
    ] {
        expect(&browser.get(path).await, status, part);
    }
    let form = browser.get("/login").await;
    for (fields, part) in [
        ([("number", ""), ("password", "")], "* Please enter your phone number."),
        ([("number", "1"), ("password", "")], "10 or 11 digits in all"),
        ([("number", NUMBER), ("password", WRONG)], "You could not be logged in"),
    ] {
        expect(&browser.submit(&form, "/login", &fields).await, 422, part);
    }
    let long = "9".repeat(17_000);
    let fields = [("number", NUMBER), ("password", &*long)];
    expect(&browser.submit(&form, "/login", &fields).await, 413, "is too large");

    for (kind, interval, part) in [
        ("temporary", "1 hour", "First, please change your password"),
        ("password", "60 days", "60 days have passed"),
        ("password", "59 days", "Please enter the password that you logged in with"),
    ] {
        scene.give(NUMBER, kind, RIGHT).await;
        site::age(&scene.owner, NUMBER, interval).await;
        browser.cookies.clear();
        browser.log_in(NUMBER, RIGHT).await;
        let form = browser.get("/password").await;
        expect(&form, 200, part);
        for (current, new, again, part) in [
            ("", "", "", "Please enter a new password."),
            (RIGHT, "1", "2", "must have at least 8 characters"),
            (RIGHT, "abcdefghijklmn", "-", "must have at most 12 characters"),
            (WRONG, "abcd1234", "abcd1234", "The current password is wrong."),
        ] {
            let fields = [("current", current), ("new", new), ("new_again", again)];
            expect(&browser.submit(&form, "/password", &fields).await, 422, part);
        }
    }
    expect(&browser.get("/").await, 200, "Your password expires soon");
    expect(&browser.submit_token("x", "/logout", &[]).await, 403, "This page is no longer valid");

    scene.give(ONE, "password", RIGHT).await;
    expect(&browser.get("/unit").await, 200, ">the admin/user unit</strong>");
    let form = browser.get("/unit/number").await;
    expect(&form, 200, "<h1>Change authentication unit: Number unit</h1>");
    let (one, contract) = (format!("password-{ONE}"), format!("password-{NUMBER}"));
    let send = async |browser: &mut Browser, form: &Answer, right: &str, version: &str| {
        let fields = [("version", version), (one.as_str(), right), (contract.as_str(), RIGHT)];
        browser.submit(form, "/unit/number", &fields).await
    };
    let version = hidden(&form, "version");
    let refused = send(&mut browser, &form, WRONG, &version).await;
    expect(&refused, 422, "The password for 06-1234-5601 is wrong.");
    let form = browser.get("/unit/number").await;
    let outdated = send(&mut browser, &form, RIGHT, "99").await;
    expect(&outdated, 409, "Your contract has changed");
    let form = browser.get("/unit/number").await;
    let changed = send(&mut browser, &form, RIGHT, &version).await;
    assert_eq!(leads_to(&changed), "/unit-changed");
    let done = browser.get("/unit-changed").await;
    expect(&done, 200, "No change (the same password as before)");
    expect(&done, 200, "is now <strong>the number unit</strong>");
    expect(&done, 200, "marked “A temporary password must be set”");
    assert!(pages > 30, "{pages}");
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_w4_a_user_reads_in_english_what_the_administrator_may_do() {
    let scene = Scene::new("admin_user").await;
    scene.give(ONE, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    browser.accept_language = Some("en");
    browser.log_in(ONE, RIGHT).await;
    let top = browser.get("/").await;
    expect_english(&top);
    assert!(top.body.contains("06-1234-5601</span> (user)"), "{top:?}");
    let refused = browser.get("/unit").await;
    expect_english(&refused);
    assert!(refused.body.contains("log in as the administrator"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w10_english_pages_show_the_operators_english_words_and_mark_the_japanese_ones() {
    let japanese = [
        ("KARIPASS_SITE_NAME", "電話の窓口"),
        ("KARIPASS_SITE_COMPANY", "電話の会社"),
        ("KARIPASS_SITE_NOTICES", "点検があります。"),
        ("KARIPASS_SITE_SUPPORT_NUMBER", "0120123456"),
        ("KARIPASS_SITE_SUPPORT_HOURS", "平日のみ"),
        ("KARIPASS_SITE_HELP_URL", "https://example.jp/help"),
    ];
    let english = [
        ("KARIPASS_SITE_NAME_EN", "Telephone desk"),
        ("KARIPASS_SITE_COMPANY_EN", "Telephone & Co."),
        ("KARIPASS_SITE_NOTICES_EN", "There will be maintenance."),
        ("KARIPASS_SITE_SUPPORT_HOURS_EN", "weekdays"),
        ("KARIPASS_SITE_HELP_URL_EN", "https://example.jp/en/help"),
    ];
    let database = support::database().await;
    for (variables, parts) in [
        (
            japanese.to_vec(),
            [
                "<title>Home | 電話の窓口</title>",
                "<h1><span lang=\"ja\">電話の窓口</span></h1>",
                "<p class=\"company\"><span lang=\"ja\">電話の会社</span></p>",
                "<li><span lang=\"ja\">点検があります。</span></li>",
                "(hours: <span lang=\"ja\">平日のみ</span>)",
                "href=\"https://example.jp/help\">Help</a>",
            ],
        ),
        (
            [&japanese[..], &english].concat(),
            [
                "<title>Home | Telephone desk</title>",
                "<h1>Telephone desk</h1>",
                "<p class=\"company\">Telephone &#38; Co.</p>",
                "<li>There will be maintenance.</li>",
                "(hours: weekdays)",
                "href=\"https://example.jp/en/help\">Help</a>",
            ],
        ),
    ] {
        let service = Service::start(&database, &variables).await;
        let mut browser = Browser::new(&service.base);
        let page = browser.get("/").await;
        assert!(page.body.contains("<h1>電話の窓口</h1>"), "{page:?}");
        let page = browser.get("/?lang=en").await;
        for part in parts {
            assert!(page.body.contains(part), "{part}: {}", page.body);
        }
    }
}

/// The language that a page says it is in.
fn language(page: &Answer) -> &str {
    assert_eq!(page.headers[CONTENT_TYPE], "text/html; charset=utf-8", "{page:?}");
    page.headers[CONTENT_LANGUAGE].to_str().unwrap()
}

/// The page is in English, and Japanese words are marked as such.
fn expect_english(page: &Answer) {
    assert_eq!(language(page), "en", "{page:?}");
    let mut rest = page.body.clone();
    while let Some(start) = rest.find(" lang=\"ja\"") {
        let end = start + rest[start..].find("</").unwrap();
        rest.replace_range(start..end, "");
    }
    let is_japanese =
        |letter: char| matches!(letter, '\u{3000}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
    let found: String = rest.chars().filter(|letter| is_japanese(*letter)).collect();
    assert_eq!(found, "", "{}", page.body);
}
