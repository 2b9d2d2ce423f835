//! C2: which session ends by whose wrong entries.

use serde_json::json;

use crate::scene::{NUMBER, Scene, refusal};
use crate::site::{self, RIGHT, WRONG};
use crate::support::wait_until_locked_out;

const NEW: &str = "abcd1234";

#[tokio::test(flavor = "multi_thread")]
async fn c2_wrong_entries_of_strangers_end_no_open_session() {
    for (kind, limit) in [("password", 10), ("temporary", 3)] {
        let scene = Scene::new("line").await;
        scene.give(NUMBER, kind, RIGHT).await;
        let tokens = [scene.token(NUMBER, RIGHT).await, scene.token(NUMBER, RIGHT).await];
        let [token, other] = &tokens;
        for _ in 0..limit {
            assert_eq!(scene.log_in(NUMBER, WRONG).await.status, 401);
        }
        assert_eq!(scene.count(NUMBER).await, (limit, true));
        assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 401, "void for a login");
        let good = if kind == "password" { 200 } else { 403 };
        for token in &tokens {
            assert_eq!(scene.session(token).await.status, good, "{kind}");
        }
        // A change that requires the void password is refused without comparing, counting or ending
        // anything.
        let (before, hashes) = (scene.everything().await, scene.service.hasher.operations());
        scene.forget().await;
        for current in [RIGHT, WRONG] {
            let answer = scene.change(token, current, NEW).await;
            assert_eq!(refusal(&answer), (409, "credential_void".to_owned()), "{kind}");
            assert_eq!(answer.json()["numbers"], json!([NUMBER]));
            assert!(answer.json()["detail"].as_str().unwrap().contains("06-6480-6430"));
        }
        assert_eq!(scene.audit_rows().await, vec![format!("password_changed void {NUMBER}"); 2]);
        let answer = scene.unit(token, "number", &[(NUMBER, RIGHT)]).await;
        let code = if kind == "password" { "credential_void" } else { "password_change_required" };
        assert_eq!(answer.code(), code);
        assert_eq!(scene.everything().await, before);
        assert_eq!(scene.service.hasher.operations(), hashes);
        // A new one by phone ends them (`C4`).
        scene.set_by_phone(NUMBER, "line").await;
        for token in [token, other] {
            assert_eq!(scene.session(token).await.code(), "no_session");
        }
        assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_wrong_entries_inside_a_session_end_that_session_alone() {
    for (kind, limit) in [("password", 10), ("temporary", 3)] {
        let scene = Scene::new("line").await;
        scene.give(NUMBER, kind, RIGHT).await;
        let token = scene.token(NUMBER, RIGHT).await;
        let other = scene.token(NUMBER, RIGHT).await;
        for _ in 0..limit {
            let answer = scene.change(&token, WRONG, NEW).await;
            assert_eq!(refusal(&answer), (422, "wrong_password".to_owned()), "{kind}");
        }
        assert_eq!(scene.session(&token).await.code(), "no_session");
        assert_eq!(scene.sessions().await, 1);
        let answer = scene.change(&other, RIGHT, NEW).await;
        assert_eq!(refusal(&answer), (409, "credential_void".to_owned()), "{kind}");
        let rows = scene.audit_rows().await;
        let ended = format!("session_ended wrong_entries {NUMBER}");
        assert_eq!(rows.iter().filter(|row| **row == ended).count(), 1, "{rows:?}");
    }
}

/// The last entry of strangers comes between the comparison and the verdict, which waits for its
/// lock.
#[tokio::test(flavor = "multi_thread")]
async fn c2_an_entry_that_others_overtake_is_not_counted_and_ends_nothing() {
    for (typed, unit) in [(WRONG, false), (RIGHT, false), (WRONG, true), (RIGHT, true)] {
        let scene = Scene::new("line").await;
        scene.give(NUMBER, "password", RIGHT).await;
        let token = scene.token(NUMBER, RIGHT).await;
        let lock = "BEGIN; SELECT FROM contract FOR UPDATE;
                    UPDATE credential SET failed_attempts = 10, password_hash = NULL,
                        voided_at = clock_timestamp()";
        scene.owner.batch_execute(lock).await.unwrap();
        let asked = async {
            if unit {
                scene.unit(&token, "number", &[(NUMBER, typed)]).await
            } else {
                scene.change(&token, typed, NEW).await
            }
        };
        let overtaking = async {
            wait_until_locked_out(&scene.database, 1).await;
            scene.owner.batch_execute("COMMIT").await.unwrap();
        };
        let (answer, ()) = tokio::join!(asked, overtaking);
        assert_eq!(refusal(&answer), (409, "credential_void".to_owned()), "{typed} {unit}");
        assert_eq!(scene.count(NUMBER).await, (10, true));
        assert_eq!(scene.session(&token).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_a_session_of_a_void_temporary_password_ends_with_its_day() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    for _ in 0..3 {
        assert_eq!(scene.log_in(NUMBER, WRONG).await.status, 401);
    }
    assert_eq!(scene.change(&token, RIGHT, NEW).await.code(), "credential_void");
    site::age(&scene.owner, NUMBER, "24 hours").await;
    assert_eq!(scene.change(&token, RIGHT, NEW).await.code(), "no_session");
}
