//! W11: the history of its number that a login sees on the top page.

use domain::auth_unit::AuthUnit;
use domain::policy::temporary_password::SetOutcome;
use karipass::db::IdempotencyKey;
use karipass::db::import::ImportRow;

use super::browser::Browser;
use crate::scene::{NUMBER, ONE, Scene};
use crate::site::{self, RIGHT, WRONG};
use crate::support::{daemon_db, operator_db};
use crate::temporary_password::{SetTemporary as _, SetTemporaryPassword};

const NEW: &str = "abcd1234";
const NONE: &str = "ありません";

/// The top page's lines: the previous login, the wrong entries, the temporary password.
async fn shown(browser: &mut Browser) -> [String; 3] {
    let page = browser.get("/").await.body;
    ["previous-login", "failures", "temporary-setting"].map(|id| {
        let (_, after) = page.split_once(&format!("id=\"{id}\">")).expect(id);
        after.split_once("</dd>").unwrap().0.trim().to_owned()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn w11_the_top_page_shows_the_previous_login_and_the_wrong_entries_since() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(NUMBER, RIGHT).await;
    assert_eq!(shown(&mut browser).await, [NONE, "0回", NONE]);
    for _ in 0..2 {
        assert_eq!(scene.log_in(NUMBER, WRONG).await.status, 401);
    }
    // Other sessions' wrong entries are shown at once, and stay for the next login.
    assert_eq!(shown(&mut browser).await[1], "2回");
    let mut other = Browser::new(&scene.service.base);
    other.move_to([127, 0, 0, 7]);
    other.log_in(NUMBER, RIGHT).await;
    let [login, failures, _] = shown(&mut other).await;
    assert!(login.ends_with("（IPアドレス 127.0.0.1）"), "{login}");
    assert_eq!(failures, "2回");
    let mut third = Browser::new(&scene.service.base);
    third.log_in(NUMBER, RIGHT).await;
    let [login, failures, _] = shown(&mut third).await;
    assert!(login.ends_with("（IPアドレス 127.0.0.7）"), "{login}");
    assert_eq!(failures, "0回");
}

#[tokio::test(flavor = "multi_thread")]
async fn w11_a_login_sent_twice_keeps_the_previous_login_and_the_warning() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let mut earlier = Browser::new(&scene.service.base);
    earlier.move_to([127, 0, 0, 7]);
    earlier.log_in(NUMBER, RIGHT).await;
    for _ in 0..2 {
        assert_eq!(scene.log_in(NUMBER, WRONG).await.status, 401);
    }
    let mut browser = Browser::new(&scene.service.base);
    let form = browser.get("/login").await;
    for _ in 0..2 {
        let mut click = browser.clone();
        click.submit(&form, "/login", &[("number", NUMBER), ("password", RIGHT)]).await;
        let [login, failures, _] = shown(&mut click).await;
        assert!(login.ends_with("（IPアドレス 127.0.0.7）"), "{login}");
        assert_eq!(failures, "2回");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w11_wrong_entries_and_calls_outlive_the_passwords_that_they_were_for() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    scene.token(NUMBER, RIGHT).await;
    for _ in 0..10 {
        assert_eq!(scene.log_in(NUMBER, WRONG).await.status, 401);
    }
    by_phone(&scene, ONE).await;
    let token = scene.token(NUMBER, RIGHT).await;
    assert_eq!(scene.change(&token, WRONG, NEW).await.code(), "wrong_password");
    scene.change(&token, RIGHT, NEW).await.token();
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(NUMBER, NEW).await;
    let [login, failures, setting] = shown(&mut browser).await;
    assert!(login.ends_with("（IPアドレス 127.0.0.1）"), "{login}");
    assert_eq!(failures, "1回", "the ten were before the previous login");
    assert!(setting.ends_with("（06-1234-5601からのお電話）"), "{setting}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w11_another_customer_is_shown_nothing_of_the_former() {
    let scene = Scene::new("line").await;
    let db = operator_db(&scene.database);
    let row = |customer: &str| ImportRow {
        line: 2,
        contract_number: NUMBER.parse().unwrap(),
        number: NUMBER.parse().unwrap(),
        service: true,
        customer: Some(customer.into()),
    };
    db.import(&[row("first")], false, "nobody", |_| {}).await.unwrap();
    by_phone(&scene, NUMBER).await;
    scene.token(NUMBER, RIGHT).await;
    assert_eq!(histories(&scene).await, 1);
    db.import(&[row("second")], false, "nobody", |_| {}).await.unwrap();
    assert_eq!(histories(&scene).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn w11_a_number_of_another_contract_is_shown_nothing_of_the_former() {
    let scene = Scene::new("number").await;
    scene.give(ONE, "password", RIGHT).await;
    scene.token(ONE, RIGHT).await;
    let moved = [ONE].map(|number| ImportRow {
        line: 2,
        contract_number: number.parse().unwrap(),
        number: number.parse().unwrap(),
        service: true,
        customer: None,
    });
    operator_db(&scene.database).import(&moved, false, "nobody", |_| {}).await.unwrap();
    assert_eq!(histories(&scene).await, 0);
}

async fn histories(scene: &Scene) -> i64 {
    let count = scene.owner.query_one("SELECT count(*) FROM login_history", &[]).await;
    count.unwrap().get(0)
}

/// Sets the line's temporary password from `caller`.
async fn by_phone(scene: &Scene, caller: &str) {
    let new = SetTemporaryPassword {
        key: IdempotencyKey::draw(&mut rand::rng()),
        caller: caller.parse().unwrap(),
        contract_number: NUMBER.parse().unwrap(),
        unit: AuthUnit::Line,
        login_number: NUMBER.parse().unwrap(),
        phc: site::hashed().await.clone(),
    };
    let stored = daemon_db(&scene.database).set_temporary(&new).await;
    assert!(matches!(stored, Ok(SetOutcome::Stored)), "{stored:?}");
}
