//! A failure in the middle of a change leaves nothing half applied, and counts nothing.

use karipass_lab::proxy::{Fault, Point};

use crate::scene::{NUMBER, ONE, Scene, TWO, refusal};
use crate::site::{RIGHT, WRONG};
use crate::support::wait_until;

const NEW: &str = "abcd1234";

#[tokio::test(flavor = "multi_thread")]
async fn u_a_fault_in_the_middle_leaves_the_unit_and_every_credential() {
    // The last statements fail, after the credentials were dropped and copied; or an early one.
    for check in [
        "ALTER TABLE contract ADD CHECK (unit <> 'line')",
        "ALTER TABLE audit_log ADD CHECK (event <> 'password_copied') NOT VALID",
        "ALTER TABLE audit_log ADD CHECK (event <> 'session_ended') NOT VALID",
    ] {
        let scene = Scene::new("number").await;
        for login_number in [ONE, TWO] {
            scene.give(login_number, "password", RIGHT).await;
        }
        let token = scene.token(ONE, RIGHT).await;
        scene.forget().await;
        scene.owner.batch_execute(check).await.unwrap();
        let before = scene.everything().await;
        let answer = scene.unit(&token, "line", &[(ONE, RIGHT), (TWO, RIGHT)]).await;
        assert_eq!(refusal(&answer), (503, "unavailable".to_owned()), "{check}");
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(scene.everything().await, before, "{check}");
        assert!(scene.audit_rows().await.is_empty(), "{check}");
        assert_eq!(scene.session(&token).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_fault_in_the_middle_leaves_the_password_and_its_sessions() {
    for check in [
        "ALTER TABLE contract ADD CHECK (version < 1)",
        "ALTER TABLE credential ADD CHECK (kind = 'temporary')",
        "ALTER TABLE audit_log ADD CHECK (event <> 'password_changed') NOT VALID",
    ] {
        let scene = Scene::new("line").await;
        scene.give(NUMBER, "temporary", RIGHT).await;
        let token = scene.token(NUMBER, RIGHT).await;
        scene.token(NUMBER, RIGHT).await;
        scene.owner.batch_execute(check).await.unwrap();
        let before = scene.everything().await;
        let answer = scene.change(&token, RIGHT, NEW).await;
        assert_eq!(refusal(&answer), (503, "unavailable".to_owned()), "{check}");
        assert_eq!(scene.everything().await, before, "{check}");
        // A wrong password is counted together with its audit row, or not at all.
        let wrong = scene.change(&token, WRONG, NEW).await;
        let counted = scene.count(NUMBER).await.0;
        assert_eq!(counted, i32::from(wrong.status == 422), "{check}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u_disconnected_at_every_commit_a_change_is_whole_or_not_at_all() {
    let commit = Point::Word("COMMIT");
    for (fault, is_done) in [(Fault::CutBefore(commit), false), (Fault::CutAfter(commit), true)] {
        let (scene, proxy) = Scene::troubled("number").await;
        for login_number in [ONE, TWO] {
            scene.give(login_number, "password", RIGHT).await;
        }
        let token = scene.token(ONE, RIGHT).await;
        let before = scene.everything().await;
        proxy.inject(fault);
        let answer = scene.unit(&token, "line", &[(ONE, RIGHT), (TWO, RIGHT)]).await;
        assert_eq!(refusal(&answer), (503, "unavailable".to_owned()));
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains("完了している場合があります"), "{detail}");
        proxy.inject(Fault::None);
        if is_done {
            wait_until("the commit that arrived", async || scene.sessions().await == 0).await;
            assert_eq!(scene.log_in(NUMBER, RIGHT).await.json()["unit"], "line");
        } else {
            assert_eq!(scene.session(&token).await.json()["unit"], "number");
            assert_eq!(scene.everything().await, before);
        }
    }
}
