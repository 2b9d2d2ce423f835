//! U3: a credential that wrong entries have voided, or that was never set, gives no one the
//! contract.

use serde_json::json;

use crate::scene::{NUMBER, ONE, Scene, TWO, refusal};
use crate::site::{RIGHT, WRONG};
use crate::support::daemon_db;

/// An attacker's password.
const MINE: &str = "mine1111";

#[tokio::test(flavor = "multi_thread")]
async fn u3_wrong_guesses_do_not_hand_the_contract_to_another_number() {
    for (kind, limit) in [("password", 10), ("temporary", 3)] {
        let scene = scene().await;
        scene.give(NUMBER, kind, RIGHT).await;
        let token = scene.token(ONE, MINE).await;
        for _ in 0..limit {
            assert_eq!(scene.log_in(NUMBER, WRONG).await.status, 401);
        }
        for unit in ["line", "admin_user"] {
            let answer = scene.unit(&token, unit, &[(ONE, MINE)]).await;
            assert_eq!(refusal(&answer), (409, "credential_void".to_owned()));
            assert_eq!(answer.json()["numbers"], json!([NUMBER]));
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("06-1234-5600") && detail.contains("06-6480-6430"), "{detail}");
        }
        assert_eq!(scene.log_in(NUMBER, MINE).await.status, 401, "not taken over");
        assert_eq!(scene.session(&token).await.json()["unit"], "number");
        assert_eq!(scene.audit_rows().await.last().unwrap(), &format!("login void {NUMBER}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_a_number_that_was_never_set_does_not_hand_over_the_contract() {
    for kind in [None, Some("temporary")] {
        let scene = scene().await;
        if let Some(kind) = kind {
            scene.give(NUMBER, kind, RIGHT).await;
        }
        let token = scene.token(ONE, MINE).await;
        let before = scene.everything().await;
        for unit in ["line", "admin_user"] {
            let answer = scene.unit(&token, unit, &[(ONE, MINE)]).await;
            assert_eq!(refusal(&answer), (409, "credential_void".to_owned()), "{kind:?}");
            assert_eq!(answer.json()["numbers"], json!([NUMBER]));
        }
        assert_eq!(scene.everything().await, before);
    }
    // Once it has its own password, that is required; and it may make the change itself.
    let scene = scene().await;
    scene.give(NUMBER, "password", RIGHT).await;
    let token = scene.token(ONE, MINE).await;
    let answer = scene.unit(&token, "line", &[(ONE, MINE)]).await;
    assert_eq!(refusal(&answer), (422, "passwords_missing".to_owned()));
    let own = scene.token(NUMBER, RIGHT).await;
    let both = [(NUMBER, RIGHT), (ONE, MINE)];
    assert_eq!(scene.unit(&own, "line", &both).await.status, 200);
    assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_a_void_credential_blocks_every_change_until_one_is_set_by_phone() {
    for (from, to, changer, void) in [
        ("number", "line", ONE, TWO),
        ("number", "admin_user", ONE, TWO),
        ("admin_user", "line", NUMBER, ONE),
        ("admin_user", "number", NUMBER, ONE),
    ] {
        let scene = Scene::new(from).await;
        scene.give(changer, "password", MINE).await;
        scene.give(void, "password", RIGHT).await;
        let token = scene.token(changer, MINE).await;
        for _ in 0..10 {
            assert_eq!(scene.log_in(void, WRONG).await.status, 401);
        }
        scene.forget().await;
        let (before, hashes) = (scene.everything().await, scene.service.hasher.operations());
        // Whatever is entered, even nothing, and the void one itself.
        for given in [&[(changer, MINE)][..], &[(changer, WRONG)], &[], &[(void, RIGHT)]] {
            let answer = scene.unit(&token, to, given).await;
            assert_eq!(refusal(&answer), (409, "credential_void".to_owned()), "{from} {to}");
            assert_eq!(answer.json()["numbers"], json!([void]));
        }
        assert_eq!(scene.everything().await, before, "nothing is counted");
        assert!(scene.service.hasher.operations() <= hashes, "nothing is compared");
        assert_eq!(scene.audit_rows().await, vec![format!("unit_changed void {changer}"); 4]);
        scene.set_by_phone(void, from).await;
        assert_eq!(scene.session(&token).await.status, 200);
        assert_eq!(scene.unit(&token, to, &[(changer, MINE)]).await.status, 200, "{from} {to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_a_credential_that_is_void_for_another_reason_blocks_nothing() {
    // Expired, voided by a unit change, and replaced after wrong entries.
    for how in [
        "set_at = set_at - interval '24 hours'",
        "failed_attempts = 2, password_hash = NULL, voided_at = clock_timestamp()",
    ] {
        let scene = Scene::new("number").await;
        scene.give(ONE, "password", MINE).await;
        scene.give(TWO, "temporary", RIGHT).await;
        let sql = format!("UPDATE credential SET {how} WHERE login_number = '{TWO}'");
        scene.owner.batch_execute(&sql).await.unwrap();
        daemon_db(&scene.database).sweep().await.unwrap();
        assert!(scene.count(TWO).await.1, "{how}");
        let token = scene.token(ONE, MINE).await;
        assert_eq!(scene.unit(&token, "line", &[(ONE, MINE)]).await.status, 200, "{how}");
    }
}

/// A contract under `number`, whose contract number has the service.
async fn scene() -> Scene {
    let scene = Scene::new("number").await;
    let sql = "UPDATE phone_number SET has_service = true WHERE number = $1";
    scene.owner.execute(sql, &[&NUMBER]).await.unwrap();
    scene.give(ONE, "password", MINE).await;
    scene
}
