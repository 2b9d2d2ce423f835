//! The session's cookie: its end (W5), and the pages that it opens.

use reqwest::Method;

use super::browser::{BEFORE_LOGIN, Browser, SESSION, leads_to, title, token};
use super::service;
use crate::site::{self, NUMBER, RIGHT, SiteClient, SiteDaemon, WRONG};

/// Why a session has ended, in both languages.
const IDLE: [&str; 2] = [
    "15分間操作がなかったため、自動的にログアウトしました。",
    "because there was no activity for 15 minutes",
];
const PAST_LIFETIME: [&str; 2] =
    ["ログインしてから12時間が経過したため", "because 12 hours have passed since you logged in"];

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_cookie_that_was_there_before_the_login_is_not_the_sessions() {
    let (service, _) = service("password").await;
    let known = "A".repeat(43);
    let mut attacker = Browser::new(&service.base);
    attacker.cookies.insert(SESSION.to_owned(), known.clone());
    let mut victim = Browser::new(&service.base);
    for name in [SESSION, BEFORE_LOGIN] {
        victim.cookies.insert(name.to_owned(), known.clone());
    }
    victim.log_in(NUMBER, RIGHT).await;
    assert_ne!(victim.cookies[SESSION], known);
    assert!(!victim.cookies.contains_key(BEFORE_LOGIN));
    assert_eq!(leads_to(&attacker.get("/unit").await), "/login");
    // A second login in the same browser is a separate session, too.
    let first = victim.cookies[SESSION].clone();
    victim.cookies.remove(SESSION);
    victim.log_in(NUMBER, RIGHT).await;
    assert_ne!(victim.cookies[SESSION], first);
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_login_over_a_session_ends_it() {
    let (service, _) = service("password").await;
    let mut browser = Browser::new(&service.base);
    let form = browser.get("/login").await;
    let before = browser.cookies[BEFORE_LOGIN].clone();
    let typed = [("number", NUMBER), ("password", RIGHT)];
    assert_eq!(leads_to(&browser.submit(&form, "/login", &typed).await), "/");
    let mut first = browser.clone();
    assert_eq!(first.get("/").await.status, 200);
    browser.cookies.insert(BEFORE_LOGIN.to_owned(), before);
    assert_eq!(leads_to(&browser.submit(&form, "/login", &typed).await), "/");
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(leads_to(&first.get("/").await), "/logged-out", "the first is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_cookie_that_was_tampered_with_opens_nothing() {
    let (service, _) = service("password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let good = browser.cookies[SESSION].clone();
    let top = browser.get("/").await;
    for wrong in [
        String::new(),
        good[1..].to_owned(),
        format!("{good}A"),
        good.to_lowercase(),
        good.chars().rev().collect(),
        "'; DROP TABLE session; --".to_owned(),
        format!("{}{}", if good.starts_with('A') { 'B' } else { 'A' }, &good[1..]),
    ] {
        browser.cookies.insert(SESSION.to_owned(), wrong.clone());
        assert_eq!(leads_to(&browser.get("/unit").await), "/login", "{wrong}");
        assert!(!browser.cookies.contains_key(SESSION), "what opens nothing is taken away");
        browser.cookies.insert(SESSION.to_owned(), wrong.clone());
        let answer = browser.submit(&top, "/logout", &[]).await;
        assert_eq!(leads_to(&answer), "/logged-out", "{wrong}");
    }
    browser.cookies.insert(SESSION.to_owned(), good);
    assert_eq!(browser.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_logged_out_cookie_opens_nothing() {
    let (service, _) = service("password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let mut thief = browser.clone();
    let top = thief.get("/").await;
    assert_eq!(top.status, 200);
    browser.submit(&top, "/logout", &[]).await;
    let cookies = thief.cookies.clone();
    assert_eq!(leads_to(&thief.get("/").await), "/logged-out");
    assert!(thief.cookies.is_empty());
    thief.cookies = cookies;
    let fields = [("current", RIGHT), ("new", "abcd1234"), ("new_again", "abcd1234")];
    let over = thief.submit(&top, "/password", &fields).await;
    assert_eq!(leads_to(&over), "/session-over?form-logged-out");
    let over = thief.get(leads_to(&over)).await;
    assert_eq!(title(&over), "ログアウトしました");
    assert!(over.body.contains("今回送信された内容では、何も変更していません"), "{over:?}");
    for part in ["設定の変更", "電話会社での手続き", "繰り返し送信"] {
        assert!(!over.body.contains(part), "another end's words, {part}: {over:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_session_left_idle_ends_and_says_so() {
    let (service, owner) = service("password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let top = browser.get("/").await;
    let seen = async |ago: &str| {
        let sql = "UPDATE session SET last_seen_at = clock_timestamp() - $1::text::interval";
        assert_eq!(owner.execute(sql, &[&ago]).await.unwrap(), 1);
    };
    seen("14 minutes 30 seconds").await;
    assert_eq!(browser.get("/").await.status, 200);
    seen("15 minutes").await;
    let cookies = browser.cookies.clone();
    for path in ["/", "/password", "/unit", "/unit/number"] {
        browser.cookies.clone_from(&cookies);
        assert_eq!(leads_to(&browser.get(path).await), "/timed-out", "{path}");
        assert!(browser.cookies.is_empty(), "{path}");
    }
    browser.cookies.clone_from(&cookies);
    let fields = [("current", RIGHT), ("new", "abcd1234"), ("new_again", "abcd1234")];
    for path in ["/password", "/unit/number"] {
        let late = leads_to(&browser.submit(&top, path, &fields).await).to_owned();
        expect_late(&mut browser, &late, "/session-over?form-idle", IDLE).await;
    }
    assert_eq!(leads_to(&browser.submit(&top, "/logout", &[]).await), "/timed-out");
    expect_plain(&mut browser, "/timed-out", IDLE).await;
    browser.cookies.clone_from(&cookies);
    assert_eq!(browser.get("/login").await.status, 200, "the way in is open");
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_after_12_hours_a_session_ends_in_any_case() {
    let (service, owner) = service("password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let began = async |ago: &str| {
        let sql = "UPDATE session SET created_at = clock_timestamp() - $1::text::interval";
        assert_eq!(owner.execute(sql, &[&ago]).await.unwrap(), 1);
    };
    began("11 hours 59 minutes").await;
    assert_eq!(browser.get("/").await.status, 200);
    let open = browser.get("/password").await;
    began("12 hours").await;
    let form = browser.get("/login").await;
    let mut sender = browser.clone();
    let fields = [("current", RIGHT), ("new", "abcd1234"), ("new_again", "abcd1234")];
    for path in ["/password", "/unit/number"] {
        let late = leads_to(&sender.submit(&open, path, &fields).await).to_owned();
        expect_late(&mut sender, &late, "/session-over?form-lifetime", PAST_LIFETIME).await;
    }
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
    assert_eq!(leads_to(&sender.submit(&open, "/logout", &[]).await), "/session-over?lifetime");
    assert_eq!(leads_to(&browser.get("/").await), "/session-over?lifetime");
    expect_plain(&mut browser, "/session-over?lifetime", PAST_LIFETIME).await;
    assert!(form.status == 200 && browser.cookies.len() == 1, "the way in is open");
}

/// Expects the page of this end after a form, in both languages: it says that nothing was changed.
async fn expect_late(browser: &mut Browser, path: &str, expected: &str, why: [&str; 2]) {
    assert_eq!(path, expected);
    let cookies = browser.cookies.clone();
    for (lang, heading, why, nothing) in [
        ("en", "You have been logged out", why[1], "has changed nothing."),
        ("ja", "ログアウトしました", why[0], "今回送信された内容では、何も変更していません。"),
    ] {
        let page = browser.get(&format!("{path}&lang={lang}")).await;
        for part in [format!("<h1>{heading}</h1>").as_str(), why, nothing] {
            assert!(page.body.contains(part), "{part}: {page:?}");
        }
    }
    assert!(cookies.contains_key(SESSION), "the cookie may be a newer one by now");
    browser.cookies = cookies;
}

/// Expects the page of this end without a form.
async fn expect_plain(browser: &mut Browser, path: &str, why: [&str; 2]) {
    let page = browser.get(path).await;
    assert_eq!(title(&page), "ログアウトしました");
    assert!(page.body.contains(why[0]), "{page:?}");
    assert!(page.body.contains("入力途中の内容は、保存されていません"), "{page:?}");
    assert!(!page.body.contains("今回送信された内容では"), "{page:?}");
}

/// A form that has changed the password is answered as the first time, also once the session that
/// it brought has ended.
#[tokio::test(flavor = "multi_thread")]
async fn c2_w5_a_password_form_sent_again_after_an_idle_end_still_says_what_it_did() {
    let (service, owner) = service("password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let form = browser.get("/password").await;
    let fields = [("current", RIGHT), ("new", "abcd1234"), ("new_again", "abcd1234")];
    assert_eq!(leads_to(&browser.submit(&form, "/password", &fields).await), "/?changed");
    let sql = "UPDATE session SET last_seen_at = clock_timestamp() - interval '15 minutes'";
    assert_eq!(owner.execute(sql, &[]).await.unwrap(), 1);
    let again = browser.submit(&form, "/password", &fields).await;
    assert_eq!(leads_to(&again), "/session-over?password-changed");
    assert_eq!(title(&browser.get(leads_to(&again)).await), "パスワードが変更されました");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_form_is_in_the_log_at_trace() {
    let (database, owner) = site::contracted("temporary").await;
    let trace = [("KARIPASS_LOG_FILTER", "trace,tokio_postgres::query=trace")];
    let daemon = SiteDaemon::start(&database, &trace);
    let mut browser = Browser::new(&daemon.base);
    let page = browser.get("/login").await;
    let mut secrets = vec![token(&page), browser.cookies[BEFORE_LOGIN].clone()];
    browser.submit(&page, "/login", &[("number", NUMBER), ("password", WRONG)]).await;
    browser.log_in(NUMBER, RIGHT).await;
    secrets.push(browser.cookies[SESSION].clone());
    let page = browser.get("/password").await;
    for (current, new) in [(WRONG, "abcd1234"), (RIGHT, "efgh-5678"), (RIGHT, "abcd1234")] {
        let fields = [("current", current), ("new", new), ("new_again", new)];
        browser.submit(&page, "/password", &fields).await;
    }
    secrets.push(browser.cookies[SESSION].clone());
    let page = browser.get("/unit/number").await;
    secrets.push(token(&page));
    for typed in [WRONG, "abcd1234"] {
        let fields = [("version", "1"), ("password-0612345600", typed)];
        browser.submit(&page, "/unit/number", &fields).await;
    }
    secrets.extend([RIGHT, WRONG, "abcd1234", "efgh-5678", NUMBER].map(str::to_owned));
    let unit: String = owner.query_one("SELECT unit FROM contract", &[]).await.unwrap().get(0);
    assert_eq!(unit, "number", "all of it was done");
    let log = daemon.log();
    assert!(log.contains("\"outcome\"") && log.contains("\"unit\""), "{log}");
    for secret in secrets {
        assert_eq!(log.lines().find(|line| line.contains(&secret)), None, "{secret} is shown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_never_opens_the_api_nor_a_bearer_token_the_pages() {
    let (service, _) = service("password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let cookie = browser.cookies[SESSION].clone();
    let client = SiteClient::new();
    assert_eq!(client.session(&service.base, &cookie).await.code(), "no_session");
    assert_eq!(client.log_out(&service.base, &cookie).await.code(), "no_session");
    for path in ["/api/v1/session", "/api/v1/logout"] {
        let method = if path.ends_with("logout") { Method::POST } else { Method::GET };
        assert_eq!(browser.ask(method, path).await.code(), "no_session");
    }
    assert_eq!(title(&browser.get("/").await), "設定サイトトップ");
    let bearer = client.log_in(&service.base, NUMBER, RIGHT).await.token();
    let mut stolen = Browser::new(&service.base);
    let request = stolen.request(Method::GET, "/unit").bearer_auth(&bearer);
    assert_eq!(leads_to(&stolen.send(request).await), "/login");
    stolen.cookies.insert(SESSION.to_owned(), bearer.clone());
    assert_eq!(leads_to(&stolen.get("/unit").await), "/login");
    stolen.cookies.insert(BEFORE_LOGIN.to_owned(), bearer.clone());
    assert!(!token(&stolen.get("/login").await).contains(&bearer[..20]), "a form shows no token");
    assert_eq!(
        client.session(&service.base, &bearer).await.status,
        200,
        "it is good for its own audience"
    );
}
