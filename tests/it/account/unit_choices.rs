//! A: the choices that a session gets before a unit change.

use serde_json::json;

use crate::scene::{NUMBER, ONE, Scene, TWO, refusal};
use crate::site::{RIGHT, WRONG};

#[tokio::test(flavor = "multi_thread")]
async fn api_each_unit_lists_its_required_passwords_its_blocks_and_its_logins() {
    let scene = Scene::new("number").await;
    scene.give(ONE, "password", RIGHT).await;
    scene.give(TWO, "temporary", RIGHT).await;
    let token = scene.token(ONE, RIGHT).await;
    let choices = async || {
        let mut answer = scene.unit_choices(&token).await.json();
        assert!(answer.as_object_mut().unwrap().remove("version").unwrap().is_i64());
        answer
    };
    let logins = json!([
        { "number": NUMBER, "with": "changers" },
        { "number": ONE, "with": "own" },
        { "number": TWO, "with": "none" },
    ]);
    let offered = |blocked: &[&str]| {
        json!({ "unit": "number", "choices": [
            { "unit": "line", "asked": [ONE], "blocked": blocked, "logins": [logins[0]] },
            { "unit": "admin_user", "asked": [ONE], "blocked": blocked, "logins": logins },
        ] })
    };
    assert_eq!(choices().await, offered(&[]));
    for _ in 0..3 {
        assert_eq!(scene.log_in(TWO, WRONG).await.status, 401);
    }
    assert_eq!(choices().await, offered(&[TWO]));
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_a_session_that_has_seen_the_choices_has_seen_their_version() {
    let scene = Scene::new("number").await;
    scene.give(ONE, "password", RIGHT).await;
    scene.give(TWO, "temporary", RIGHT).await;
    let token = scene.token(ONE, RIGHT).await;
    let first = scene.unit_choices(&token).await.json();
    let other = scene.token(TWO, RIGHT).await;
    scene.change(&other, RIGHT, "abcd1234").await.token();
    let both = [(ONE, RIGHT), (TWO, "abcd1234")];
    let answer = scene.unit(&token, "line", &both).await;
    assert_eq!(refusal(&answer), (409, "changed_elsewhere".to_owned()));
    let second = scene.unit_choices(&token).await.json();
    assert!(second["version"].as_i64() > first["version"].as_i64(), "{first} {second}");
    assert_eq!(second["choices"][0]["asked"], json!([ONE, TWO]));
    assert_eq!(scene.unit(&token, "line", &both).await.status, 200);
}
