//! C2: a form that has done its work and is sent again gets the same answer, whatever cookies the
//! browser has by then.

use futures_util::future::join_all;

use super::browser::{BEFORE_LOGIN, Browser, SESSION, hidden, leads_to, title};
use crate::scene::{NUMBER, ONE, Scene, TWO};
use crate::site::{Answer, RIGHT, Service, WRONG};
use crate::support::{daemon_db, wait_until_locked_out};

const NEW: &str = "abcd1234";
const CHANGED: &str = "/session-over?password-changed";

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_password_form_that_did_its_work_says_so_again() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let (form, other) = (browser.get("/password").await, browser.get("/password").await);
    // Before the first answer arrives, at this daemon and at another.
    let mut before = browser.clone();
    let elsewhere = Service::start(&scene.database, &[]).await;
    let mut before_elsewhere = Browser::new(&elsewhere.base);
    before_elsewhere.cookies = browser.cookies.clone();
    assert_eq!(leads_to(&change(&mut browser, &form).await), "/?changed");
    for again in [&mut before, &mut before_elsewhere] {
        assert_eq!(leads_to(&change(again, &form).await), CHANGED);
        assert!(again.cookies.contains_key(SESSION), "it may be the new session's by now");
        let page = again.get(CHANGED).await;
        assert_eq!((page.status, title(&page)), (200, "パスワードが変更されました"));
        assert!(page.body.contains("新しいパスワードでログインしてください"), "{page:?}");
        assert!(!page.body.contains("何も変更していません"), "{page:?}");
        // Another form of the session has changed nothing.
        let late = change(again, &other).await;
        assert_eq!(leads_to(&late), "/session-over?form-password-changed");
        assert!(again.cookies.contains_key(SESSION), "it may be the new session's by now");
    }
    // After its cookie has arrived, the page is that of the first answer.
    assert_eq!(leads_to(&change(&mut browser, &form).await), CHANGED);
    assert_eq!(leads_to(&browser.get(CHANGED).await), "/?changed");
    let top = browser.get("/?changed").await;
    assert!(top.body.contains("パスワードを変更しました。"), "{top:?}");
    assert_eq!(change(&mut browser, &other).await.status, 403);
    let changes = scene.audit_rows().await;
    let changes = changes.iter().filter(|row| row.starts_with("password_changed"));
    assert_eq!(changes.count(), 1);
    // A page that the former session opens says the same.
    assert_eq!(leads_to(&before.get("/unit").await), CHANGED);
    assert!(!before.cookies.contains_key(SESSION));
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_clicks_that_change_a_password_at_once_change_it_once() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let form = browser.get("/password").await;
    let clicks = (0..6).map(|_| {
        let (mut browser, form) = (browser.clone(), &form);
        async move { change(&mut browser, form).await }
    });
    let answers = join_all(clicks).await;
    let mut pages: Vec<&str> = answers.iter().map(leads_to).collect();
    pages.sort_unstable();
    assert_eq!(pages, [&["/?changed"][..], &[CHANGED; 5]].concat());
    assert_eq!(scene.sessions().await, 1);
    browser.log_in(NUMBER, NEW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_clicks_that_change_the_unit_at_once_all_lead_to_its_outcome() {
    let scene = Scene::new("number").await;
    for login_number in [ONE, TWO] {
        scene.give(login_number, "password", RIGHT).await;
    }
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(ONE, RIGHT).await;
    let form = browser.get("/unit/line").await;
    let other = Service::start(&scene.database, &[]).await;
    let mut elsewhere = Browser::new(&other.base);
    elsewhere.cookies = browser.cookies.clone();
    // Each has found its session, and compared its passwords, before the first changes the unit.
    let mut owner = scene.database.owner().await.unwrap();
    let lock = owner.transaction().await.unwrap();
    lock.execute("SELECT FROM contract FOR UPDATE", &[]).await.unwrap();
    let clicks = (0..4).map(|click| {
        let (mut browser, form) =
            (if click % 2 == 0 { &browser } else { &elsewhere }.clone(), &form);
        async move {
            let answer = change_unit(&mut browser, form).await;
            assert_eq!(leads_to(&answer), "/unit-changed");
            assert_eq!(title(&browser.get("/unit-changed").await), "認証単位を変更しました");
        }
    });
    let released = async {
        wait_until_locked_out(&scene.database, 4).await;
        lock.rollback().await.unwrap();
    };
    tokio::join!(join_all(clicks), released);
    let rows = scene.audit_rows().await;
    let changes = rows.iter().filter(|row| row.starts_with("unit_changed"));
    assert_eq!(changes.count(), 1, "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_logging_out_twice_gets_the_same_answer() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let top = browser.get("/").await;
    scene.forget().await;
    // Before the first answer arrives, and after it has taken the cookie.
    for mut click in [browser.clone(), browser.clone(), browser] {
        for _ in 0..2 {
            let answer = click.submit(&top, "/logout", &[]).await;
            assert_eq!(leads_to(&answer), "/logged-out");
            assert_eq!(title(&click.get("/logged-out").await), "ログアウトしました");
            assert!(click.cookies.is_empty());
        }
    }
    assert_eq!(scene.audit_rows().await, [format!("logout done {NUMBER}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_login_form_sent_again_is_one_login() {
    let scene = Scene::new("number").await;
    for login_number in [ONE, TWO] {
        scene.give(login_number, "password", RIGHT).await;
    }
    let other = Service::start(&scene.database, &[]).await;
    let mut browser = Browser::new(&scene.service.base);
    let form = browser.get("/login").await;
    let mut elsewhere = Browser::new(&other.base);
    elsewhere.cookies = browser.cookies.clone();
    let clicks = (0..6).map(|click| {
        let (mut browser, form) =
            (if click % 2 == 0 { &browser } else { &elsewhere }.clone(), &form);
        async move {
            assert_eq!(leads_to(&log_in(&mut browser, form, ONE, RIGHT).await), "/");
            assert_eq!(title(&browser.get("/").await), "設定サイトトップ");
        }
    });
    join_all(clicks).await;
    assert_eq!(scene.audit_rows().await, [format!("login done {ONE}")]);
    // Another number is another login.
    let mut two = browser.clone();
    assert_eq!(leads_to(&log_in(&mut two, &form, TWO, RIGHT).await), "/");
    assert_eq!(scene.audit_rows().await.len(), 2);
    // After the first cookie has arrived the browser is logged in, with that number alone.
    let sessions = scene.sessions().await;
    assert!(!two.cookies.contains_key(BEFORE_LOGIN));
    assert_eq!(leads_to(&log_in(&mut two, &form, TWO, RIGHT).await), "/");
    assert_eq!(log_in(&mut two, &form, ONE, RIGHT).await.status, 403);
    assert_eq!(scene.sessions().await, sessions);
    // Long after it, it is a new login.
    let old = "UPDATE idempotency_key SET created_at = created_at - interval '10 minutes'";
    scene.owner.batch_execute(old).await.unwrap();
    daemon_db(&scene.database).sweep().await.unwrap();
    assert_eq!(leads_to(&log_in(&mut browser, &form, ONE, RIGHT).await), "/");
    assert_eq!(scene.audit_rows().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_login_form_sent_again_gets_nothing_from_a_void_password() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    let form = browser.get("/login").await;
    assert_eq!(leads_to(&log_in(&mut browser.clone(), &form, NUMBER, RIGHT).await), "/");
    for _ in 0..10 {
        scene.log_in(NUMBER, WRONG).await;
    }
    assert_eq!(scene.count(NUMBER).await, (10, true));
    assert_eq!(log_in(&mut browser, &form, NUMBER, RIGHT).await.status, 422);
}

async fn change(browser: &mut Browser, form: &Answer) -> Answer {
    let fields = [("current", RIGHT), ("new", NEW), ("new_again", NEW)];
    browser.submit(form, "/password", &fields).await
}

async fn change_unit(browser: &mut Browser, form: &Answer) -> Answer {
    let version = hidden(form, "version");
    let fields = [("version", &*version), ("password-0612345601", RIGHT)];
    let fields = [&fields[..], &[("password-0612345602", RIGHT)]].concat();
    browser.submit(form, "/unit/line", &fields).await
}

async fn log_in(browser: &mut Browser, form: &Answer, number: &str, password: &str) -> Answer {
    browser.submit(form, "/login", &[("number", number), ("password", password)]).await
}
