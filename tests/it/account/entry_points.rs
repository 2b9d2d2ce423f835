//! C2 at every entry point with a current password: login, password change, unit change.

use crate::scene::{NUMBER, ONE, Scene, TWO, refusal};
use crate::site::{RIGHT, SiteClient, WRONG};

const NEW: &str = "abcd1234";

#[tokio::test(flavor = "multi_thread")]
async fn c2_three_wrong_ones_in_a_row_at_the_change_void_a_temporary_password() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    scene.forget().await;
    for wrong in 1..=3 {
        let answer = scene.change(&token, WRONG, NEW).await;
        assert_eq!(refusal(&answer), (422, "wrong_password".to_owned()));
        let points_to_phone = answer.json()["detail"].as_str().unwrap().contains("06-6480-6430");
        assert_eq!(
            points_to_phone,
            wrong == 3,
            "the way to a new password comes at the end: {answer:?}"
        );
        assert_eq!(scene.count(NUMBER).await, (wrong, wrong == 3));
    }
    let voided = format!("voided wrong_entries {NUMBER}");
    let rows = scene.audit_rows().await;
    assert_eq!(rows.iter().filter(|row| row.ends_with(NUMBER)).count(), rows.len());
    let ended = format!("session_ended wrong_entries {NUMBER}");
    assert_eq!(rows[rows.len() - 2..], [voided, ended]);
    assert_eq!(rows.len(), 5);
    // A void credential stays void, and its session is over.
    assert_eq!(scene.change(&token, RIGHT, NEW).await.code(), "no_session");
    assert_eq!(scene.session(&token).await.code(), "no_session");
    assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 401);
    assert_eq!(scene.count(NUMBER).await, (3, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_ten_wrong_ones_in_a_row_at_the_change_of_the_unit_void_a_password() {
    let scene = Scene::new("number").await;
    for login_number in [ONE, TWO] {
        scene.give(login_number, "password", RIGHT).await;
    }
    let (token, second) = (scene.token(ONE, RIGHT).await, scene.token(ONE, RIGHT).await);
    let theirs = scene.token(TWO, RIGHT).await;
    let wrong = [(ONE, RIGHT), (TWO, WRONG)];
    for counted in 1..=10 {
        let answer = scene.unit(&token, "line", &wrong).await;
        assert_eq!(refusal(&answer), (422, "wrong_password".to_owned()));
        assert_eq!(answer.json()["number"], TWO);
        assert_eq!(scene.count(TWO).await, (counted, counted == 10));
        assert_eq!(scene.count(ONE).await, (0, false));
    }
    for token in [&token, &second, &theirs] {
        assert_eq!(scene.session(token).await.status, 200, "wrong entries of another number");
    }
    // It can no longer be entered (`U3`).
    assert_eq!(scene.unit(&token, "line", &wrong).await.code(), "credential_void");
    scene.owner.execute("DELETE FROM credential WHERE login_number = $1", &[&TWO]).await.unwrap();
    // The session's own credential, until this session alone ends with it.
    for counted in 1..=10 {
        let answer = scene.unit(&token, "line", &[(ONE, WRONG)]).await;
        assert_eq!(refusal(&answer), (422, "wrong_password".to_owned()));
        assert_eq!(scene.count(ONE).await, (counted, counted == 10));
        let points_to_phone = answer.json()["detail"].as_str().unwrap().contains("06-6480-6430");
        assert_eq!(points_to_phone, counted == 10);
    }
    assert_eq!(scene.unit(&token, "line", &[(ONE, RIGHT)]).await.code(), "no_session");
    assert_eq!(scene.session(&second).await.status, 200);
    assert_eq!(scene.log_in(ONE, RIGHT).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_every_entry_point_raises_the_same_count() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    for counted in 1..=10 {
        let status = match counted % 3 {
            0 => scene.log_in(NUMBER, WRONG).await.status,
            1 => scene.change(&token, WRONG, NEW).await.status,
            _ => scene.unit(&token, "number", &[(NUMBER, WRONG)]).await.status,
        };
        assert_eq!(status, if counted % 3 == 0 { 401 } else { 422 });
        assert_eq!(scene.count(NUMBER).await, (counted, counted == 10));
    }
    assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_right_one_in_a_change_of_the_unit_that_fails_resets_nothing() {
    let scene = Scene::new("number").await;
    for login_number in [ONE, TWO] {
        scene.give(login_number, "password", RIGHT).await;
    }
    let token = scene.token(ONE, RIGHT).await;
    assert_eq!(scene.unit(&token, "line", &[(ONE, WRONG), (TWO, RIGHT)]).await.status, 422);
    assert_eq!(scene.unit(&token, "line", &[(ONE, RIGHT), (TWO, WRONG)]).await.status, 422);
    assert_eq!((scene.count(ONE).await, scene.count(TWO).await), ((1, false), (1, false)));
    // The change keeps it too.
    let both = [(ONE, RIGHT), (TWO, RIGHT)];
    assert_eq!(scene.unit(&token, "admin_user", &both).await.status, 200);
    assert_eq!(scene.count(TWO).await, (1, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn r_the_limit_by_address_answers_at_every_entry_point_and_counts_nothing() {
    let mut scene = Scene::new("line").await;
    let limit = [("KARIPASS_LOGIN_LIMIT", "10")];
    scene.service = crate::site::Service::start(&scene.database, &limit).await;
    scene.give(NUMBER, "password", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    // Another address, which has spent its budget for a minute.
    scene.client = SiteClient::from([127, 0, 0, 9]);
    assert_eq!(scene.log_in("0699999999", WRONG).await.status, 401);
    let (before, hashes) = (scene.everything().await, scene.service.hasher.operations());
    for answer in [
        scene.log_in(NUMBER, WRONG).await,
        scene.change(&token, WRONG, NEW).await,
        scene.unit(&token, "number", &[(NUMBER, WRONG)]).await,
    ] {
        assert_eq!(refusal(&answer), (429, "too_many_requests".to_owned()));
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(scene.everything().await, before);
    assert_eq!(scene.service.hasher.operations(), hashes);
}
