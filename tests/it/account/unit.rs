//! U: each row of the table, done and refused.

use serde_json::json;

use crate::scene::{NUMBER, ONE, PLAIN, Scene, TWO, refusal};

/// The passwords of [`NUMBER`], [`ONE`] and [`TWO`].
const ZEROTH: &str = "zeroth00";
const FIRST: &str = "first111";
const SECOND: &str = "second22";
/// The password of none of them.
const WRONG: &str = "wrong999";

#[tokio::test(flavor = "multi_thread")]
async fn u_number_to_line_the_contract_number_has_the_changers_password() {
    let case = UnitChangeCase {
        from: "number",
        to: "line",
        service: false,
        changer: (TWO, SECOND),
        asked: &[(ONE, FIRST), (TWO, SECOND)],
        after: &[(NUMBER, SECOND)],
        audit: &[
            "voided unit_changed 0612345601",
            "voided unit_changed 0612345602",
            "password_copied done 0612345600",
        ],
    };
    change(case).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u_number_to_line_a_contract_number_with_service_is_one_of_them() {
    let case = UnitChangeCase {
        from: "number",
        to: "line",
        service: true,
        changer: (ONE, FIRST),
        asked: &[(NUMBER, ZEROTH), (ONE, FIRST)],
        after: &[(NUMBER, FIRST)],
        audit: &[
            "voided unit_changed 0612345600",
            "voided unit_changed 0612345601",
            "password_copied done 0612345600",
        ],
    };
    change(case).await;
    let case = UnitChangeCase {
        from: "number",
        to: "line",
        service: true,
        changer: (NUMBER, ZEROTH),
        asked: &[(NUMBER, ZEROTH), (ONE, FIRST)],
        after: &[(NUMBER, ZEROTH)],
        audit: &["voided unit_changed 0612345601"],
    };
    change(case).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u_line_to_number_every_service_number_has_that_password() {
    let case = |service, after, audit| UnitChangeCase {
        from: "line",
        to: "number",
        service,
        changer: (NUMBER, ZEROTH),
        asked: &[(NUMBER, ZEROTH)],
        after,
        audit,
    };
    let copied = &["password_copied done 0612345601", "password_copied done 0612345602"];
    let all = &[(NUMBER, ZEROTH), (ONE, ZEROTH), (TWO, ZEROTH)];
    change(case(true, all, copied)).await;
    let copied = &[
        "voided unit_changed 0612345600",
        "password_copied done 0612345601",
        "password_copied done 0612345602",
    ];
    change(case(false, &[(ONE, ZEROTH), (TWO, ZEROTH)], copied)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u_number_to_admin_user_every_number_keeps_its_own() {
    let case = UnitChangeCase {
        from: "number",
        to: "admin_user",
        service: false,
        changer: (TWO, SECOND),
        asked: &[(ONE, FIRST), (TWO, SECOND)],
        after: &[(NUMBER, SECOND), (ONE, FIRST), (TWO, SECOND)],
        audit: &["password_copied done 0612345600"],
    };
    change(case).await;
    let case = UnitChangeCase {
        from: "number",
        to: "admin_user",
        service: true,
        changer: (TWO, SECOND),
        asked: &[(NUMBER, ZEROTH), (ONE, FIRST), (TWO, SECOND)],
        after: &[(NUMBER, ZEROTH), (ONE, FIRST), (TWO, SECOND)],
        audit: &[],
    };
    change(case).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u_line_to_admin_user_every_login_has_that_password() {
    let case = UnitChangeCase {
        from: "line",
        to: "admin_user",
        service: false,
        changer: (NUMBER, ZEROTH),
        asked: &[(NUMBER, ZEROTH)],
        after: &[(NUMBER, ZEROTH), (ONE, ZEROTH), (TWO, ZEROTH)],
        audit: &["password_copied done 0612345601", "password_copied done 0612345602"],
    };
    change(case).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u_admin_user_to_line_the_contract_number_keeps_its_own() {
    let case = UnitChangeCase {
        from: "admin_user",
        to: "line",
        service: false,
        changer: (NUMBER, ZEROTH),
        asked: &[(NUMBER, ZEROTH), (ONE, FIRST), (TWO, SECOND)],
        after: &[(NUMBER, ZEROTH)],
        audit: &["voided unit_changed 0612345601", "voided unit_changed 0612345602"],
    };
    change(case).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u_admin_user_to_number_every_service_number_keeps_its_own() {
    let case = UnitChangeCase {
        from: "admin_user",
        to: "number",
        service: false,
        changer: (NUMBER, ZEROTH),
        asked: &[(NUMBER, ZEROTH), (ONE, FIRST), (TWO, SECOND)],
        after: &[(ONE, FIRST), (TWO, SECOND)],
        audit: &["voided unit_changed 0612345600"],
    };
    change(case).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u1_a_pending_temporary_password_is_not_asked_for_and_is_voided() {
    // If the number still logs in under the new unit, the credential is voided; if not, it is
    // deleted. The initiator's password replaces it, if the number gets that.
    for (to, is_void) in [("admin_user", true), ("line", false)] {
        let scene = Scene::new("number").await;
        scene.give(ONE, "password", FIRST).await;
        scene.give(TWO, "temporary", SECOND).await;
        scene.give(NUMBER, "temporary", ZEROTH).await;
        let token = scene.token(ONE, FIRST).await;
        scene.forget().await;
        assert_eq!(scene.unit(&token, to, &[(ONE, FIRST)]).await.status, 200);
        let audit = scene.audit_rows().await;
        assert!(audit.contains(&format!("voided unit_changed {TWO}")), "{audit:?}");
        assert!(audit.contains(&format!("voided unit_changed {NUMBER}")), "{audit:?}");
        assert_eq!(scene.has_no_credential(TWO).await, !is_void);
        assert_eq!(scene.log_in(TWO, SECOND).await.status, 401);
        assert_eq!(scene.log_in(NUMBER, ZEROTH).await.status, 401);
        assert_eq!(scene.log_in(NUMBER, FIRST).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u_a_password_of_60_days_is_still_required() {
    let scene = Scene::new("number").await;
    scene.give(ONE, "password", FIRST).await;
    scene.give(TWO, "password", SECOND).await;
    crate::site::age(&scene.owner, TWO, "61 days").await;
    crate::site::age(&scene.owner, ONE, "10 days").await;
    let token = scene.token(ONE, FIRST).await;
    assert_eq!(scene.unit(&token, "line", &[(ONE, FIRST)]).await.code(), "passwords_missing");
    let both = [(ONE, FIRST), (TWO, SECOND)];
    assert_eq!(scene.unit(&token, "line", &both).await.status, 200);
    // The copy has the age of its original.
    let age = "SELECT extract(day FROM clock_timestamp() - set_at)::integer FROM credential";
    assert_eq!(scene.owner.query_one(age, &[]).await.unwrap().get::<_, i32>(0), 10);
}

/// A row of the table.
struct UnitChangeCase {
    from: &'static str,
    to: &'static str,
    /// Whether the contract number has the service.
    service: bool,
    changer: (&'static str, &'static str),
    /// Numbers with their passwords before the change, which are required.
    asked: &'static [(&'static str, &'static str)],
    /// Numbers that log in afterwards with their passwords, in the order of `login_numbers`.
    after: &'static [(&'static str, &'static str)],
    /// Audit rows about numbers that lose or get a password, in order.
    audit: &'static [&'static str],
}

/// Makes every error first, then the change.
async fn change(case: UnitChangeCase) {
    let scene = Scene::new(case.from).await;
    let service = "UPDATE phone_number SET has_service = $2 WHERE number = $1";
    scene.owner.execute(service, &[&NUMBER, &case.service]).await.unwrap();
    for (number, password) in case.asked {
        scene.give(number, "password", password).await;
    }
    let (changer, password) = case.changer;
    let token = scene.token(changer, password).await;
    for (number, password) in case.asked {
        scene.token(number, password).await;
    }
    let choices = scene.unit_choices(&token).await.json();
    assert_eq!(choices["unit"], case.from);
    let choice = choices["choices"].as_array().unwrap().iter().find(|it| it["unit"] == case.to);
    let numbers = |row: &[(&str, &str)]| json!(row.iter().map(|it| it.0).collect::<Vec<_>>());
    let with = |login: &(&'static str, &'static str)| {
        let is_own = login.0 == changer || case.asked.contains(login);
        json!({ "number": login.0, "with": if is_own { "own" } else { "changers" } })
    };
    let logins: Vec<_> = case.after.iter().map(with).collect();
    let expected = json!({
        "unit": case.to, "asked": numbers(case.asked), "blocked": [], "logins": logins,
    });
    assert_eq!(choice, Some(&expected));
    let before = scene.everything().await;
    // One missing, one too many, the unit in force: nothing is counted.
    for (index, (number, _)) in case.asked.iter().enumerate() {
        let mut given = case.asked.to_vec();
        given.remove(index);
        let answer = scene.unit(&token, case.to, &given).await;
        assert_eq!(refusal(&answer), (422, "passwords_missing".to_owned()));
        assert_eq!(answer.json()["numbers"], json!([number]));
        assert!(detail(&answer).contains(&hyphened(number)), "{answer:?}");
        // Also beside one that is not required.
        let given = [&given[..], &[(PLAIN, WRONG)]].concat();
        assert_eq!(scene.unit(&token, case.to, &given).await.body, answer.body);
    }
    for extra in [PLAIN, "0699999999"] {
        let given = [case.asked, &[(extra, WRONG)]].concat();
        let answer = scene.unit(&token, case.to, &given).await;
        assert_eq!(refusal(&answer), (400, "malformed".to_owned()));
        assert!(detail(&answer).contains(&hyphened(extra)), "{answer:?}");
    }
    let answer = scene.unit(&token, case.from, case.asked).await;
    assert_eq!(refusal(&answer), (400, "malformed".to_owned()));
    assert_eq!(scene.everything().await, before);
    // Each one wrong, then all: each is counted for its number.
    for wrong in case.asked {
        let given: Vec<_> =
            case.asked.iter().map(|one| if one == wrong { (one.0, WRONG) } else { *one }).collect();
        let answer = scene.unit(&token, case.to, &given).await;
        assert_eq!(refusal(&answer), (422, "wrong_password".to_owned()));
        assert_eq!(answer.json()["number"], wrong.0);
        assert_eq!(scene.count(wrong.0).await, (1, false));
    }
    let all: Vec<_> = case.asked.iter().map(|(number, _)| (*number, WRONG)).collect();
    let answer = scene.unit(&token, case.to, &all).await;
    assert_eq!(answer.json()["numbers"], numbers(case.asked));
    for (number, _) in case.asked {
        assert_eq!(scene.count(number).await, (2, false));
    }
    assert_eq!(scene.session(&token).await.json()["unit"], case.from);
    // All of them right.
    scene.forget().await;
    let answer = scene.unit(&token, case.to, case.asked).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let good = json!({
        "unit": case.to, "login_numbers": numbers(case.after), "logins": logins,
    });
    assert_eq!(answer.json(), good);
    assert_eq!(scene.sessions().await, 0);
    assert_eq!(scene.session(&token).await.code(), "no_session");
    let audit = scene.audit_rows().await;
    assert_eq!(audit[0], format!("unit_changed done {changer}"));
    let ended = audit.iter().filter(|row| row.starts_with("session_ended unit_changed")).count();
    assert_eq!(ended, 1 + case.asked.len());
    let rest: Vec<_> = audit[1..].iter().filter(|row| !row.starts_with("session_ended")).collect();
    assert_eq!(rest, case.audit);
    for number in [NUMBER, ONE, TWO, PLAIN] {
        let login = case.after.iter().find(|(login, _)| *login == number);
        assert_eq!(scene.has_no_credential(number).await, login.is_none(), "{number}");
        for password in [ZEROTH, FIRST, SECOND] {
            let status = if login == Some(&(number, password)) { 200 } else { 401 };
            let answer = scene.log_in(number, password).await;
            assert_eq!(answer.status, status, "{number} {password}");
        }
    }
}

fn detail(answer: &crate::site::Answer) -> String {
    answer.json()["detail"].as_str().unwrap().to_owned()
}

fn hyphened(number: &str) -> String {
    number.parse::<domain::phone_number::PhoneNumber>().unwrap().groups().join("-")
}
