//! Walks every route as those who may not use it. They have no session, one that must change its
//! password (C6), a user's where an administrator's is needed (U2), or another contract's.
//!
//! The program lists its paths, and its answers show their methods, so that none is forgotten: one
//! that is not listed here fails the walk.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::pages::browser::{Browser, leads_to, title, token};
use crate::scene::Scene;
use crate::site::{self, Answer, NUMBER, RIGHT};

const ROUTES: [(&str, &str, RequiredAccess); 32] = [
    ("get", "/", RequiredAccess::Session),
    ("get", "/guide", RequiredAccess::Anyone),
    ("get", "/accessibility", RequiredAccess::Anyone),
    ("get", "/login", RequiredAccess::Anyone),
    ("post", "/login", RequiredAccess::Anyone),
    ("get", "/password", RequiredAccess::AnySession),
    ("post", "/password", RequiredAccess::AnySession),
    ("get", "/unit", RequiredAccess::Changer),
    ("get", "/unit/{unit}", RequiredAccess::Changer),
    ("post", "/unit/{unit}", RequiredAccess::Changer),
    // It shows the change that an ended session has made.
    ("get", "/unit-changed", RequiredAccess::Anyone),
    // It answers 204 without a change under way.
    ("get", "/unit-progress", RequiredAccess::Anyone),
    // It answers 410 without a session.
    ("get", "/session", RequiredAccess::Anyone),
    ("post", "/logout", RequiredAccess::AnySession),
    ("get", "/logged-out", RequiredAccess::Anyone),
    ("get", "/timed-out", RequiredAccess::Anyone),
    ("get", "/session-over", RequiredAccess::Anyone),
    ("get", "/assets/", RequiredAccess::Anyone),
    ("get", "/favicon.ico", RequiredAccess::Anyone),
    ("get", "/apple-touch-icon.png", RequiredAccess::Anyone),
    ("get", "/robots.txt", RequiredAccess::Anyone),
    // It answers 404 without a contact.
    ("get", "/.well-known/security.txt", RequiredAccess::Anyone),
    ("get", "/.well-known/change-password", RequiredAccess::Anyone),
    ("post", "/api/v1/login", RequiredAccess::Anyone),
    ("get", "/api/v1/session", RequiredAccess::Session),
    ("post", "/api/v1/password", RequiredAccess::AnySession),
    ("get", "/api/v1/unit", RequiredAccess::Changer),
    ("post", "/api/v1/unit", RequiredAccess::Changer),
    ("post", "/api/v1/logout", RequiredAccess::AnySession),
    ("get", "/api/v1/openapi.json", RequiredAccess::Anyone),
    ("get", "/api/v1/docs", RequiredAccess::Anyone),
    ("get", "/api/v1/docs.css", RequiredAccess::Anyone),
];

