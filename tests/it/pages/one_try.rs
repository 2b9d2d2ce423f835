//! C2: one form that was shown is one attempt. Sent again, it gets the same answer and counts once.

use futures_util::future::join_all;
use tokio_postgres::Client;

use super::browser::{Browser, form_id, hidden, leads_to};
use crate::scene::{NUMBER, ONE, Scene, TWO};
use crate::site::{Answer, RIGHT, Service, WRONG};
use crate::support::daemon_db;

/// Another wrong password.
const OTHER: &str = "48151625";
const NEW: [(&str, &str); 2] = [("new", "abcd1234"), ("new_again", "abcd1234")];

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_login_form_sent_again_gets_the_same_answer_and_counts_once() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    let page = browser.get("/login").await;
    let first = log_in(&mut browser, &page, WRONG).await;
    assert_eq!(first.status, 422);
    for _ in 0..2 {
        assert_eq!(shown(&log_in(&mut browser, &page, WRONG).await), shown(&first));
    }
    assert_eq!(scene.count(NUMBER).await, (1, false));
    assert_eq!(scene.audit_rows().await, [format!("login wrong {NUMBER}")]);
    // Another password is another attempt, and so is the form of the refusal.
    log_in(&mut browser, &page, OTHER).await;
    assert_eq!(scene.count(NUMBER).await, (2, false));
    let refused = log_in(&mut browser, &first, WRONG).await;
    assert_eq!(scene.count(NUMBER).await, (3, false));
    assert_ne!(form_id(&refused), form_id(&first));
    // All at once, and at another daemon.
    let other = Service::start(&scene.database, &[]).await;
    let mut elsewhere = Browser::new(&other.base);
    elsewhere.cookies = browser.cookies.clone();
    let clicks = (0..20).map(|click| {
        let (mut browser, page) =
            (if click % 2 == 0 { &browser } else { &elsewhere }.clone(), &refused);
        async move { log_in(&mut browser, page, WRONG).await }
    });
    for answer in join_all(clicks).await {
        assert_eq!(shown(&answer), shown(&first));
    }
    assert_eq!(scene.count(NUMBER).await, (4, false));
    // The right one is accepted, whatever the form was sent with before.
    assert_eq!(leads_to(&log_in(&mut browser, &page, RIGHT).await), "/");
    assert_eq!(scene.count(NUMBER).await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_the_last_entry_sent_twice_voids_once_and_gets_the_same_answer() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    scene.owner.execute("UPDATE credential SET failed_attempts = 2", &[]).await.unwrap();
    let page = browser.get("/login").await;
    let clicks = (0..8).map(|_| {
        let (mut browser, page) = (browser.clone(), &page);
        async move { log_in(&mut browser, page, WRONG).await }
    });
    let answers = join_all(clicks).await;
    assert!(answers.iter().all(|answer| shown(answer) == shown(&answers[0])), "{answers:?}");
    assert_eq!(scene.count(NUMBER).await, (3, true));
    let rows = scene.audit_rows().await;
    assert_eq!(rows.iter().filter(|row| row.starts_with("voided")).count(), 1, "{rows:?}");
}

