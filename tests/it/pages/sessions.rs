//! The session's cookie: W5 and the doors.

use std::sync::Arc;

use libtest_mimic::Trial;
use reqwest::Method;

use super::browser::{BEFORE_LOGIN, Browser, SESSION, leads_to, title, token};
use crate::site::{self, Caller, NUMBER, RIGHT, Service};
use crate::world::{World, trial};

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![
        trial(world, "w5_a_cookie_that_was_there_before_the_login_is_not_the_sessions", fixation),
        trial(world, "w5_a_cookie_that_was_tampered_with_opens_nothing", tampered),
        trial(world, "w5_a_logged_out_cookie_opens_nothing", replayed),
        trial(world, "the_cookie_never_opens_the_api_nor_a_bearer_token_the_pages", doors),
    ]
}

async fn service_with_login(world: &World) -> (Service, tokio_postgres::Client) {
    let database = world.database().await;
    let owner = database.owner().await.unwrap();
    site::contract(&owner, "line").await;
    site::credential(&owner, NUMBER, "password").await;
    (Service::start(&database, &[]).await, owner)
}

async fn fixation(world: Arc<World>) {
    let (service, _) = service_with_login(&world).await;
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
    assert_eq!(leads_to(&attacker.get("/").await), "/login");
    // A second login in the same browser is a session of its own, too.
    let first = victim.cookies[SESSION].clone();
    victim.cookies.remove(SESSION);
    victim.log_in(NUMBER, RIGHT).await;
    assert_ne!(victim.cookies[SESSION], first);
}

async fn tampered(world: Arc<World>) {
    let (service, _) = service_with_login(&world).await;
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
        assert_eq!(leads_to(&browser.get("/").await), "/login", "{wrong}");
        assert!(!browser.cookies.contains_key(SESSION), "what opens nothing is taken away");
        browser.cookies.insert(SESSION.to_owned(), wrong.clone());
        let answer = browser.submit(&top, "/logout", &[]).await;
        assert_eq!(leads_to(&answer), "/session-over", "{wrong}");
    }
    browser.cookies.insert(SESSION.to_owned(), good);
    assert_eq!(browser.get("/").await.status, 200);
}

async fn replayed(world: Arc<World>) {
    let (service, _) = service_with_login(&world).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let mut thief = browser.clone();
    let top = thief.get("/").await;
    assert_eq!(top.status, 200);
    browser.submit(&top, "/logout", &[]).await;
    let cookies = thief.cookies.clone();
    assert_eq!(leads_to(&thief.get("/").await), "/login");
    thief.cookies = cookies;
    assert_eq!(leads_to(&thief.submit(&top, "/logout", &[]).await), "/session-over");
    assert_eq!(title(&thief.get("/session-over").await), "エラー：ログインの状態が終了しています");
}

async fn doors(world: Arc<World>) {
    let (service, _) = service_with_login(&world).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let cookie = browser.cookies[SESSION].clone();
    let caller = Caller::new();
    assert_eq!(caller.session(&service.base, &cookie).await.code(), "no_session");
    assert_eq!(caller.log_out(&service.base, &cookie).await.code(), "no_session");
    for path in ["/api/v1/session", "/api/v1/logout"] {
        let method = if path.ends_with("logout") { Method::POST } else { Method::GET };
        assert_eq!(browser.ask(method, path).await.code(), "no_session");
    }
    assert_eq!(title(&browser.get("/").await), "設定サイトトップ");
    let bearer = caller.log_in(&service.base, NUMBER, RIGHT).await.token();
    let mut stolen = Browser::new(&service.base);
    let request = stolen.request(Method::GET, "/").bearer_auth(&bearer);
    assert_eq!(leads_to(&stolen.send(request).await), "/login");
    stolen.cookies.insert(SESSION.to_owned(), bearer.clone());
    assert_eq!(leads_to(&stolen.get("/").await), "/login");
    stolen.cookies.insert(BEFORE_LOGIN.to_owned(), bearer.clone());
    assert_eq!(token(&stolen.get("/login").await).len(), bearer.len());
    assert_eq!(
        caller.session(&service.base, &bearer).await.status,
        200,
        "it is good at its own door"
    );
}
