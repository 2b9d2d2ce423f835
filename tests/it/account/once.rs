//! The answer to a commit is lost: logins and changes are decided once, counted once, and answered
//! correctly.

use karipass_lab::proxy::{Fault, Point, PostgresProxy};

use crate::scene::{NUMBER, ONE, Scene, TWO};
use crate::site::{RIGHT, WRONG};

/// Repetitions of each fault.
const TIMES: usize = 100;
/// The fault hits every second commit, so that retries and reads of their outcome are cut too.
const SOME: Point = Point::Commit(2);
const FAULTS: [Fault; 3] = [Fault::CutBefore(SOME), Fault::CutAfter(SOME), Fault::CutAnswer(SOME)];
const PASSWORDS: [&str; 2] = ["abcd1234", "efgh5678"];

#[tokio::test(flavor = "multi_thread")]
async fn c2_wrong_and_right_logins_count_once_whatever_is_cut() {
    let (scene, proxy) = Scene::troubled("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let (right, wrong) = (format!("login done {NUMBER}"), format!("login wrong {NUMBER}"));
    let mut tokens = Vec::new();
    for fault in FAULTS {
        let end = inject_again(&scene, &proxy, fault).await;
        let mut rows = Vec::new();
        while proxy.occurrences() < end {
            // Nine wrong ones void nothing; the right one resets the count.
            for count in 1..10 {
                assert_eq!(scene.log_in(NUMBER, WRONG).await.status, 401);
                assert_eq!(scene.count(NUMBER).await, (count, false), "{fault:?}");
                rows.push(wrong.clone());
            }
            tokens.push(scene.token(NUMBER, RIGHT).await);
            assert_eq!(scene.count(NUMBER).await, (0, false));
            rows.push(right.clone());
            assert_eq!(scene.audit_rows().await, rows, "{fault:?}");
        }
    }
    assert_eq!(scene.sessions().await, i64::try_from(tokens.len()).unwrap());
    for token in &tokens {
        assert_eq!(scene.session(token).await.status, 200);
    }
    // The tenth wrong one voids, once.
    scene.forget().await;
    for _ in 0..12 {
        assert_eq!(scene.log_in(NUMBER, WRONG).await.status, 401);
    }
    assert_eq!(scene.count(NUMBER).await, (10, true));
    let voided = scene.audit_rows().await.into_iter().filter(|rows| rows.starts_with("voided"));
    assert_eq!(voided.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn w2_a_refused_login_leaves_one_row_whatever_is_cut() {
    let (scene, proxy) = Scene::troubled("line").await;
    for fault in FAULTS {
        let end = inject_again(&scene, &proxy, fault).await;
        let mut rows = Vec::new();
        while proxy.occurrences() < end {
            assert_eq!(scene.log_in(ONE, RIGHT).await.status, 401);
            rows.push(format!("login no_credential {ONE}"));
            assert_eq!(scene.audit_rows().await, rows, "{fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_password_is_changed_once_whatever_is_cut() {
    let (scene, proxy) = Scene::troubled("line").await;
    scene.give(NUMBER, "password", PASSWORDS[0]).await;
    let mut token = scene.token(NUMBER, PASSWORDS[0]).await;
    let mut current = 0;
    let changed = |outcome: &str| format!("password_changed {outcome} {NUMBER}");
    for fault in FAULTS {
        let end = inject_again(&scene, &proxy, fault).await;
        let mut rows = Vec::new();
        while proxy.occurrences() < end {
            let [old, new] = [PASSWORDS[current], PASSWORDS[1 - current]];
            let wrong = scene.change(&token, WRONG, new).await;
            assert_eq!((wrong.status, wrong.code().as_str()), (422, "wrong_password"));
            assert_eq!(scene.count(NUMBER).await, (1, false), "{fault:?}");
            let rejected = scene.change(&token, old, "short").await;
            assert_eq!(rejected.code(), "password_rejected");
            token = scene.change(&token, old, new).await.token();
            rows.extend(["wrong", "rejected", "done"].map(changed));
            assert_eq!(scene.audit_rows().await, rows, "{fault:?}");
            assert_eq!(scene.session(&token).await.status, 200);
            current = 1 - current;
        }
    }
    assert_eq!(scene.sessions().await, 1);
    proxy.inject(Fault::None);
    assert_eq!(scene.log_in(NUMBER, PASSWORDS[current]).await.status, 200);
    assert_eq!(scene.log_in(NUMBER, PASSWORDS[1 - current]).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn u_a_unit_is_changed_once_whatever_is_cut() {
    let (scene, proxy) = Scene::troubled("number").await;
    for login_number in [ONE, TWO] {
        scene.give(login_number, "password", RIGHT).await;
    }
    let version = async || -> i64 {
        let sql = "SELECT version FROM contract";
        scene.owner.query_one(sql, &[]).await.unwrap().get(0)
    };
    for fault in FAULTS {
        let end = inject_again(&scene, &proxy, fault).await;
        let before = version().await;
        let mut changes = 0;
        while proxy.occurrences() < end {
            let token = scene.token(ONE, RIGHT).await;
            let both = [(ONE, RIGHT), (TWO, RIGHT)];
            let wrong = scene.unit(&token, "line", &[(ONE, WRONG), (TWO, WRONG)]).await;
            assert_eq!((wrong.status, wrong.code().as_str()), (422, "wrong_password"));
            assert_eq!([scene.count(ONE).await.0, scene.count(TWO).await.0], [1, 1]);
            let in_force = scene.unit(&token, "number", &both).await;
            assert_eq!(in_force.code(), "malformed");
            let line = scene.unit(&token, "line", &both).await;
            assert_eq!((line.status, scene.sessions().await), (200, 0), "{fault:?} {line:?}");
            let token = scene.token(NUMBER, RIGHT).await;
            let number = scene.unit(&token, "number", &[(NUMBER, RIGHT)]).await;
            assert_eq!((number.status, scene.sessions().await), (200, 0), "{fault:?} {number:?}");
            changes += 2;
            assert_eq!(version().await, before + changes);
            let rows = scene.audit_rows().await;
            let done = rows.iter().filter(|row| row.starts_with("unit_changed done")).count();
            let wrong = rows.iter().filter(|row| row.starts_with("unit_changed wrong")).count();
            let logins = rows.iter().filter(|row| row.starts_with("login done")).count();
            let twice = usize::try_from(changes).unwrap();
            assert_eq!([done, wrong, logins], [twice; 3], "{fault:?}");
        }
    }
}

/// Injects the fault again; clears the audit. Returns how often it will have occurred by the end.
async fn inject_again(scene: &Scene, proxy: &PostgresProxy, fault: Fault) -> usize {
    scene.forget().await;
    proxy.inject(fault);
    proxy.occurrences() + TIMES
}
