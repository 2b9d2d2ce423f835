//! The cost of a login for its address, and the number of credentials that one address may void.

use karipass::db::IdempotencyKey;
use karipass::db::login::{FailureVerdict, LoginAudit};
use reqwest::header::RETRY_AFTER;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::scene::{Scene, change, change_unit};
use crate::site::{self, Answer, NUMBER, RIGHT, Service, SiteClient, SiteDaemon, WRONG};
use crate::support::daemon_db;

/// A number without a contract.
const UNKNOWN_NUMBER: &str = "0699999999";
/// Valid by `C5`.
const NEW: &str = "abcd1234";

#[tokio::test(flavor = "multi_thread")]
async fn r_a_login_costs_by_its_outcome_at_every_entry_point() {
    let mut scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    // A point returns in 20 s; debt ends at twice the budget.
    let limit = [("KARIPASS_LOGIN_LIMIT", "3")];
    scene.service = Service::start(&scene.database, &limit).await;
    let base = &scene.service.base;
    let (right, wrong, dead) = (20, 100, 120);
    let costs = async |client: SiteClient, (status, answer): (u16, Answer), price: u64| {
        assert_eq!(answer.status, status, "{answer:?}");
        let wait = wait(&client.log_in(base, NUMBER, RIGHT).await);
        assert_eq!(wait, price, "{answer:?}");
    };
    costs(from(1), (200, from(1).log_in(base, NUMBER, RIGHT).await), right).await;
    costs(from(2), (401, from(2).log_in(base, NUMBER, WRONG).await), wrong).await;
    costs(from(3), (401, from(3).log_in(base, UNKNOWN_NUMBER, WRONG).await), dead).await;
    assert_eq!(from(4).log_in(base, "no number", WRONG).await.status, 400, "it costs nothing");
    costs(from(4), (200, from(4).log_in(base, NUMBER, RIGHT).await), right).await;
    let changed = change(&from(5), base, &token, [WRONG, NEW, NEW]).await;
    costs(from(5), (422, changed), wrong).await;
    let unit = change_unit(&from(6), base, &token, "number", &[(NUMBER, WRONG)]).await;
    costs(from(6), (422, unit), wrong).await;
    let changed = change(&from(7), base, &token, [RIGHT, NEW, NEW]).await;
    costs(from(7), (200, changed), right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_thirty_right_logins_at_once_behind_one_nat_pass() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let service = Service::start(&scene.database, &[("KARIPASS_LOGIN_LIMIT", "100")]).await;
    assert_eq!(together(&service.base, 30, NUMBER, RIGHT).await, [200; 30]);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_many_at_once_from_one_address_pass_as_many_as_one_by_one() {
    let scene = Scene::new("line").await;
    let service = Service::start(&scene.database, &[("KARIPASS_LOGIN_LIMIT", "100")]).await;
    let hashes = service.hasher.operations();
    let mut statuses = together(&service.base, 300, UNKNOWN_NUMBER, WRONG).await;
    statuses.sort_unstable();
    let compared = service.hasher.operations() - hashes;
    // Each costs ten.
    let (passed, refused) = statuses.split_at(10);
    assert_eq!(passed, [401; 10]);
    assert_eq!(refused, [429; 290]);
    assert_eq!(compared, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_one_address_voids_ten_credentials_an_hour_and_learns_nothing() {
    let scene = Scene::new("number").await;
    let owner = &scene.owner;
    let daemon = SiteDaemon::start(&scene.database, &[("KARIPASS_LOGIN_LIMIT", "1000000")]);
    let (attacker, elsewhere, base) = (from(1), from(2), &daemon.base);
    for last in 0..10 {
        let number = at_its_last(owner, last).await;
        assert_eq!(attacker.log_in(base, &number, WRONG).await.status, 401);
        assert_eq!(site::count(owner, &number).await, (3, true));
    }
    // The eleventh is not compared, whether the password is right or wrong.
    let eleventh = at_its_last(owner, 10).await;
    for password in [WRONG, RIGHT] {
        let wait = wait(&attacker.log_in(base, &eleventh, password).await);
        assert!((1..=3600).contains(&wait), "{wait} s");
    }
    assert_eq!(site::count(owner, &eleventh).await, (2, false));
    assert_eq!(elsewhere.log_in(base, &eleventh, RIGHT).await.status, 200, "it stays good");
    // Whatever the number has, two wrong attempts get the usual answer, and no more.
    for (number, kind) in
        [("0612345601", "temporary"), ("0612345602", "password"), (UNKNOWN_NUMBER, "")]
    {
        if !kind.is_empty() {
            site::credential(owner, number, kind).await;
        }
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(attacker.log_in(base, number, WRONG).await.status);
        }
        assert_eq!(statuses, [401, 401, 429, 429], "{number}");
    }
    // Others behind the same address are not locked out.
    site::credential(owner, "0612345601", "temporary").await;
    site::credential(owner, &eleventh, "password").await;
    assert_eq!(elsewhere.log_in(base, "0612345602", RIGHT).await.status, 200);
    assert_eq!(attacker.log_in(base, "0612345602", RIGHT).await.status, 200);
    assert_eq!(attacker.log_in(base, &eleventh, RIGHT).await.status, 200);
    let voided = "karipass_credentials_voided_total{reason=\"wrong_entries\"} ";
    assert!((daemon.metric(&elsewhere, voided).await - 10.0).abs() < f64::EPSILON);
    let log = daemon.log();
    assert!(log.contains("127.0.1.1") && !log.contains(&eleventh), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a_change_voids_no_more_than_its_address_may() {
    let scene = Scene::new("number").await;
    let owner = &scene.owner;
    let service = Service::start(&scene.database, &[("KARIPASS_LOGIN_LIMIT", "1000000")]).await;
    let (attacker, elsewhere, base) = (from(1), from(2), &service.base);
    for last in 0..10 {
        let number = at_its_last(owner, last).await;
        assert_eq!(attacker.log_in(base, &number, WRONG).await.status, 401);
    }
    for login_number in ["0612345601", "0612345602"] {
        site::credential(owner, login_number, "password").await;
    }
    let token = elsewhere.log_in(base, "0612345601", RIGHT).await.token();
    let nine = "DELETE FROM credential WHERE voided_at IS NOT NULL;
                UPDATE credential SET failed_attempts = 9";
    owner.batch_execute(nine).await.unwrap();
    let (before, hashes) = (scene.everything().await, service.hasher.operations());
    wait(&change(&attacker, base, &token, [WRONG, NEW, NEW]).await);
    let passwords = [("0612345601", WRONG), ("0612345602", WRONG)];
    wait(&change_unit(&attacker, base, &token, "line", &passwords).await);
    assert_eq!(service.hasher.operations(), hashes, "nothing is compared");
    assert_eq!(scene.everything().await, before);
    // From elsewhere the change voids both.
    let answer = change_unit(&elsewhere, base, &token, "line", &passwords).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "wrong_password"));
    assert_eq!(site::count(owner, "0612345602").await, (10, true));
}

/// Its count was lower when the entry was compared.
#[tokio::test(flavor = "multi_thread")]
async fn r_an_entry_that_became_the_last_one_meanwhile_voids_only_what_it_may() {
    for (kind, limit) in [("password", 10), ("temporary", 3)] {
        let (database, owner) = site::contracted(kind).await;
        let db = daemon_db(&database);
        let login_number = NUMBER.parse().unwrap();
        let candidate = db.login_candidate(login_number).await.unwrap().unwrap();
        let credential = candidate.credential.unwrap();
        let count = "UPDATE credential SET failed_attempts = $1";
        owner.execute(count, &[&(limit - 1)]).await.unwrap();
        let fail = async |may_void| {
            let audit = LoginAudit {
                key: IdempotencyKey::draw(&mut rand::rng()),
                login_number,
                contract_number: Some(login_number),
                address: [127, 0, 0, 1].into(),
            };
            db.count_failure(&audit, &credential, may_void, None).await.unwrap()
        };
        assert_eq!(fail(false).await, FailureVerdict::WouldVoid);
        assert_eq!(site::count(&owner, NUMBER).await, (limit - 1, false));
        assert!(site::audit(&owner).await.is_empty());
        assert_eq!(fail(true).await, FailureVerdict::Voided);
        assert_eq!(site::count(&owner, NUMBER).await, (limit, true));
        assert_eq!(fail(true).await, FailureVerdict::Void);
        assert_eq!(site::audit(&owner).await.len(), 3);
    }
}

/// A client from another /24 of the loopback each time, the first one with 1.
fn from(network: u8) -> SiteClient {
    SiteClient::from([127, 0, network, 1])
}

/// Seconds until the next attempt is allowed.
fn wait(answer: &Answer) -> u64 {
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_requests"));
    answer.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap()
}

/// Sends this many logins at once; returns their statuses.
async fn together(
    base: &str,
    count: usize,
    number: &'static str,
    password: &'static str,
) -> Vec<u16> {
    let client = from(1);
    let mut all = JoinSet::new();
    for _ in 0..count {
        let (client, base) = (client.clone(), base.to_owned());
        all.spawn(async move { client.log_in(&base, number, password).await.status });
    }
    all.join_all().await
}

/// A further number of the contract, whose temporary password has had two wrong attempts.
async fn at_its_last(owner: &Client, last: u32) -> String {
    let number = format!("06123457{last:02}");
    let sql = "INSERT INTO phone_number VALUES ($1, $2, true)";
    owner.execute(sql, &[&number, &NUMBER]).await.unwrap();
    site::credential(owner, &number, "temporary").await;
    let sql = "UPDATE credential SET failed_attempts = 2 WHERE login_number = $1";
    owner.execute(sql, &[&number]).await.unwrap();
    number
}
