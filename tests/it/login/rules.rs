//! One login after another: limits, counts and numbers.

use reqwest::header::DATE;
use serde_json::json;

use crate::scene::Scene;
use crate::site::{self, NUMBER, RIGHT, Service, SiteClient, SiteDaemon, WRONG};

#[tokio::test(flavor = "multi_thread")]
async fn c1_the_databases_clock_ends_a_temporary_password() {
    let Scene { owner, service, client, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "temporary").await;
    // As close to its end as a slow machine allows.
    site::age(&owner, NUMBER, "23 hours 59 minutes 30 seconds").await;
    assert_eq!(client.log_in(&service.base, NUMBER, RIGHT).await.status, 200);
    site::age(&owner, NUMBER, "30 seconds").await;
    assert_eq!(client.log_in(&service.base, NUMBER, RIGHT).await.status, 401);
    assert_eq!(site::count(&owner, NUMBER).await, (0, true));
    let audit = site::audit(&owner).await;
    let rows: Vec<_> = audit.iter().map(|(event, outcome)| format!("{event} {outcome}")).collect();
    assert_eq!(rows, ["login done", "login expired", "voided expired"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_three_wrong_entries_in_a_row_void_a_temporary_password() {
    void_after("temporary", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_ten_wrong_entries_in_a_row_void_a_password() {
    void_after("password", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_the_count_outlives_sessions_addresses_and_restarts() {
    let (database, owner) = site::contracted("temporary").await;
    for wrong in 1..=3 {
        // A new process and a new client each time, from another address.
        let mut daemon = SiteDaemon::start(&database, &[]);
        let client = SiteClient::from([127, 0, 0, wrong + 1]);
        assert_eq!(client.log_in(&daemon.base, NUMBER, WRONG).await.status, 401);
        daemon.child().kill().unwrap();
        assert_eq!(site::count(&owner, NUMBER).await, (i32::from(wrong), wrong == 3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_a_hash_of_an_old_key_is_renewed_at_the_next_good_login() {
    let (database, owner) = site::contracted("password").await;
    let keys = format!("new BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=\n{}", site::KEYS);
    let rotated = Service::start(&database, &[("KARIPASS_HASHING_KEYS", &keys)]).await;
    let client = SiteClient::new();
    let phc = async || -> String {
        let sql = "SELECT password_hash FROM credential WHERE login_number = $1";
        owner.query_one(sql, &[&NUMBER]).await.unwrap().get(0)
    };
    let before = phc().await;
    assert_eq!(client.log_in(&rotated.base, NUMBER, WRONG).await.status, 401);
    assert_eq!(phc().await, before);
    assert_eq!(client.log_in(&rotated.base, NUMBER, RIGHT).await.status, 200);
    let renewed = phc().await;
    assert_ne!(renewed, before);
    assert_eq!(client.log_in(&rotated.base, NUMBER, RIGHT).await.status, 200);
    assert_eq!(phc().await, renewed, "a hash that is up to date is left alone");
    // A daemon with the old key alone cannot verify it, and counts nothing.
    let old = Service::start(&database, &[]).await;
    assert_eq!(client.log_in(&old.base, NUMBER, RIGHT).await.status, 401);
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_the_unit_decides_who_logs_in_and_configures_which_numbers() {
    let (one, two, three) = ("0612345601", "0612345602", "0612345603");
    let both = json!([one, two]);
    for (unit, logins) in [
        ("", vec![]),
        ("line", vec![(NUMBER, "line", both.clone())]),
        ("number", vec![(one, "number", json!([one])), (two, "number", json!([two]))]),
        (
            "admin_user",
            vec![
                (NUMBER, "admin", both.clone()),
                (one, "user", json!([one])),
                (two, "user", json!([two])),
            ],
        ),
    ] {
        let Scene { owner, service, client, .. } = Scene::new(unit).await;
        for number in [NUMBER, one, two, three] {
            site::credential(&owner, number, "password").await;
            let answer = client.log_in(&service.base, number, RIGHT).await;
            let Some((_, role, numbers)) = logins.iter().find(|(login, ..)| *login == number)
            else {
                assert_eq!(answer.status, 401, "{unit} {number}");
                continue;
            };
            assert_eq!(answer.status, 200, "{unit} {number}");
            let login = answer.json();
            assert_eq!(login["role"], *role, "{unit} {number}");
            assert_eq!(login["numbers"], *numbers, "{unit} {number}");
            assert_eq!(login["unit"], unit);
            assert_eq!(login["number"], number);
            assert_eq!(login["contract_number"], NUMBER);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w13_a_text_that_is_no_number_is_malformed_and_neither_looked_up_nor_counted() {
    let Scene { owner, service, client, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "temporary").await;
    let (mut first, hashes) = (None, service.hasher.operations());
    for other in ["not a number", "612345600", "0081612345600", "0612345600;", "٠٦١٢٣٤٥٦٠٠", ""]
    {
        for password in [WRONG, RIGHT] {
            let mut answer = client.log_in(&service.base, other, password).await;
            answer.headers.remove(DATE);
            assert_eq!((answer.status, answer.code().as_str()), (400, "malformed"), "{other}");
            // The page reveals only what the input does.
            assert_eq!(&answer, first.get_or_insert_with(|| answer.clone()), "{other}");
        }
    }
    assert_eq!(service.hasher.operations(), hashes);
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
    assert!(site::audit(&owner).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn w3_the_password_is_read_exactly_as_typed() {
    let Scene { owner, service, client, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "password").await;
    for typed in ["48151623 ", " 48151623", "４８１５１６２３", "4815-1623", ""] {
        assert_eq!(client.log_in(&service.base, NUMBER, typed).await.status, 401, "{typed:?}");
    }
    assert_eq!(site::count(&owner, NUMBER).await, (5, false));
    assert_eq!(client.log_in(&service.base, NUMBER, RIGHT).await.status, 200);
}

async fn void_after(kind: &str, limit: i32) {
    let Scene { owner, service, client, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, kind).await;
    for round in 0..2 {
        for wrong in 1..limit {
            assert_eq!(client.log_in(&service.base, NUMBER, WRONG).await.status, 401);
            assert_eq!(site::count(&owner, NUMBER).await, (wrong, false), "round {round}");
        }
        assert_eq!(client.log_in(&service.base, NUMBER, RIGHT).await.status, 200);
        assert_eq!(site::count(&owner, NUMBER).await, (0, false), "a good login resets the count");
    }
    for _ in 0..limit {
        assert_eq!(client.log_in(&service.base, NUMBER, WRONG).await.status, 401);
    }
    assert_eq!(site::count(&owner, NUMBER).await, (limit, true));
    assert_eq!(client.log_in(&service.base, NUMBER, RIGHT).await.status, 401);
    assert_eq!(site::count(&owner, NUMBER).await, (limit, true));
    let voided = ("voided".to_owned(), "wrong_entries".to_owned());
    let audit = site::audit(&owner).await;
    assert_eq!(audit.iter().filter(|row| **row == voided).count(), 1);
    assert_eq!(audit.last().unwrap(), &("login".to_owned(), "void".to_owned()));
}
