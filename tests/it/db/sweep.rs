//! The minute's clean-up, and how the daemon reads tables of many rows.

use domain::auth_unit::AuthUnit;
use domain::policy::temporary_password::SetOutcome;
use karipass_lab::postgres::Database;
use serde_json::json;
use tokio_postgres::Client;

use super::scene::{DatabaseScene, temporary};
use crate::scene::{change, change_unit};
use crate::site::{self, NUMBER, RIGHT, Service, SiteClient, WRONG};
use crate::support::{self, daemon_db, wait_until};
use crate::temporary_password::SetTemporary as _;

const ROWS: i64 = 30_000;

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_of_the_daemon_reads_a_table_of_many_rows_whole() {
    let database = support::database().await;
    let owner = database.owner().await.unwrap();
    site::contract(&owner, "number").await;
    fill(&owner).await;
    // A run without expired rows, and one with expired rows of every kind.
    for older in ["0 hours", "2 hours"] {
        for sql in [
            "UPDATE session SET created_at = created_at - $1::text::interval
             WHERE contract_number < '0300000100'",
            "UPDATE idempotency_key SET created_at = created_at - $1::text::interval
             WHERE substr(key, 1, 1) = '\\x00'",
            "UPDATE credential SET set_at = set_at - $1::text::interval
             WHERE login_number < '0300000100'",
        ] {
            owner.execute(sql, &[&older]).await.unwrap();
        }
        let scans = "SELECT relname || ' ' || seq_scan FROM pg_stat_user_tables
                     WHERE relname = ANY($1) ORDER BY 1";
        let tables =
            ["contract", "phone_number", "credential", "session", "idempotency_key", "audit_log"]
                .as_slice();
        let scans = async |database: &Database| -> Vec<String> {
            // A connection reports what it has done when it ends.
            let superuser = support::cluster().superuser(&database.name).await.unwrap();
            let others = "SELECT pid FROM pg_stat_activity
                          WHERE datname = current_database() AND usename = 'karipass'";
            support::end_daemon_connections(&superuser).await;
            wait_until("the end of the daemon's connections", async || {
                superuser.query(others, &[]).await.unwrap().is_empty()
            })
            .await;
            superuser.execute("SELECT pg_stat_clear_snapshot()", &[]).await.unwrap();
            let rows = superuser.query(scans, &[&tables]).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        };
        // The owner's own reads are reported by now.
        owner.execute("SELECT pg_stat_force_next_flush()", &[]).await.unwrap();
        owner.execute("SELECT 1", &[]).await.unwrap();
        let before = scans(&database).await;
        a_day(&database).await;
        assert_eq!(scans(&database).await, before, "{older}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_the_clean_up_removes_more_than_a_batch_and_only_expired_rows() {
    let scene = DatabaseScene::new().await;
    fill(&scene.owner).await;
    let age = "UPDATE session SET created_at = created_at - interval '1 hour'
               WHERE contract_number <= '0300012000';
               UPDATE idempotency_key SET created_at = created_at - interval '10 minutes'
               WHERE key IN (SELECT key FROM idempotency_key LIMIT 12000);
               UPDATE credential SET set_at = set_at - interval '1 hour'
               WHERE login_number <= '0300012000'";
    scene.owner.batch_execute(age).await.unwrap();
    let left = async || {
        let counts = "SELECT concat_ws(' ', (SELECT count(*) FROM session),
                             (SELECT count(*) FROM idempotency_key),
                             (SELECT count(*) FROM credential WHERE voided_at IS NULL),
                             (SELECT count(*) FROM audit_log WHERE event = 'voided'))";
        scene.column(counts).await.remove(0)
    };
    scene.db.sweep().await.unwrap();
    assert_eq!(left().await, "18000 18000 18000 12000");
    scene.db.sweep().await.unwrap();
    assert_eq!(left().await, "18000 18000 18000 12000");
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_the_clean_up_leaves_locked_rows_for_the_next_run() {
    let scene = DatabaseScene::new().await;
    fill(&scene.owner).await;
    let age = "DELETE FROM session WHERE contract_number > '0300000010';
               UPDATE session SET created_at = created_at - interval '1 hour'";
    scene.owner.batch_execute(age).await.unwrap();
    let hold = "BEGIN; SELECT FROM session WHERE contract_number = '0300000001' FOR UPDATE";
    scene.owner.batch_execute(hold).await.unwrap();
    scene.db.sweep().await.unwrap();
    scene.owner.batch_execute("COMMIT").await.unwrap();
    let sessions = "SELECT contract_number FROM session";
    assert_eq!(scene.column(sessions).await, ["0300000001"]);
    scene.db.sweep().await.unwrap();
    assert!(scene.column(sessions).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_census_counts_all_credentials_and_sessions_in_parts() {
    let scene = DatabaseScene::new().await;
    fill(&scene.owner).await;
    let states = "UPDATE session SET created_at = now() WHERE contract_number <= '0300012345';
        UPDATE session SET last_seen_at = now() - interval '15 minutes'
        WHERE contract_number <= '0300000045';
        UPDATE credential SET set_at = now() - interval '24 hours'
        WHERE login_number <= '0300011000';
        UPDATE credential SET password_hash = NULL, voided_at = now()
        WHERE login_number > '0300029000';
        UPDATE credential SET kind = 'password' WHERE login_number > '0300020000'";
    scene.owner.batch_execute(states).await.unwrap();
    let census = scene.db.census(domain::rules::SESSION_IDLE_TIMEOUT).await.unwrap();
    assert_eq!(census.sessions, 12_300);
    let expected = [
        ("temporary", "good", 9_000),
        ("temporary", "expired", 11_000),
        ("temporary", "void", 0),
        ("password", "good", 9_000),
        ("password", "void", 1_000),
    ];
    assert_eq!(census.credentials, expected);
}

/// Contracts of one number each beside that of the scene, each with a temporary password and a
/// session; idempotency keys and audit rows. All are as old as possible.
async fn fill(owner: &Client) {
    for sql in [
        "INSERT INTO contract (number, unit)
         SELECT '03' || lpad(n::text, 8, '0'), 'line' FROM generate_series(1, $1::bigint) AS n",
        "INSERT INTO phone_number SELECT number, number, true FROM contract
         WHERE number LIKE '03%' AND $1::bigint > 0",
        "INSERT INTO credential (login_number, kind, password_hash, set_at)
         SELECT number, 'temporary', 'a hash', now() - interval '23 hours' FROM contract
         WHERE number LIKE '03%' AND $1::bigint > 0",
        "INSERT INTO session (token_digest, credential_id, contract_number, created_at, last_seen_at)
         SELECT sha256(login_number::bytea), id, login_number, now() - interval '23 hours', now()
         FROM credential
         WHERE login_number LIKE '03%' AND $1::bigint > 0",
        "INSERT INTO idempotency_key (key, outcome)
         SELECT sha256(n::text::bytea), 'done' FROM generate_series(1, $1::bigint) AS n",
        "INSERT INTO audit_log (source, event, outcome, login_number, contract_number)
         SELECT 'site', 'login', 'done', number, number FROM contract
         WHERE number LIKE '03%' AND $1::bigint > 0",
    ] {
        owner.execute(sql, &[&ROWS]).await.unwrap();
    }
    owner.batch_execute("ANALYZE").await.unwrap();
}

/// All statements of the daemon on an ordinary day of subscribers and callers.
async fn a_day(database: &Database) {
    let owner = database.owner().await.unwrap();
    let (one, two) = ("0612345601", "0612345602");
    let db = daemon_db(database);
    let service = Service::start(database, &[]).await;
    let (client, base) = (SiteClient::new(), &service.base);
    assert_eq!(
        db.set_temporary(&temporary(NUMBER, AuthUnit::Number, one)).await.unwrap(),
        SetOutcome::Stored
    );
    site::credential(&owner, one, "temporary").await;
    site::credential(&owner, two, "password").await;
    for (number, password) in [(one, WRONG), ("0699999999", RIGHT), (NUMBER, RIGHT), (two, WRONG)] {
        assert_eq!(client.log_in(base, number, password).await.status, 401);
    }
    let token = client.log_in(base, one, RIGHT).await.token();
    assert_eq!(client.session(base, &token).await.code(), "password_change_required");
    assert_eq!(change(&client, base, &token, [WRONG, "abcd1234", "abcd1234"]).await.status, 422);
    let token = change(&client, base, &token, [RIGHT, "abcd1234", "abcd1234"]).await.token();
    assert_eq!(client.session(base, &token).await.status, 200);
    let unit = async |password: &str| {
        let given = [(one, "abcd1234"), (two, password)];
        change_unit(&client, base, &token, "line", &given).await.json()
    };
    assert_eq!(unit(WRONG).await["code"], "wrong_password");
    assert_eq!(unit(RIGHT).await["login_numbers"], json!([NUMBER]));
    let token = client.log_in(base, NUMBER, "abcd1234").await.token();
    assert_eq!(client.log_out(base, &token).await.status, 204);
    // A call that changes the unit, and the look-up of another.
    let number = NUMBER.parse().unwrap();
    assert!(db.contract_of(number).await.unwrap().is_some());
    let set = temporary(NUMBER, AuthUnit::AdminUser, one);
    assert_eq!(db.set_temporary(&set).await.unwrap(), SetOutcome::Stored);
    db.sweep().await.unwrap();
    db.prune_audit(domain::rules::AUDIT_RETENTION).await.unwrap();
}
