//! `karipass contracts issue` and `end-sessions` (`D4`).

use std::path::Path;

use serde_json::Value;

use crate::scene::{ONE, PLAIN, Scene, TWO};
use crate::site::{NUMBER, RIGHT};
use crate::support::{KARIPASS, Ran, karipass};

fn issue(scene: &Scene, arguments: &[&str]) -> Ran {
    let command = ["contracts", "issue", "--by", "desk"];
    karipass(&scene.database, &[&command, arguments].concat())
}

async fn operators(scene: &Scene) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', event, outcome, login_number, operator) FROM audit_log
               WHERE source = 'operator' ORDER BY id";
    scene.owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn d4_an_issued_password_is_one_set_by_phone_and_is_printed_once() {
    let scene = Scene::new("number").await;
    scene.give(ONE, "password", RIGHT).await;
    scene.give(TWO, "password", RIGHT).await;
    let (of_one, of_two) = (scene.token(ONE, RIGHT).await, scene.token(TWO, RIGHT).await);
    let ran = issue(&scene, &[ONE]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let password = ran.out.trim_end();
    assert!(password.len() == 8 && password.bytes().all(|digit| digit.is_ascii_digit()));
    assert_eq!(operators(&scene).await, [format!("temporary_set done {ONE} desk")]);
    assert_eq!(scene.log_in(ONE, RIGHT).await.status, 401, "the old password is gone");
    assert_eq!(scene.session(&of_one).await.status, 401, "and its session");
    let answer = scene.log_in(ONE, password).await;
    assert_eq!(answer.json()["password_change"], "temporary");
    // Nothing else of the contract has changed.
    assert_eq!(scene.session(&of_two).await.status, 200);
    let ran = issue(&scene, &[TWO, "--json"]);
    let second: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&second["number"], &second["unit"]), (&TWO.into(), &"number".into()));
    assert_ne!(second["password"], password);
}

#[tokio::test(flavor = "multi_thread")]
async fn d4_if_nobody_reads_the_issued_password_the_command_fails() {
    let scene = Scene::new("number").await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = scene.database.karipass(Path::new(KARIPASS));
    let ran = command.args(["contracts", "issue", ONE]).stdout(writer).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let error = String::from_utf8(ran.stderr).unwrap();
    assert!(error.contains(ONE) && error.ends_with("issue another\n"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn d4_nothing_is_issued_for_a_number_that_does_not_log_in_and_no_unit_is_changed() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let before = scene.everything().await;
    for arguments in [&[ONE][..], &[PLAIN], &["0699999999"], &[NUMBER, "--unit", "number"]] {
        let ran = issue(&scene, arguments);
        assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    assert_eq!(scene.everything().await, before);
    karipass(&scene.database, &["contracts", "suspend", NUMBER]);
    assert_eq!(issue(&scene, &[NUMBER]).status, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn d4_a_contract_without_a_unit_gets_the_one_that_is_named() {
    let scene = Scene::new("").await;
    assert_eq!(issue(&scene, &[ONE]).status, 1);
    let ran = issue(&scene, &[ONE, "--unit", "number"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let answer = scene.log_in(ONE, ran.out.trim_end()).await.json();
    assert_eq!(answer["unit"], "number");
}

#[tokio::test(flavor = "multi_thread")]
async fn d4_end_sessions_ends_those_of_one_contract_and_names_the_operator() {
    let scene = Scene::new("number").await;
    scene.give(ONE, "password", RIGHT).await;
    let token = scene.token(ONE, RIGHT).await;
    let end = ["contracts", "end-sessions", NUMBER, "--by", "desk"];
    assert_eq!(karipass(&scene.database, &end).status, 0);
    assert_eq!(scene.session(&token).await.status, 401);
    let ended = [format!("session_ended operator {ONE} desk")];
    assert_eq!(operators(&scene).await, ended);
    assert_eq!(karipass(&scene.database, &end).status, 0, "there is nothing left to do");
    assert_eq!(operators(&scene).await, ended);
    assert_eq!(scene.log_in(ONE, RIGHT).await.status, 200, "the password stays");
    assert_eq!(karipass(&scene.database, &["contracts", "end-sessions", ONE]).status, 1);
}
