//! `karipass migrate`, and the privileges that it grants.

use std::path::Path;
use std::sync::Arc;

use karipass::db::migrate::{Migrated, MigrationError, migrations, mismatch, program_version};
use karipass::web::{ReadinessCheck, ops};
use karipass_lab::postgres::Database;
use refinery::{Migration, Runner};
use tokio_postgres::error::SqlState;

use crate::support::{self, KARIPASS, daemon_db, karipass, operator_db, run};

#[tokio::test(flavor = "multi_thread")]
async fn r_migrate_makes_a_fresh_database_and_then_finds_nothing_to_do() {
    let database = support::cluster().empty().await.unwrap();
    let newest = program_version();
    let first = karipass(&database, &["--json", "migrate"]);
    let expected = format!("{{\"from\":0,\"to\":{newest}}}\n");
    assert_eq!((first.status, first.out), (0, expected));
    let second = karipass(&database, &["migrate"]);
    assert_eq!(second.out, format!("the database has version {newest} already\n"));
    assert_eq!(daemon_db(&database).schema_version().await.unwrap(), newest);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_migrate_brings_an_older_database_to_a_later_programs_version() {
    let database = support::database().await;
    let owner = database.owner().await.unwrap();
    owner.batch_execute("INSERT INTO contract (number) VALUES ('0612345678')").await.unwrap();
    let (ours, later) = (program_version(), program_version() + 1);
    let sql = "ALTER TABLE contract ADD COLUMN region text NOT NULL DEFAULT 'kansai'";
    let added = Migration::unapplied(&format!("V{later}__region"), sql).unwrap();
    let later_program = [migrations().get_migrations().as_slice(), &[added]].concat();
    let migrated = operator_db(&database).migrate_with(Runner::new(&later_program)).await.unwrap();
    assert_eq!(migrated, Migrated { from: ours, to: later });
    let row = owner.query_one("SELECT region FROM contract", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>("region"), "kansai");
    let again = operator_db(&database).migrate().await.unwrap_err();
    assert!(matches!(again, MigrationError::Newer { .. }), "{again}");
    assert!(mismatch(ours - 1).is_some(), "a program refuses an older database");
}

#[tokio::test(flavor = "multi_thread")]
async fn r_two_migrations_at_once_are_one_after_the_other() {
    let database = support::cluster().empty().await.unwrap();
    let dbs: Vec<_> = (0..4).map(|_| operator_db(&database)).collect();
    let runs = dbs.iter().map(karipass::db::Db::migrate);
    let found = futures_util::future::try_join_all(runs).await.unwrap();
    let from_nothing = found.iter().filter(|migrated| migrated.from == 0).count();
    assert_eq!(from_nothing, 1, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r_two_databases_of_a_cluster_are_migrated_at_once() {
    // Without the cluster-wide role, both try to create it.
    let cluster =
        karipass_lab::postgres::Postgres::temporary(karipass_lab::postgres::Durability::Fast)
            .await
            .unwrap();
    let databases = [cluster.empty().await.unwrap(), cluster.empty().await.unwrap()];
    let migrate = |database: &Database| {
        let mut command = database.karipass(Path::new(KARIPASS));
        command.arg("migrate");
        tokio::task::spawn_blocking(move || run(&mut command))
    };
    let (first, second) = tokio::join!(migrate(&databases[0]), migrate(&databases[1]));
    for ran in [first.unwrap(), second.unwrap()] {
        assert_eq!(ran.status, 0, "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a_newer_database_is_refused_and_left_alone() {
    let database = migrated_later().await;
    let ran = karipass(&database, &["migrate"]);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""));
    let expected = format!("version 99, newer than this program's {}", program_version());
    assert!(ran.err.contains(&expected), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a_daemon_serves_on_once_a_newer_program_has_migrated() {
    let database = migrated_later().await;
    let db = daemon_db(&database);
    let no_faults: ReadinessCheck = Arc::new(Vec::new);
    assert_eq!(ops::readiness_problems(&db, &no_faults).await, [""; 0]);
    assert_eq!(karipass::check::database::check(&db).await, []);
    let never_migrated = daemon_db(&support::cluster().empty().await.unwrap());
    assert_eq!(ops::readiness_problems(&never_migrated, &no_faults).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_the_daemon_has_no_more_rights_than_it_needs() {
    let database = support::database().await;
    let owner = database.owner().await.unwrap();
    owner
        .batch_execute(
            "INSERT INTO contract VALUES ('0612345678');
             INSERT INTO phone_number VALUES ('0612345678', '0612345678', true)",
        )
        .await
        .unwrap();
    let daemon = database.daemon().await.unwrap();
    for allowed in [
        "SELECT number, unit, suspended, version FROM contract FOR NO KEY UPDATE",
        "SELECT number, contract_number, has_service FROM phone_number",
        "UPDATE contract SET unit = 'line', version = version + 1",
        "INSERT INTO credential (login_number, kind, password_hash, set_at)
         VALUES ('0612345678', 'temporary', 'x', now())",
        "UPDATE credential SET failed_attempts = failed_attempts + 1",
        "DELETE FROM credential",
        "INSERT INTO login_history (login_number) VALUES ('0612345678')",
        "UPDATE login_history SET failed_attempts_of_replaced = failed_attempts_of_replaced + 1",
        "DELETE FROM session",
        "INSERT INTO idempotency_key (key, outcome) VALUES ('x', 'done')
         RETURNING attempt_no, created_at",
        "UPDATE idempotency_key SET key = key",
        "DELETE FROM idempotency_key WHERE created_at < now()",
        "INSERT INTO daemon_calls VALUES ('x', now(), '[]')
         ON CONFLICT (daemon) DO UPDATE SET calls = EXCLUDED.calls",
        "DELETE FROM daemon_calls",
        "INSERT INTO audit_log (source, event, outcome) VALUES ('phone', 'call', 'not_available')",
        "SELECT prune_audit(interval '400 days', 10)",
    ] {
        daemon.batch_execute(allowed).await.unwrap_or_else(|error| panic!("{allowed}: {error:?}"));
    }
    for forbidden in [
        "INSERT INTO contract VALUES ('0612345679')",
        "UPDATE contract SET suspended = false",
        "UPDATE contract SET number = '0612345679'",
        "DELETE FROM contract",
        "INSERT INTO phone_number VALUES ('0612345679', '0612345678', true)",
        "UPDATE phone_number SET has_service = true",
        "DELETE FROM phone_number",
        "DELETE FROM login_history",
        "SELECT FROM audit_log",
        "UPDATE audit_log SET outcome = 'done'",
        "DELETE FROM audit_log",
        "INSERT INTO audit_log (occurred_at, source, event, outcome)
         VALUES (now(), 'site', 'login', 'done')",
        "INSERT INTO audit_log (operator, source, event, outcome)
         VALUES ('x', 'site', 'login', 'done')",
        "SET LOCAL karipass.operator = 'x';
         INSERT INTO audit_log (source, event, outcome) VALUES ('operator', 'login', 'done')",
        "INSERT INTO audit_log (id, source, event, outcome) OVERRIDING SYSTEM VALUE
         VALUES (1, 'site', 'login', 'done')",
        "CREATE OR REPLACE FUNCTION prune_audit(kept interval, portion bigint) RETURNS bigint
         LANGUAGE sql AS 'SELECT 1::bigint'",
        "TRUNCATE credential",
        "UPDATE refinery_schema_history SET version = 1",
        "CREATE TABLE own (x integer)",
        "ALTER TABLE audit_log ADD COLUMN x integer",
        "DROP TABLE session",
        "CREATE ROLE other",
        "SET ROLE karipass_owner",
        "COPY contract TO PROGRAM 'cat'",
    ] {
        let error = daemon.batch_execute(forbidden).await.expect_err(forbidden);
        let code = error.code().expect(forbidden);
        assert_eq!(code, &SqlState::INSUFFICIENT_PRIVILEGE, "{forbidden}: {error:?}");
    }
}

async fn migrated_later() -> Database {
    let database = support::database().await;
    let owner = database.owner().await.unwrap();
    owner
        .batch_execute(
            "INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')",
        )
        .await
        .unwrap();
    database
}
