//! U2 and W6: logins that may not change the unit, and forms that are out of date.

use domain::phone_number::PhoneNumber;

use crate::scene::{NUMBER, ONE, Scene, TWO, refusal};
use crate::site::{RIGHT, WRONG};
use crate::support::operator_db;

#[tokio::test(flavor = "multi_thread")]
async fn w6_a_change_of_the_unit_from_before_another_change_is_refused() {
    let scene = Scene::new("number").await;
    scene.give(ONE, "password", RIGHT).await;
    late(&scene, async |scene| scene.set_by_phone(TWO, "number").await).await;
    late(&scene, async |scene| {
        let other = scene.token(TWO, RIGHT).await;
        assert_eq!(scene.change(&other, RIGHT, "abcd1234").await.status, 200);
    })
    .await;
    late(&scene, async |scene| {
        let rows = [NUMBER, ONE, TWO, "0612345609"].map(|text| karipass::db::import::ImportRow {
            line: 1,
            contract_number: number(NUMBER),
            number: number(text),
            service: text != NUMBER,
            customer: None,
        });
        operator_db(&scene.database).import(&rows, false, "nobody", |_| {}).await.unwrap();
    })
    .await;
    // A change of the own password concerns no other number, and replacing a password changes no
    // form.
    let token = scene.token(TWO, "abcd1234").await;
    let own = scene.token(ONE, RIGHT).await;
    let own = scene.change(&own, RIGHT, "efgh5678").await.token();
    let both = [(ONE, "efgh5678"), (TWO, "abcd1234")];
    for token in [&token, &own] {
        let wrong = [(ONE, WRONG), (TWO, "abcd1234")];
        assert_eq!(scene.unit(token, "line", &wrong).await.code(), "wrong_password");
    }
    assert_eq!(scene.unit(&own, "line", &both).await.status, 200);
    assert_eq!(scene.unit(&token, "line", &both).await.code(), "no_session");
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_change_of_the_unit_names_the_numbers_whose_passwords_it_has_voided() {
    let scene = Scene::new("number").await;
    for login_number in [ONE, TWO] {
        scene.give(login_number, "password", RIGHT).await;
    }
    let token = scene.token(ONE, RIGHT).await;
    let last = async |login_number: &str| {
        let sql = "UPDATE credential SET failed_attempts = 9 WHERE login_number = $1";
        assert_eq!(scene.owner.execute(sql, &[&login_number]).await.unwrap(), 1);
    };
    let both_wrong = [(ONE, WRONG), (TWO, WRONG)];
    let answers = async |voided: Option<&str>, parts: [&str; 2], absent: &str| {
        if let Some(login_number) = voided {
            last(login_number).await;
        }
        let answer = scene.unit(&token, "line", &both_wrong).await;
        assert_eq!(refusal(&answer), (422, "wrong_password".to_owned()));
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        for part in parts {
            assert!(detail.contains(part), "{part}: {detail}");
        }
        assert!(!detail.contains(absent), "{absent}: {detail}");
    };
    let warning = "連続で間違えると無効になります";
    answers(None, ["06-1234-5601、06-1234-5602の現在の", warning], "無効になりました").await;
    let voided = "連続で間違えたため、06-1234-5602のパスワードは無効になりました";
    answers(Some(TWO), [voided, "「2」（電話番号単位）を押して"], warning).await;
    scene.give(TWO, "password", RIGHT).await;
    let ended = "06-1234-5601のパスワードは無効になり、ログアウトしました";
    answers(Some(ONE), [ended, "「2」（電話番号単位）を押して"], warning).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u_only_the_own_contracts_numbers_are_required_and_accepted() {
    let scene = Scene::new("number").await;
    let sql = "INSERT INTO contract (number, unit) VALUES ('0712345600', 'number');
               INSERT INTO phone_number VALUES ('0712345600', '0712345600', true)";
    scene.owner.batch_execute(sql).await.unwrap();
    scene.give("0712345600", "password", RIGHT).await;
    scene.give(ONE, "password", RIGHT).await;
    let token = scene.token(ONE, RIGHT).await;
    scene.token("0712345600", RIGHT).await;
    let mut answers = Vec::new();
    for (other, password) in [("0712345600", RIGHT), ("0712345600", WRONG), ("0799999999", RIGHT)] {
        let answer = scene.unit(&token, "line", &[(ONE, RIGHT), (other, password)]).await;
        assert_eq!(refusal(&answer), (400, "malformed".to_owned()));
        answers.push(answer.json()["detail"].as_str().unwrap().replace("07-1234-5600", "…"));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(scene.count("0712345600").await, (0, false));
    assert_eq!(scene.unit(&token, "line", &[(ONE, RIGHT)]).await.status, 200);
    assert_eq!(scene.sessions().await, 1, "the other contract's session goes on");
    assert_eq!(scene.log_in("0712345600", RIGHT).await.json()["unit"], "number");
}

#[tokio::test(flavor = "multi_thread")]
async fn api_a_change_of_the_unit_names_units_and_numbers_once() {
    let scene = Scene::new("number").await;
    scene.give(ONE, "password", RIGHT).await;
    let token = scene.token(ONE, RIGHT).await;
    let url = format!("{}/api/v1/unit", scene.service.base);
    for body in [
        r#"{"unit":"line"}"#.to_owned(),
        format!(r#"{{"passwords":{{"{ONE}":"{WRONG}"}}}}"#),
        format!(r#"{{"unit":"house","passwords":{{"{ONE}":"{WRONG}"}}}}"#),
        format!(r#"{{"unit":"line","passwords":["{WRONG}"]}}"#),
        format!(r#"{{"unit":"line","passwords":{{"{WRONG}":"{WRONG}"}}}}"#),
        format!(r#"{{"unit":"line","passwords":{{"{ONE}":48151624}}}}"#),
        format!(r#"{{"unit":"line","passwords":{{"{ONE}":"{WRONG}","{ONE}":"{WRONG}"}}}}"#),
        format!(r#"{{"unit":"line","passwords":{{"{ONE}":"{WRONG}","06-1234-5601":"{WRONG}"}}}}"#),
    ] {
        let request = scene.client.http().post(&url).bearer_auth(&token);
        let request = request.header("content-type", "application/json").body(body.clone());
        let answer = scene.client.send(request).await;
        assert_eq!(refusal(&answer), (400, "malformed".to_owned()), "{body}");
        assert!(!answer.body.contains(WRONG), "quoted: {answer:?}");
    }
    assert_eq!(scene.count(ONE).await, (0, false));
    // As a person writes it.
    assert_eq!(scene.unit(&token, "line", &[("０６-1234-5601", RIGHT)]).await.status, 200);
}

/// A session's client has seen the version before `change`; after another read it is up to date.
async fn late(scene: &Scene, change: impl AsyncFnOnce(&Scene)) {
    let token = scene.token(ONE, RIGHT).await;
    change(scene).await;
    let before = scene.everything().await;
    for password in [RIGHT, WRONG] {
        let answer = scene.unit(&token, "admin_user", &[(ONE, password)]).await;
        assert_eq!(refusal(&answer), (409, "changed_elsewhere".to_owned()), "{answer:?}");
    }
    assert_eq!(scene.everything().await, before, "nothing is counted");
    assert_eq!(
        scene.audit_rows().await.last().unwrap(),
        &format!("unit_changed contract_changed {ONE}")
    );
    assert_eq!(scene.session(&token).await.status, 200);
    let answer = scene.unit(&token, "admin_user", &[(ONE, WRONG)]).await;
    assert_ne!(answer.status, 409, "{answer:?}");
}

fn number(text: &str) -> PhoneNumber {
    text.parse().unwrap()
}