/// Forms can be sent in advance, while there is nothing to guess.
#[tokio::test(flavor = "multi_thread")]
async fn c2_a_form_sent_before_a_password_was_set_is_no_free_guess_at_it() {
    let scene = Scene::new("line").await;
    let mut browser = Browser::new(&scene.service.base);
    let page = browser.get("/login").await;
    log_in(&mut browser, &page, WRONG).await;
    for kind in ["temporary", "password"] {
        scene.give(NUMBER, kind, RIGHT).await;
        for _ in 0..2 {
            log_in(&mut browser, &page, WRONG).await;
            assert_eq!(scene.count(NUMBER).await, (1, false), "{kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_password_form_sent_again_gets_the_same_answer_and_counts_once() {
    for (kind, limit) in [("temporary", 3), ("password", 10)] {
        let scene = Scene::new("line").await;
        scene.give(NUMBER, kind, RIGHT).await;
        let mut browser = Browser::new(&scene.service.base);
        browser.log_in(NUMBER, RIGHT).await;
        let page = browser.get("/password").await;
        let first = change(&mut browser, &page, WRONG).await;
        assert_eq!(first.status, 422);
        let clicks = (0..6).map(|_| {
            let (mut browser, page) = (browser.clone(), &page);
            async move { change(&mut browser, page, WRONG).await }
        });
        for answer in join_all(clicks).await {
            assert_eq!(shown(&answer), shown(&first), "{kind}");
        }
        assert_eq!(scene.count(NUMBER).await, (1, false), "{kind}");
        change(&mut browser, &page, OTHER).await;
        assert_eq!(scene.count(NUMBER).await, (2, false), "{kind}");
        // The entry that ends the session, sent twice before its answer arrives.
        set_failures(&scene.owner, limit - 1).await;
        scene.forget().await;
        let mut before = browser.clone();
        for browser in [&mut browser, &mut before] {
            let answer = change(browser, &first, WRONG).await;
            assert_eq!(leads_to(&answer), "/session-over?void-line", "{kind}");
            assert!(browser.cookies.is_empty(), "{kind}");
        }
        assert_eq!(scene.count(NUMBER).await, (limit, true), "{kind}");
        let rows = scene.audit_rows().await;
        assert_eq!(rows.len(), 3, "wrong, voided, ended: {rows:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_unit_form_sent_again_counts_each_of_its_entries_once() {
    let scene = Scene::new("number").await;
    for login_number in [ONE, TWO] {
        scene.give(login_number, "password", RIGHT).await;
    }
    let counts = async || [scene.count(ONE).await.0, scene.count(TWO).await.0];
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(ONE, RIGHT).await;
    let page = browser.get("/unit/line").await;
    let first = change_unit(&mut browser, &page, RIGHT, WRONG).await;
    assert_eq!(first.status, 422);
    let clicks = (0..6).map(|_| {
        let (mut browser, page) = (browser.clone(), &page);
        async move { change_unit(&mut browser, page, RIGHT, WRONG).await }
    });
    for answer in join_all(clicks).await {
        assert_eq!(shown(&answer), shown(&first));
    }
    assert_eq!(counts().await, [0, 1]);
    change_unit(&mut browser, &page, WRONG, WRONG).await;
    assert_eq!(counts().await, [1, 1], "the other entry is the same as before");
    change_unit(&mut browser, &page, WRONG, OTHER).await;
    assert_eq!(counts().await, [1, 2]);
    set_failures(&scene.owner, 9).await;
    let mut before = browser.clone();
    for browser in [&mut browser, &mut before] {
        let answer = change_unit(browser, &first, WRONG, RIGHT).await;
        assert_eq!(leads_to(&answer), "/session-over?void-number");
    }
    assert_eq!(counts().await, [10, 9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_counted_entry_is_remembered_for_hours_and_then_cleaned_up() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    let page = browser.get("/login").await;
    let db = daemon_db(&scene.database);
    for (age, counted) in [("0 hours", 1), ("11 hours", 1), ("12 hours", 2)] {
        let old = "UPDATE idempotency_key SET created_at = clock_timestamp() - $1::text::interval";
        scene.owner.execute(old, &[&age]).await.unwrap();
        db.sweep().await.unwrap();
        log_in(&mut browser, &page, WRONG).await;
        assert_eq!(scene.count(NUMBER).await, (counted, false), "{age}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_over_the_api_every_request_is_an_attempt() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    for counted in 1..4 {
        scene.log_in(NUMBER, WRONG).await;
        assert_eq!(scene.count(NUMBER).await, (counted, false));
    }
}

async fn log_in(browser: &mut Browser, page: &Answer, password: &str) -> Answer {
    browser.submit(page, "/login", &[("number", NUMBER), ("password", password)]).await
}

async fn change(browser: &mut Browser, page: &Answer, current: &str) -> Answer {
    let fields = [&[("current", current)][..], &NEW].concat();
    browser.submit(page, "/password", &fields).await
}

async fn change_unit(browser: &mut Browser, page: &Answer, one: &str, two: &str) -> Answer {
    let version = hidden(page, "version");
    let fields =
        [("version", version.as_str()), ("password-0612345601", one), ("password-0612345602", two)];
    browser.submit(page, "/unit/line", &fields).await
}

async fn set_failures(owner: &Client, failures: i32) {
    owner.execute("UPDATE credential SET failed_attempts = $1", &[&failures]).await.unwrap();
}

/// The text of an answer, with a placeholder for its own form's id.
fn shown(answer: &Answer) -> (u16, String) {
    (answer.status, answer.body.replace(&form_id(answer).unwrap_or_default(), "ID"))
}
