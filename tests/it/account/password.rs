//! C5 and C6: the change of a password, one request after the other.

use serde_json::{Value, json};

use crate::scene::{NUMBER, ONE, Scene, TWO, change, refusal};
use crate::site::{self, RIGHT, WRONG};

/// A valid new password.
const NEW: &str = "abcd1234";

#[tokio::test(flavor = "multi_thread")]
async fn c5_every_reason_against_a_new_password_is_reported_at_once() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    for (new, again, reasons) in [
        (RIGHT, RIGHT, json!(["digits_only", "same_as_current"])),
        ("123", "321", json!(["too_short", "digits_only", "not_same_twice"])),
        ("ぱ".repeat(13).as_str(), "", json!(["too_long", "not_alphanumeric", "not_same_twice"])),
    ] {
        let answer = change(&scene.client, &scene.service.base, &token, [RIGHT, new, again]).await;
        assert_eq!(refusal(&answer), (422, "password_rejected".to_owned()), "{new}");
        assert_eq!(answer.json()["reasons"], reasons, "{new}");
        assert!(!answer.body.contains(RIGHT), "{answer:?}");
    }
    let rows = scene.audit_rows().await;
    assert_eq!(rows.last().unwrap(), &format!("password_changed rejected {NUMBER}"));
    assert_eq!(scene.change(&token, RIGHT, NEW).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_password_of_the_operators_list_is_refused_as_too_common() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("common");
    std::fs::write(&list, "Abcd1234\n").unwrap();
    let variables = [("KARIPASS_SITE_COMMON_PASSWORDS_FILE", list.to_str().unwrap())];
    let scene = Scene::with_variables("line", &variables).await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    for common in [NEW, "ABCD1234"] {
        let answer = scene.change(&token, RIGHT, common).await;
        assert_eq!(refusal(&answer), (422, "password_rejected".to_owned()));
        assert_eq!(answer.json()["reasons"], json!(["too_common"]));
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("多くの人が使っている"), "{detail}");
    }
    assert_eq!(scene.count(NUMBER).await, (0, false));
    assert_eq!(scene.change(&token, RIGHT, "abcd12345").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_rejected_new_password_counts_nothing_whatever_the_current_one() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    let (hashes, before) = (scene.service.hasher.operations(), scene.everything().await);
    for _ in 0..5 {
        let answer = scene.change(&token, WRONG, "short").await;
        assert_eq!(refusal(&answer), (422, "password_rejected".to_owned()));
    }
    assert_eq!(scene.service.hasher.operations(), hashes, "nothing is compared");
    assert_eq!(scene.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_wrong_current_password_is_counted_and_changes_nothing() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    scene.forget().await;
    let hashes = scene.service.hasher.operations();
    let answer = scene.change(&token, WRONG, NEW).await;
    assert_eq!(refusal(&answer), (422, "wrong_password".to_owned()));
    assert_eq!(answer.json()["number"], NUMBER);
    assert_eq!(scene.service.hasher.operations() - hashes, 1);
    assert_eq!(scene.count(NUMBER).await, (1, false));
    assert_eq!(scene.audit_rows().await, [format!("password_changed wrong {NUMBER}")]);
    assert_eq!(scene.session(&token).await.status, 200, "the session goes on");
    assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 200);
    assert_eq!(scene.count(NUMBER).await, (0, false), "a login resets the count");
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_the_new_password_logs_in_from_then_on_and_the_old_one_no_more() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let login = scene.log_in(NUMBER, RIGHT).await;
    let token = login.token();
    scene.forget().await;
    let answer = scene.change(&token, RIGHT, NEW).await;
    assert_ne!(answer.token(), token);
    let (mut before, mut after) = (login.json(), answer.json());
    assert_eq!(after["password_change"], Value::Null);
    for changed in ["token", "password_change", "password_expires_at", "expires_at"] {
        before.as_object_mut().unwrap().remove(changed);
        assert!(after.as_object_mut().unwrap().remove(changed).is_some(), "{changed}");
    }
    assert_eq!(before, after);
    assert_eq!(scene.audit_rows().await, [format!("password_changed done {NUMBER}")]);
    assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 401);
    assert_eq!(scene.log_in(NUMBER, NEW).await.status, 200);
    let kind = "SELECT kind FROM credential WHERE login_number = $1";
    let kind: String = scene.owner.query_one(kind, &[&NUMBER]).await.unwrap().get(0);
    assert_eq!(kind, "password");
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_change_ends_every_session_of_the_old_password_and_no_other() {
    let scene = Scene::new("number").await;
    scene.give(ONE, "password", RIGHT).await;
    scene.give(TWO, "password", RIGHT).await;
    let (changing, other) = (scene.token(ONE, RIGHT).await, scene.token(ONE, RIGHT).await);
    let foreign = scene.token(TWO, RIGHT).await;
    scene.forget().await;
    let fresh = scene.change(&changing, RIGHT, NEW).await.token();
    for over in [&changing, &other] {
        assert_eq!(refusal(&scene.session(over).await), (401, "no_session".to_owned()));
        let again = scene.change(over, NEW, "efgh5678").await;
        assert_eq!(refusal(&again), (401, "no_session".to_owned()));
    }
    for live in [&fresh, &foreign] {
        assert_eq!(scene.session(live).await.status, 200);
    }
    let rows = scene.audit_rows().await;
    let ended = format!("session_ended password_changed {ONE}");
    assert_eq!(rows, [format!("password_changed done {ONE}"), ended]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c6_a_password_of_60_days_does_nothing_but_change_itself() {
    let scene = Scene::new("number").await;
    for (older, status) in [("59 days 23 hours 59 minutes", 200), ("60 days", 403)] {
        scene.give(ONE, "password", RIGHT).await;
        site::age(&scene.owner, ONE, older).await;
        let token = scene.token(ONE, RIGHT).await;
        assert_eq!(scene.session(&token).await.status, status, "{older}");
    }
    let token = scene.token(ONE, RIGHT).await;
    let unit = scene.unit(&token, "line", &[(ONE, RIGHT)]).await;
    assert_eq!(refusal(&unit), (403, "password_change_required".to_owned()));
    // The days count from the change.
    let changed = scene.change(&token, RIGHT, NEW).await;
    let until: jiff::Timestamp =
        changed.json()["password_expires_at"].as_str().unwrap().parse().unwrap();
    let hours = until.duration_since(jiff::Timestamp::now()).as_hours();
    assert_eq!(hours, 60 * 24 - 1, "{until}");
    assert_eq!(scene.session(&changed.token()).await.status, 200);
    // A full session becomes a restricted one after 60 days.
    site::age(&scene.owner, ONE, "60 days").await;
    let session = scene.session(&changed.token()).await;
    assert_eq!(refusal(&session), (403, "password_change_required".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_a_temporary_password_past_its_end_changes_nothing() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    site::age(&scene.owner, NUMBER, "24 hours").await;
    let before = scene.everything().await;
    let answer = scene.change(&token, RIGHT, NEW).await;
    assert_eq!(refusal(&answer), (401, "no_session".to_owned()));
    assert_eq!(scene.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn api_a_change_of_the_password_is_asked_for_with_three_fields() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    let url = format!("{}/api/v1/password", scene.service.base);
    for body in [
        json!({ "current": WRONG, "new": NEW }),
        json!({ "current": WRONG, "new": NEW, "new_again": 12_345_678 }),
        json!({ "current": null, "new": NEW, "new_again": NEW }),
        json!([WRONG, NEW, NEW]),
    ] {
        let request = scene.client.http().post(&url).bearer_auth(&token).json(&body);
        let answer = scene.client.send(request).await;
        assert_eq!(refusal(&answer), (400, "malformed".to_owned()), "{body}");
        assert!(!answer.body.contains(WRONG) && !answer.body.contains(NEW), "quoted: {answer:?}");
    }
    assert_eq!(scene.count(NUMBER).await, (0, false));
}