/// The user of the contract of [`NUMBER`].
const USER: &str = "0612345601";
/// Another contract's number.
const OTHER: &str = "0698765400";

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_site_is_walked() {
    let scene = Scene::new("admin_user").await;
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let mut found = BTreeSet::new();
    for path in &scene.service.paths {
        let url = format!("{}{}", scene.service.base, path.replace("{unit}", "number"));
        for method in &methods {
            let answer = scene.client.send(scene.client.http().request(method.clone(), &url));
            if answer.await.status != 405 {
                // The names of assets have digests.
                let shown = if path.starts_with("/assets/") { "/assets/" } else { path.as_str() };
                found.insert((method.as_str().to_lowercase(), shown.to_owned()));
            }
        }
    }
    let expected: BTreeSet<(String, String)> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_no_route_is_open_without_a_session() {
    let scene = Scene::new("admin_user").await;
    site::credential(&scene.owner, NUMBER, "password").await;
    let mut browser = Browser::new(&scene.service.base);
    let own = token(&browser.get("/login").await);
    for (method, path, is_api) in needing(RequiredAccess::AnySession) {
        if is_api {
            let answer = api(&scene, method, &path, None).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "no_session"), "{path}");
        } else {
            let answer = page(&mut browser, method.clone(), &path, &own).await;
            if path == "/" {
                assert_eq!((answer.status, title(&answer)), (200, "トップページ"));
                continue;
            }
            let to = match path.as_str() {
                "/logout" => "/logged-out",
                _ if method == Method::GET => "/login",
                _ => "/session-over",
            };
            assert_eq!(leads_to(&answer), to, "{path}");
        }
    }
    expect_unchanged(&scene, "password").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c6_no_route_but_the_change_is_open() {
    let scene = Scene::new("admin_user").await;
    for (kind, age) in [("temporary", "1 second"), ("password", "60 days")] {
        site::credential(&scene.owner, NUMBER, kind).await;
        site::age(&scene.owner, NUMBER, age).await;
        let bearer = scene.client.log_in(&scene.service.base, NUMBER, RIGHT).await.token();
        let mut browser = Browser::new(&scene.service.base);
        browser.log_in(NUMBER, RIGHT).await;
        let form = browser.get("/password").await;
        assert!(!form.body.contains("06-1234-5601"), "it shows nothing else: {form:?}");
        let own = token(&form);
        for (method, path, is_api) in needing(RequiredAccess::Session) {
            if is_api {
                let answer = api(&scene, method, &path, Some(&bearer)).await;
                let refusal = (answer.status, answer.code());
                let expected = (403, "password_change_required".to_owned());
                assert_eq!(refusal, expected, "{kind} {path}");
            } else {
                let answer = page(&mut browser, method, &path, &own).await;
                assert_eq!(leads_to(&answer), "/password", "{kind} {path}");
            }
        }
        expect_unchanged(&scene, kind).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_no_route_of_the_unit_is_open_to_a_user() {
    let scene = Scene::new("admin_user").await;
    for number in [NUMBER, USER] {
        site::credential(&scene.owner, number, "password").await;
    }
    let bearer = scene.client.log_in(&scene.service.base, USER, RIGHT).await.token();
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(USER, RIGHT).await;
    let own = token(&browser.get("/password").await);
    let hashes = scene.service.hasher.operations();
    scene.forget().await;
    for (method, path, is_api) in needing(RequiredAccess::Changer) {
        if is_api {
            let answer = api(&scene, method, &path, Some(&bearer)).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "not_allowed"), "{path}");
        } else {
            let answer = page(&mut browser, method, &path, &own).await;
            assert_eq!(answer.status, 403, "{path}: {answer:?}");
            assert!(title(&answer).ends_with("認証単位を変更できません"), "{path}: {answer:?}");
        }
    }
    expect_unchanged(&scene, "password").await;
    assert_eq!(scene.service.hasher.operations(), hashes, "nothing is compared");
    assert_eq!(scene.audit_rows().await[0], format!("unit_changed not_allowed {USER}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_shows_or_changes_another_contract() {
    let scene = Scene::new("admin_user").await;
    for number in [NUMBER, USER] {
        site::credential(&scene.owner, number, "password").await;
    }
    let stranger = "INSERT INTO contract (number, unit) VALUES ($1, 'admin_user')";
    scene.owner.execute(stranger, &[&OTHER]).await.unwrap();
    let number = "INSERT INTO phone_number VALUES ($1, $1, true)";
    scene.owner.execute(number, &[&OTHER]).await.unwrap();
    site::credential(&scene.owner, OTHER, "password").await;
    let bearer = scene.client.log_in(&scene.service.base, OTHER, RIGHT).await.token();
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(OTHER, RIGHT).await;
    let own = token(&browser.get("/password").await);
    let mut first = Browser::new(&scene.service.base);
    first.log_in(NUMBER, RIGHT).await;
    let firsts = token(&first.get("/password").await);
    let shows =
        |answer: &Answer| ["061234560", "06-1234-560"].iter().any(|it| answer.body.contains(it));
    // Logging out comes last: every session may end itself.
    for (method, path, is_api) in
        needing(RequiredAccess::AnySession).filter(|(_, path, _)| !path.ends_with("/logout"))
    {
        if is_api && path.ends_with("/password") {
            // It is for the own number.
            continue;
        }
        if is_api {
            let answer = api(&scene, method.clone(), &path, Some(&bearer)).await;
            assert_eq!(answer.status, if method == Method::GET { 200 } else { 422 }, "{path}");
            assert!(method != Method::GET || !shows(&answer), "{path}: {answer:?}");
        } else if method == Method::GET {
            assert!(!shows(&browser.get(&path).await), "{path}");
        } else {
            // With the other's form, and with the other's number in the own form.
            let answer = page(&mut browser, method.clone(), &path, &firsts).await;
            assert_eq!(answer.status, 403, "{path}: {answer:?}");
            if path.starts_with("/unit") {
                let answer = page(&mut browser, method, &path, &own).await;
                assert_ne!(answer.status, 200, "{path}: {answer:?}");
            }
        }
    }
    expect_unchanged(&scene, "password").await;
    assert_eq!(first.get("/").await.status, 200, "the other's session has ended");
}

/// The access that a route requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RequiredAccess {
    /// Everybody.
    Anyone,
    /// Also a session that must change the password first.
    AnySession,
    /// A session that need not.
    Session,
    /// Of those, one that may change the unit.
    Changer,
}

/// The routes that require at least this.
fn needing(least: RequiredAccess) -> impl Iterator<Item = (Method, String, bool)> {
    ROUTES.into_iter().filter(move |(.., whom)| *whom >= least).map(|(method, path, _)| {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        (method, path.replace("{unit}", "number"), path.starts_with("/api/"))
    })
}

/// Calls a route of the API with a valid body.
async fn api(scene: &Scene, method: Method, path: &str, token: Option<&str>) -> Answer {
    let body = json!({
        "unit": "number", "passwords": { NUMBER: RIGHT },
        "current": RIGHT, "new": "another1", "new_again": "another1",
    });
    let url = format!("{}{path}", scene.service.base);
    let request = scene.client.http().request(method, url).json(&body);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    scene.client.send(request).await
}

/// Gets a page, or sends its form with this browser's own token.
async fn page(browser: &mut Browser, method: Method, path: &str, token: &str) -> Answer {
    if method == Method::GET {
        return browser.get(path).await;
    }
    let password = format!("password-{NUMBER}");
    let fields = [
        ("version", "1"),
        (password.as_str(), RIGHT),
        ("current", RIGHT),
        ("new", "another1"),
        ("new_again", "another1"),
    ];
    browser.submit_token(token, path, &fields).await
}

/// Expects that nothing was changed or counted.
async fn expect_unchanged(scene: &Scene, kind: &str) {
    let row = scene.owner.query_one("SELECT unit FROM contract WHERE number = $1", &[&NUMBER]);
    assert_eq!(row.await.unwrap().get::<_, String>(0), "admin_user");
    let sql =
        "SELECT login_number, kind, failed_attempts FROM credential WHERE login_number IN ($1, $2)";
    for row in scene.owner.query(sql, &[&NUMBER, &USER]).await.unwrap() {
        assert_eq!((row.get::<_, &str>(1), row.get::<_, i32>(2)), (kind, 0), "{row:?}");
    }
}
