//! Forms that do not come from this browser's own pages (`docs/security.md`, "Another web site, by
//! its visitor's browser").

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, SET_COOKIE};

use super::browser::{BEFORE_LOGIN, Browser, FormOrigin, SESSION, leads_to, title, token};
use super::service;
use crate::site::{self, NUMBER, RIGHT};

/// Every path of a form, and whether it needs a session.
const FORMS: [(&str, bool); 4] =
    [("/login", false), ("/password", true), ("/unit/number", true), ("/logout", true)];

/// The fields that make each of the forms succeed.
const FIELDS: [(&str, &str); 7] = [
    ("number", NUMBER),
    ("password", RIGHT),
    ("current", RIGHT),
    ("new", "abcd1234"),
    ("new_again", "abcd1234"),
    ("version", "0"),
    ("password-0612345600", RIGHT),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_this_browsers_own_token_does_nothing() {
    let (service, owner) = service("password").await;
    let own = FormOrigin { sec_fetch_site: Some("same-origin"), origin: Some(&service.base) };
    let mut stranger = Browser::new(&service.base);
    let strangers = token(&stranger.get("/login").await);
    let mut other = Browser::new(&service.base);
    other.log_in(NUMBER, RIGHT).await;
    let others = token(&other.get("/").await);
    for (path, logged_in) in FORMS {
        let mut browser = Browser::new(&service.base);
        if logged_in {
            browser.log_in(NUMBER, RIGHT).await;
        }
        let page = browser.get(if logged_in { "/" } else { "/login" }).await;
        let good = token(&page);
        let mut turned = good.clone().into_bytes();
        turned[0] = if turned[0] == b'A' { b'B' } else { b'A' };
        let turned = String::from_utf8(turned).unwrap();
        let cookie = browser.cookies.values().next().unwrap().clone();
        let before = site::audit(&owner).await.len();
        for (what, wrong) in [
            ("none", None),
            ("empty", Some("")),
            ("turned", Some(turned.as_str())),
            ("cut", Some(&good[1..])),
            ("a stranger's", Some(&strangers)),
            ("another login's", Some(&others)),
            ("the cookie", Some(&cookie)),
        ] {
            let answer = browser.submit_from(own, wrong, path, &FIELDS).await;
            assert_eq!(
                (answer.status, title(&answer)),
                (403, "エラー：この画面は有効ではなくなりました"),
                "{path} {what}"
            );
            assert!(!answer.headers.contains_key(SET_COOKIE), "{path} {what}");
        }
        // A valid token without its cookie is useless.
        let mut bare = Browser::new(&service.base);
        let answer = bare.submit_from(own, Some(&good), path, &FIELDS).await;
        assert!(!bare.cookies.contains_key(SESSION));
        let over = if path == "/logout" { "/logged-out" } else { "/session-over" };
        assert!(answer.status == 403 || leads_to(&answer) == over, "{path}");
        assert_eq!(site::audit(&owner).await.len(), before, "{path}: something was done");
        let done = browser.submit_from(own, Some(&good), path, &FIELDS).await;
        assert_eq!(done.status, 303, "{path}: its own form is taken");
        site::credential(&owner, NUMBER, "password").await;
        owner.batch_execute("UPDATE contract SET unit = 'line', version = 0").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_form_does_nothing() {
    let (service, owner) = service("password").await;
    let own = service.base.as_str();
    for (path, logged_in) in FORMS {
        let mut browser = Browser::new(&service.base);
        if logged_in {
            browser.log_in(NUMBER, RIGHT).await;
        }
        let page = browser.get(if logged_in { "/" } else { "/login" }).await;
        let good = token(&page);
        let before = site::audit(&owner).await.len();
        for (sec_fetch_site, origin) in [
            (Some("cross-site"), None),
            (Some("cross-site"), Some(own)),
            (Some("same-site"), Some(own)),
            (Some("same-origin"), Some("https://evil.example")),
            (None, Some("https://evil.example")),
            (None, Some("null")),
            (None, Some("http://127.0.0.1:1")),
        ] {
            let sender = FormOrigin { sec_fetch_site, origin };
            let answer = browser.submit_from(sender, Some(&good), path, &FIELDS).await;
            assert_eq!(answer.status, 403, "{path} {sender:?}");
            assert!(!answer.headers.contains_key(SET_COOKIE), "{path} {sender:?}");
        }
        assert_eq!(site::audit(&owner).await.len(), before, "{path}: something was done");
        // An old browser sends neither; its token is still its own.
        let sender = FormOrigin { sec_fetch_site: None, origin: None };
        let done = browser.submit_from(sender, Some(&good), path, &FIELDS).await;
        assert_eq!(done.status, 303, "{path}");
        site::credential(&owner, NUMBER, "password").await;
        owner.batch_execute("UPDATE contract SET unit = 'line', version = 0").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_csrf_token_is_another_with_every_login() {
    let (service, _) = service("password").await;
    let mut browser = Browser::new(&service.base);
    let page = browser.get("/login").await;
    let before = browser.cookies[BEFORE_LOGIN].clone();
    let again = browser.get("/login").await;
    assert_eq!(token(&page), token(&again), "a second window does not undo the first");
    browser.submit(&page, "/login", &FIELDS).await;
    let top = browser.get("/").await;
    assert_ne!(token(&page), token(&top));
    assert_ne!(browser.cookies[SESSION], before);
    let fields = [("number", "0699999999"), ("password", RIGHT)];
    let stale = browser.submit(&page, "/login", &fields).await;
    assert_eq!(stale.status, 403, "the login's form is over with the login");
    browser.submit(&top, "/logout", &[]).await;
    browser.log_in(NUMBER, RIGHT).await;
    assert_ne!(token(&browser.get("/").await), token(&top));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_form_is_refused() {
    let (service, owner) = service("password").await;
    let mut browser = Browser::new(&service.base);
    let good = token(&browser.get("/login").await);
    let form = "application/x-www-form-urlencoded";
    let pair = format!("form_token={good}&number={NUMBER}");
    for (kind, body) in [
        ("text/plain", format!("{pair}&password={RIGHT}").into_bytes()),
        (
            "application/json",
            format!("{{\"number\":\"{NUMBER}\",\"password\":\"{RIGHT}\"}}").into_bytes(),
        ),
        (form, [format!("{pair}&password=").as_bytes(), b"%ff"].concat()),
        (form, format!("{pair}&password={RIGHT}&password={RIGHT}").into_bytes()),
    ] {
        let request = browser.request(Method::POST, "/login").header(CONTENT_TYPE, kind).body(body);
        let answer = browser.send(request).await;
        assert_eq!(
            (answer.status, title(&answer)),
            (400, "エラー：送信された内容を確認できませんでした")
        );
    }
    assert!(site::audit(&owner).await.is_empty());
}
