//! Setting temporary passwords (`P9`, `P13`, `P14`, `C4`).

use domain::auth_unit::AuthUnit;
use domain::policy::temporary_password::SetOutcome;
use karipass_lab::proxy::{Fault, Point};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::scene::{CONTRACT, DatabaseScene, FIRST, OTHER, PHC, PLAIN, SECOND, number, temporary};
use crate::support::{daemon_db, wait_until};
use crate::temporary_password::SetTemporary as _;

/// Counts one when there is no other transaction, statement or lock in this database.
const NOTHING_UNDER_WAY: &str = "
    SELECT count(*) FROM (SELECT) AS one WHERE NOT EXISTS (
        SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = current_database() AND pid <> pg_backend_pid()
    ) AND NOT EXISTS (
        SELECT FROM pg_stat_activity WHERE datname = current_database()
          AND pid <> pg_backend_pid() AND state <> 'idle')";

#[tokio::test(flavor = "multi_thread")]
async fn p2_the_contract_of_any_of_its_numbers_is_found() {
    let scene = DatabaseScene::new().await;
    for own in [CONTRACT, FIRST, PLAIN] {
        let contract = scene.db.contract_of(number(own)).await.unwrap().unwrap();
        assert_eq!(contract.number, number(CONTRACT));
        let numbers: Vec<_> =
            contract.lines.iter().map(|row| (row.number.as_str(), row.has_service)).collect();
        let expected = [(CONTRACT, false), (FIRST, true), (SECOND, true), (PLAIN, false)];
        assert_eq!(numbers, expected);
        assert_eq!((contract.unit, contract.suspended), (None, false));
    }
    assert_eq!(scene.db.contract_of(number("0799999999")).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_password_unit_and_audit_are_stored_together() {
    let scene = DatabaseScene::new().await;
    assert_eq!(scene.set(PLAIN, AuthUnit::Line, CONTRACT).await, SetOutcome::Stored);
    let stored = scene
        .column(
            "SELECT concat_ws(' ', login_number, kind, password_hash, failed_attempts, voided_at,
                              clock_timestamp() - set_at < interval '1 minute')
             FROM credential",
        )
        .await;
    assert_eq!(stored, [format!("{CONTRACT} temporary {PHC} 0 t")]);
    let contract = "SELECT unit || ' ' || version FROM contract WHERE number = '0612345600'";
    assert_eq!(scene.column(contract).await, ["line 1"]);
    assert_eq!(
        scene.audit().await,
        [
            format!("phone temporary_set done {CONTRACT} line {PLAIN}"),
            format!("phone unit_changed done {CONTRACT} line {PLAIN}"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_commit_is_durable_whatever_the_servers_default() {
    let scene = DatabaseScene::new().await;
    let name = &scene.database.name;
    let lax = format!(
        "ALTER DATABASE {name} SET synchronous_commit = off;
         CREATE TABLE seen (setting text);
         CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
         CREATE TRIGGER see AFTER INSERT ON credential EXECUTE FUNCTION see()"
    );
    scene.owner.batch_execute(&lax).await.unwrap();
    scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
    assert_eq!(scene.column("SELECT setting FROM seen").await, ["on"]);
}

/// At each statement in turn, and at the commit, the call is dropped while the statement is on its
/// way.
#[tokio::test(flavor = "multi_thread")]
async fn p13_dropped_before_any_statement_is_through_nothing_changes() {
    for word in [
        "BEGIN",
        "FOR NO KEY UPDATE",
        "JOIN phone_number",
        "DELETE FROM credential",
        "INSERT INTO credential",
        "INSERT INTO audit_log",
        "UPDATE credential",
        "DELETE FROM session",
        "UPDATE contract",
    ] {
        let (scene, proxy, db) = DatabaseScene::troubled().await;
        scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
        let before = (scene.everything().await, scene.audit().await);
        proxy.inject(Fault::HoldAt(Point::Word(word)));
        let calling = db.clone();
        let call = tokio::spawn(async move {
            calling.set_temporary(&temporary(CONTRACT, AuthUnit::Number, FIRST)).await
        });
        wait_until("the statement", async || proxy.occurrences() > 0).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        proxy.inject(Fault::None);
        // The connection's next user must not commit earlier statements.
        let next = db.set_temporary(&temporary(OTHER, AuthUnit::Line, CONTRACT)).await.unwrap();
        assert_eq!(next, SetOutcome::Refused);
        scene.wait_until(NOTHING_UNDER_WAY).await;
        scene.owner.execute("DELETE FROM audit_log WHERE outcome <> 'done'", &[]).await.unwrap();
        let after = (scene.everything().await, scene.audit().await);
        assert_eq!(after, before, "dropped at {word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p14_a_change_of_unit_voids_all_else_and_ends_all_sessions() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Number, FIRST).await;
    scene.set(CONTRACT, AuthUnit::Number, SECOND).await;
    scene.set(OTHER, AuthUnit::Line, OTHER).await;
    for login_number in [FIRST, FIRST, SECOND, OTHER] {
        scene.open_session(login_number).await;
    }
    assert_eq!(scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await, SetOutcome::Stored);
    assert_eq!(scene.logins().await, [CONTRACT, OTHER]);
    assert_eq!(scene.sessions().await, [OTHER]);
    let hashes = "SELECT count(password_hash)::text FROM credential WHERE voided_at IS NOT NULL";
    assert_eq!(scene.column(hashes).await, ["0"], "a void credential keeps no hash");
    assert_eq!(
        scene.audit().await.split_off(5),
        [
            format!("phone temporary_set done {CONTRACT} line {CONTRACT}"),
            format!("phone unit_changed done {CONTRACT} line {CONTRACT}"),
            format!("phone voided unit_changed {FIRST} line {CONTRACT}"),
            format!("phone voided unit_changed {SECOND} line {CONTRACT}"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn voidings_by_the_phone_and_the_clean_up_are_counted_by_reason() {
    let scene = DatabaseScene::new().await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let _until_the_end = metrics::set_default_local_recorder(&recorder);
    let voided = |reason: &str| {
        let metrics = recorder.handle().render();
        let name = format!("karipass_credentials_voided_total{{reason=\"{reason}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
    };
    for login_number in [FIRST, SECOND] {
        assert_eq!(scene.set(CONTRACT, AuthUnit::Number, login_number).await, SetOutcome::Stored);
        assert_eq!(voided("unit_changed"), 0, "{login_number}");
    }
    // The contract number's own is new; the other two are void, one of them only once.
    assert_eq!(scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await, SetOutcome::Stored);
    assert_eq!(voided("unit_changed"), 2);
    assert_eq!(scene.set(CONTRACT, AuthUnit::Number, FIRST).await, SetOutcome::Stored);
    assert_eq!(voided("unit_changed"), 3);
    assert_eq!(scene.set(OTHER, AuthUnit::Line, OTHER).await, SetOutcome::Stored);
    let expire = "UPDATE credential SET set_at = set_at - interval '24 hours'";
    scene.owner.batch_execute(expire).await.unwrap();
    for _ in 0..2 {
        scene.db.sweep().await.unwrap();
        assert_eq!([voided("expired"), voided("unit_changed")], [2, 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p14_the_unit_in_force_again_leaves_the_others_alone() {
    let scene = DatabaseScene::new().await;
    scene.set(FIRST, AuthUnit::Number, FIRST).await;
    scene.open_session(FIRST).await;
    assert_eq!(scene.set(FIRST, AuthUnit::Number, SECOND).await, SetOutcome::Stored);
    assert_eq!(scene.logins().await, [FIRST, SECOND]);
    assert_eq!(scene.sessions().await, [FIRST]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_contract_that_changed_during_the_call_refuses_the_password() {
    for change in [
        "UPDATE contract SET suspended = true",
        "DELETE FROM contract",
        "UPDATE phone_number SET contract_number = '0712345600' WHERE number = '0612345601'",
        "DELETE FROM phone_number WHERE number = '0612345601'",
        "UPDATE phone_number SET has_service = false",
        "UPDATE contract SET unit = 'line'",
    ] {
        let scene = DatabaseScene::new().await;
        scene.owner.batch_execute(change).await.unwrap();
        let before = scene.everything().await;
        assert_eq!(
            scene.set(FIRST, AuthUnit::Number, FIRST).await,
            SetOutcome::Refused,
            "{change}"
        );
        assert_eq!(scene.everything().await, before, "{change}");
        let last = scene.audit().await.pop().unwrap();
        let row = format!("phone temporary_set contract_changed {FIRST} number {FIRST}");
        assert_eq!(last, row, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_a_new_temporary_password_is_a_new_credential() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
    scene.open_session(CONTRACT).await;
    let password = "UPDATE credential SET kind = 'password', failed_attempts = 9";
    scene.owner.batch_execute(password).await.unwrap();
    let id = "SELECT id::text FROM credential";
    let old = scene.column(id).await;
    assert_eq!(scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await, SetOutcome::Stored);
    assert_ne!(scene.column(id).await, old);
    let kind = "SELECT kind || ' ' || failed_attempts FROM credential";
    assert_eq!(scene.column(kind).await, ["temporary 0"]);
    assert!(scene.sessions().await.is_empty());
}

/// Every unit and login in turn. Whatever the order, only the unit in force at the end has good
/// credentials. Every change raised the version once.
#[tokio::test(flavor = "multi_thread")]
async fn p9_a_hundred_at_once_from_two_daemons_are_one_after_the_other() {
    const CALLS: usize = 100;
    let scene = DatabaseScene::new().await;
    let dbs = [scene.db.clone(), daemon_db(&scene.database)];
    let calls = (0..CALLS).map(|call| {
        let db = dbs[call % 2].clone();
        let (unit, login_number) = match call % 5 {
            0 => (AuthUnit::Line, CONTRACT),
            1 | 2 => (AuthUnit::Number, if call % 2 == 0 { FIRST } else { SECOND }),
            _ => (AuthUnit::AdminUser, if call % 2 == 0 { CONTRACT } else { SECOND }),
        };
        tokio::spawn(
            async move { db.set_temporary(&temporary(CONTRACT, unit, login_number)).await },
        )
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap(), SetOutcome::Stored);
    }
    let contract = scene.db.contract_of(number(CONTRACT)).await.unwrap().unwrap();
    for login_number in scene.logins().await {
        assert!(
            contract.role(number(&login_number)).is_some(),
            "{login_number} under {:?}",
            contract.unit
        );
    }
    let version = "SELECT version::text FROM contract WHERE number = '0612345600'";
    assert_eq!(scene.column(version).await, [CALLS.to_string()]);
    let last_change = scene
        .column(
            "SELECT bool_and(set_at >= changed)::text FROM credential,
                 (SELECT max(set_at) AS changed FROM credential WHERE voided_at IS NOT NULL) AS last
             WHERE voided_at IS NULL",
        )
        .await;
    assert_ne!(last_change, ["false"], "a credential outlived a change of unit");
}
