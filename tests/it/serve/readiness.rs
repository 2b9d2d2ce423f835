//! `/readyz` says 200 only while the database accepts changes, and recovers by itself (`R`).

use super::Whole;
use crate::site::NUMBER;
use crate::support::{self, end_daemon_connections, wait_until};

/// A fault that makes every change fail, its end, and the answer of `/readyz` meanwhile.
const FAULTS: [(&str, &str, &str); 7] = [
    (
        "REVOKE INSERT ON idempotency_key FROM karipass_daemon",
        "GRANT INSERT ON idempotency_key TO karipass_daemon",
        "the daemon's role lacks INSERT on idempotency_key",
    ),
    (
        "REVOKE UPDATE ON credential FROM karipass_daemon",
        "GRANT UPDATE ON credential TO karipass_daemon",
        "the daemon's role lacks UPDATE on credential",
    ),
    (
        "REVOKE INSERT ON login_history FROM karipass_daemon",
        "GRANT INSERT ON login_history TO karipass_daemon",
        "the daemon's role lacks INSERT on login_history",
    ),
    (
        "REVOKE UPDATE (unit) ON contract FROM karipass_daemon",
        "GRANT UPDATE (unit) ON contract TO karipass_daemon",
        "the daemon's role lacks UPDATE (unit) on contract",
    ),
    (
        "CREATE TRIGGER disk_full BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION is_full()",
        "DROP TRIGGER disk_full ON audit_log",
        "the disk is full (SQLSTATE 53100)",
    ),
    (
        "CREATE TRIGGER disk_full BEFORE INSERT ON idempotency_key FOR EACH ROW EXECUTE FUNCTION is_full()",
        "DROP TRIGGER disk_full ON idempotency_key",
        "the disk is full (SQLSTATE 53100)",
    ),
    (
        "CREATE CONSTRAINT TRIGGER disk_full AFTER INSERT ON idempotency_key DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION is_full()",
        "DROP TRIGGER disk_full ON idempotency_key",
        "the disk is full (SQLSTATE 53100)",
    ),
];

const IS_FULL: &str = "
    CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE 'the disk is full' USING ERRCODE = '53100'; END$$";

#[tokio::test(flavor = "multi_thread")]
async fn r_readyz_fails_while_every_change_fails_and_recovers() {
    let whole = Whole::ready(&[]).await;
    whole.owner.batch_execute(IS_FULL).await.unwrap();
    for (begin, end, said) in FAULTS {
        whole.owner.batch_execute(begin).await.unwrap();
        wait_until(said, async || {
            let (status, body) = whole.readyz().await;
            status == 503 && body.starts_with("database: ") && body.contains(said)
        })
        .await;
        whole.owner.batch_execute(end).await.unwrap();
        wait_until(end, async || whole.readyz().await.0 == 200).await;
    }
    let read_only = |value: &str| {
        format!(
            "ALTER DATABASE {} SET default_transaction_read_only = {value}",
            whole.database.name
        )
    };
    let superuser = support::cluster().superuser(&whole.database.name).await.unwrap();
    superuser.batch_execute(&read_only("on")).await.unwrap();
    end_daemon_connections(&superuser).await;
    wait_until("readyz to fall", async || whole.readyz().await.0 == 503).await;
    superuser.batch_execute(&read_only("off")).await.unwrap();
    wait_until("readiness", async || whole.readyz().await.0 == 200).await;
}

/// However often it is polled: each probe leaves an idempotency key.
#[tokio::test(flavor = "multi_thread")]
async fn r_readyz_stays_while_one_contract_is_locked() {
    let whole = Whole::ready(&[]).await;
    let other = whole.database.owner().await.unwrap();
    let lock = format!(
        "BEGIN; SELECT FROM contract WHERE number = '{NUMBER}' FOR UPDATE;
         SELECT FROM credential FOR UPDATE"
    );
    other.batch_execute(&lock).await.unwrap();
    let looks = async || {
        let count = "SELECT count(*) FROM idempotency_key";
        whole.owner.query_one(count, &[]).await.unwrap().get::<_, i64>(0)
    };
    let before = looks().await;
    wait_until("another look", async || {
        assert_eq!(whole.readyz().await.0, 200);
        looks().await > before
    })
    .await;
    assert_eq!(whole.readyz().await.0, 200);
}
