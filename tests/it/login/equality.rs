//! W2: every refusal gets the same answer, after the same work.

use reqwest::header::DATE;
use tokio_postgres::Client;

use crate::scene::Scene;
use crate::site::{self, Answer, NUMBER, RIGHT, Service, SiteClient, WRONG};
use crate::support;

/// A reason for a refusal: its outcome in the audit, the number and password sent, and how it is
/// produced.
pub const WAYS: [(&str, &str, &str, &str); 10] = [
    ("wrong", NUMBER, WRONG, "SELECT"),
    ("unknown_number", "0699999999", RIGHT, "SELECT"),
    ("no_credential", NUMBER, RIGHT, "DELETE FROM credential"),
    (
        "void",
        NUMBER,
        RIGHT,
        "UPDATE credential SET voided_at = clock_timestamp(), password_hash = NULL",
    ),
    ("expired", NUMBER, RIGHT, "UPDATE credential SET set_at = set_at - interval '24 hours'"),
    ("suspended", NUMBER, RIGHT, "UPDATE contract SET suspended = true"),
    ("not_a_login", NUMBER, RIGHT, "UPDATE contract SET unit = 'number'"),
    ("not_a_login", NUMBER, RIGHT, "UPDATE contract SET unit = NULL"),
    (
        "unverifiable",
        NUMBER,
        RIGHT,
        "UPDATE credential SET password_hash = replace(password_hash, 'keyid=bGFi', 'keyid=b2xk')",
    ),
    ("wrong", NUMBER, WRONG, "UPDATE credential SET failed_attempts = 2"),
];

#[tokio::test(flavor = "multi_thread")]
async fn w2_every_refusal_is_the_same_byte_for_byte_after_one_hash_and_one_commit() {
    // A separate cluster: the writing transactions of the whole cluster are counted.
    let (cluster, _) = support::stoppable_cluster().await;
    let mut first: Option<Answer> = None;
    for (outcome, number, password, sql) in WAYS {
        let database = cluster.fresh().await.unwrap();
        let owner = site::contracted_in(&database, "temporary").await;
        owner.batch_execute(sql).await.unwrap();
        let service = Service::start(&database, &[]).await;
        let (hashes, commits) = (service.hasher.operations(), commits(&owner).await);
        let mut answer = SiteClient::new().log_in(&service.base, number, password).await;
        // If a second worker has repeated the hash, it uncounts its own after the answer.
        let what = format!("one hash for {outcome}");
        support::wait_until(&what, async || service.hasher.operations() - hashes == 1).await;
        assert_eq!(self::commits(&owner).await - commits, 1, "commits for {outcome}");
        assert_eq!(site::audit(&owner).await[0], ("login".to_owned(), outcome.to_owned()));
        answer.headers.remove(DATE);
        let first = first.get_or_insert_with(|| answer.clone());
        assert_eq!((first.status, first.code().as_str()), (401, "invalid_credentials"));
        assert_eq!(&answer, first, "{outcome}");
    }
}

/// The size of the database's answer to each refusal, in bytes, for a contract of four numbers and
/// of 3,004.
#[tokio::test(flavor = "multi_thread")]
async fn w2_a_refusal_reads_the_same_of_a_contract_of_any_size() {
    for (outcome, number, password, sql) in WAYS {
        let (Scene { owner, service, client, .. }, proxy) = Scene::troubled("line").await;
        let mut answered = Vec::new();
        for (first, last) in [(0, -1), (0, -1), (1000, 3999)] {
            let more = "INSERT INTO phone_number
                        SELECT '061235' || n, $1, true FROM generate_series($2::int, $3::int) AS n";
            owner.execute(more, &[&NUMBER, &first, &last]).await.unwrap();
            site::credential(&owner, NUMBER, "temporary").await;
            owner.batch_execute(sql).await.unwrap();
            let before = proxy.answered_bytes();
            assert_eq!(client.log_in(&service.base, number, password).await.status, 401);
            answered.push(proxy.answered_bytes() - before);
        }
        // The first one opens the connection.
        assert_eq!(answered[1], answered[2], "{outcome}");
        assert!(answered[1] > 0, "{outcome}");
    }
}

/// The transactions of the whole cluster that have written; reading takes no transaction id.
pub async fn commits(owner: &Client) -> i64 {
    let next = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    owner.query_one(next, &[]).await.unwrap().get(0)
}
