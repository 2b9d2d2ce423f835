//! The operator's commands (`D2`, `R`).

use domain::auth_unit::AuthUnit;
use domain::policy::temporary_password::SetOutcome;
use serde_json::{Value, json};

use super::scene::{CONTRACT, DatabaseScene, FIRST, OTHER, PHC};
use crate::support::{Ran, karipass};

#[tokio::test(flavor = "multi_thread")]
async fn d2_contracts_are_listed_and_shown() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Number, FIRST).await;
    assert_eq!(
        contracts(&scene, &["list"]).out,
        "0612345600   number      live       4 numbers, 2 with service
0712345600   no unit     live       1 numbers, 1 with service
"
    );
    let listed = contracts(&scene, &["list", "--json"]).out;
    let listed: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        listed[1],
        json!({
            "contract_number": OTHER, "unit": null, "suspended": false, "customer": null,
            "numbers": [{ "number": OTHER, "service": true }],
        })
    );
    for named in [CONTRACT, "06-1234-5601"] {
        let shown = contracts(&scene, &["show", named]);
        assert!(shown.out.contains("0612345601   service  temporary set "), "{shown:?}");
        assert!(shown.out.contains(", good, 0 wrong in a row\n"), "{shown:?}");
        assert!(shown.out.contains("0612345602   service  no password\n"), "{shown:?}");
    }
    let shown: Value =
        serde_json::from_str(&contracts(&scene, &["show", FIRST, "--json"]).out).unwrap();
    let credential = &shown["credentials"][0];
    assert_eq!((&credential["login"], &credential["good"]), (&json!(FIRST), &json!(true)));
    assert!(!shown.to_string().contains(PHC));
    let expire = "UPDATE credential SET set_at = set_at - interval '24 hours'";
    scene.owner.batch_execute(expire).await.unwrap();
    let shown = contracts(&scene, &["show", CONTRACT]).out;
    assert!(shown.contains(", expired, "), "{shown}");
    scene.db.sweep().await.unwrap();
    let shown = contracts(&scene, &["show", CONTRACT]).out;
    assert!(shown.contains(", expired, "), "swept: {shown}");
    let void =
        "UPDATE credential SET voided_at = set_at + interval '23 hours', failed_attempts = 3";
    scene.owner.batch_execute(void).await.unwrap();
    let shown = contracts(&scene, &["show", CONTRACT]).out;
    assert!(shown.contains(", void, 3 wrong in a row"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_the_mark_of_a_contracts_customer_is_shown() {
    let scene = DatabaseScene::new().await;
    let mark = "UPDATE contract SET customer = 'no. 17' WHERE number = $1";
    scene.owner.execute(mark, &[&OTHER]).await.unwrap();
    let marks = |ran: Ran| -> Vec<Value> {
        let contracts = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        contracts.map(|contract| contract["customer"].clone()).collect()
    };
    assert_eq!(marks(contracts(&scene, &["list", "--json"])), [Value::Null, json!("no. 17")]);
    assert_eq!(marks(contracts(&scene, &["show", OTHER, "--json"])), [json!("no. 17")]);
    assert_eq!(marks(contracts(&scene, &["show", CONTRACT, "--json"])), [Value::Null]);
    let first_line =
        |named| contracts(&scene, &["show", named]).out.lines().next().unwrap().to_owned();
    assert!(first_line(OTHER).ends_with(", customer no. 17"), "{}", first_line(OTHER));
    assert!(!first_line(CONTRACT).contains("customer"), "{}", first_line(CONTRACT));
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_a_suspended_contract_sets_nothing_until_it_is_resumed() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
    scene.open_session(CONTRACT).await;
    let ran = contracts(&scene, &["suspend", CONTRACT]);
    assert_eq!((ran.status, ran.out.as_str()), (0, "contract 0612345600 is suspended\n"));
    assert!(scene.sessions().await.is_empty());
    assert_eq!(scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await, SetOutcome::Refused);
    let again = contracts(&scene, &["suspend", CONTRACT, "--json"]);
    let expected = json!({ "contract_number": CONTRACT, "state": "suspended", "changed": false });
    assert_eq!(serde_json::from_str::<Value>(&again.out).unwrap(), expected);
    assert_eq!(contracts(&scene, &["resume", CONTRACT]).status, 0);
    assert_eq!(scene.logins().await, [CONTRACT], "what was set before is good again");
    assert_eq!(scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await, SetOutcome::Stored);
    let operators: Vec<_> =
        scene.audit().await.into_iter().filter(|row| row.starts_with("operator")).collect();
    assert_eq!(operators, ["operator contract_suspended done", "operator contract_resumed done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_a_removed_contract_leaves_its_audit_only() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Number, FIRST).await;
    scene.open_session(FIRST).await;
    let ran = contracts(&scene, &["remove", CONTRACT]);
    assert_eq!((ran.status, ran.out.as_str()), (0, "contract 0612345600 is removed\n"));
    assert_eq!(scene.everything().await, "(0712345600,,f,0,)\n(0712345600,0712345600,t)");
    assert_eq!(
        scene.audit().await.split_off(2),
        [
            format!("operator voided number_removed {FIRST}"),
            "operator contract_removed done".into()
        ]
    );
    assert_eq!(contracts(&scene, &["remove", CONTRACT]).status, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_the_exit_status_is_1_if_refused_and_2_for_usage() {
    let scene = DatabaseScene::new().await;
    for (arguments, status, message) in [
        (&["show", "0799999999"][..], 1, "no contract has the number 0799999999\n"),
        (
            &["suspend", FIRST],
            1,
            "0612345601 is an additional number of contract 0612345600: name that one\n",
        ),
        (&["import", "/nonexistent.csv"], 1, "reading /nonexistent.csv: No such file"),
        (&["show", "12345"], 2, "error: invalid value '12345' for '<N>'"),
        (&["explode"], 2, "error: unrecognized subcommand"),
    ] {
        let ran = contracts(&scene, arguments);
        assert_eq!((ran.status, ran.out.as_str()), (status, ""), "{arguments:?}: {ran:?}");
        assert!(ran.err.starts_with(message), "{arguments:?}: {}", ran.err);
    }
    let mut lost = scene.database.clone();
    lost.owner_url = lost.owner_url.replace(&scene.database.name, "nowhere");
    let ran = karipass(&lost, &["contracts", "list"]);
    assert_eq!(ran.status, 1);
    assert!(ran.err.contains("database \"nowhere\" does not exist"), "{}", ran.err);
    assert!(!ran.err.contains("password"), "{}", ran.err);
}

fn contracts(scene: &DatabaseScene, arguments: &[&str]) -> Ran {
    let mut all = vec!["contracts"];
    all.extend(arguments);
    karipass(&scene.database, &all)
}
