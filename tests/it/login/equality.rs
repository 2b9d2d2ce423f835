//! W2: every refusal gets the same answer, after the same work.

use std::sync::Arc;
use std::time::Duration;

use karipass_lab::postgres::Database;
use libtest_mimic::Trial;
use reqwest::header::DATE;
use tokio_postgres::Client;

use crate::site::{self, Answer, Caller, NUMBER, RIGHT, Service, WRONG};
use crate::world::{World, trial};

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![trial(
        world,
        "w2_every_refusal_is_the_same_byte_for_byte_after_one_hash_and_one_commit",
        table,
    )]
}

/// A way to be refused: its outcome in the audit, the number and password sent, and how it comes about.
const WAYS: [(&str, &str, &str, &str); 11] = [
    ("wrong", NUMBER, WRONG, "SELECT"),
    ("unknown_number", "0699999999", RIGHT, "SELECT"),
    ("unknown_number", "not a number", RIGHT, "SELECT"),
    ("no_credential", NUMBER, RIGHT, "DELETE FROM credential"),
    ("void", NUMBER, RIGHT, "UPDATE credential SET voided_at = clock_timestamp(), phc = NULL"),
    ("expired", NUMBER, RIGHT, "UPDATE credential SET set_at = set_at - interval '24 hours'"),
    ("suspended", NUMBER, RIGHT, "UPDATE contract SET suspended = true"),
    ("not_a_login", NUMBER, RIGHT, "UPDATE contract SET unit = 'number'"),
    ("not_a_login", NUMBER, RIGHT, "UPDATE contract SET unit = NULL"),
    (
        "unverifiable",
        NUMBER,
        RIGHT,
        "UPDATE credential SET phc = replace(phc, 'keyid=bGFi', 'keyid=b2xk')",
    ),
    ("wrong", NUMBER, WRONG, "UPDATE credential SET failures = 2"),
];

async fn table(world: Arc<World>) {
    let (postgres, _) = world.mortal().await;
    // Autovacuum commits too.
    let superuser = postgres.superuser("postgres").await.unwrap();
    superuser.batch_execute("ALTER SYSTEM SET autovacuum = off").await.unwrap();
    superuser.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let mut first: Option<(Answer, i64)> = None;
    for (outcome, number, password, sql) in WAYS {
        let database = postgres.fresh().await.unwrap();
        let owner = database.owner().await.unwrap();
        site::contract(&owner, "line").await;
        site::credential(&owner, NUMBER, "temporary").await;
        owner.batch_execute(sql).await.unwrap();
        let service = Service::start(&database, &[]).await;
        let hashes = service.hasher.operations();
        let before = commits(&superuser, &database, owner).await;
        let mut answer = Caller::new().log_in(&service.base, number, password).await;
        assert_eq!(service.hasher.operations() - hashes, 1, "hashes for {outcome}");
        drop(service);
        let owner = database.owner().await.unwrap();
        let audit = site::audit(&owner).await;
        assert_eq!(audit[0], ("login".to_owned(), outcome.to_owned()));
        let commits = commits(&superuser, &database, owner).await - before;
        answer.headers.remove(DATE);
        match &first {
            None => {
                assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_credentials"));
                first = Some((answer, commits));
            }
            Some((first, first_commits)) => {
                assert_eq!(&answer, first, "{outcome}");
                assert_eq!(commits, *first_commits, "commits for {outcome}");
            }
        }
    }
    superuser.batch_execute("ALTER SYSTEM RESET autovacuum").await.unwrap();
    superuser.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}

/// The commits of a database so far, counted once nobody is connected to it any more: only then
/// has every backend reported its own.
async fn commits(superuser: &Client, database: &Database, owner: Client) -> i64 {
    drop(owner);
    let connected = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = $1 OR backend_type = 'autovacuum launcher'";
    for _ in 0..1000 {
        let left: i64 = superuser.query_one(connected, &[&database.name]).await.unwrap().get(0);
        if left == 0 {
            let commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = $1";
            return superuser.query_one(commits, &[&database.name]).await.unwrap().get(0);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("someone is still connected to {}", database.name);
}
