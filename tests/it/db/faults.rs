//! The daemon with a database that is unreachable, slow, demoted or cut off (`P15`).

use domain::auth_unit::AuthUnit;
use domain::policy::temporary_password::SetOutcome;
use karipass::db::{DbError, DbFailure};
use karipass_lab::postgres::ShutdownMode;
use karipass_lab::proxy::{COMMIT, Fault, PostgresProxy};

use super::scene::{CONTRACT, DatabaseScene, FIRST, number, temporary};
use crate::support::{self, WAIT_TIMEOUT, wait_until, within};
use crate::temporary_password::SetTemporary as _;

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_database_that_is_down_is_not_reached_and_then_found_again() {
    let (postgres, database) = support::stoppable_cluster().await;
    let scene = DatabaseScene::in_database(database).await;
    let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
    assert_eq!(scene.db.set_temporary(&new).await.unwrap(), SetOutcome::Stored);
    postgres.stop(ShutdownMode::Kill).unwrap();
    let error = within(WAIT_TIMEOUT, scene.db.set_temporary(&new)).await.unwrap_err();
    assert!(matches!(error, DbError::NotCommitted(_)), "{error:?}");
    postgres.start().unwrap();
    assert_eq!(scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await, SetOutcome::Stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_database_that_does_not_answer_is_given_up_in_time() {
    let (scene, proxy, db) = DatabaseScene::troubled().await;
    assert!(db.contract_of(number(CONTRACT)).await.unwrap().is_some());
    proxy.inject(Fault::Stall);
    // The first one finds a connection that was good, the second one none.
    for _ in 0..2 {
        let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
        let error = within(WAIT_TIMEOUT, db.set_temporary(&new)).await.unwrap_err();
        assert!(matches!(error, DbError::NotCommitted(_)), "{error:?}");
    }
    proxy.inject(Fault::None);
    let set = db.set_temporary(&temporary(CONTRACT, AuthUnit::Line, CONTRACT)).await.unwrap();
    assert_eq!(set, SetOutcome::Stored);
    assert_eq!(scene.audit().await.len(), 2, "what was given up has left nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_commit_that_never_arrives_stores_nothing() {
    let (scene, _proxy, _) = set_in(Fault::HoldAt(COMMIT)).await;
    scene.wait_until_daemon_gone().await;
    assert!(scene.logins().await.is_empty());
    assert!(scene.audit().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_commit_without_an_answer_leaves_the_outcome_unknown() {
    let (scene, _proxy, error) = set_in(Fault::StallAfter(COMMIT)).await;
    assert!(matches!(error, DbError::OutcomeUnknown(_)), "{error:?}");
    assert_eq!(scene.logins().await, [CONTRACT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_cut_before_each_commit_arrives_nothing_is_stored() {
    let (scene, _proxy, error) = set_in(Fault::CutBefore(COMMIT)).await;
    assert!(matches!(error, DbError::OutcomeUnknown(_)), "{error:?}");
    scene.wait_until_daemon_gone().await;
    assert!(scene.logins().await.is_empty());
    assert!(scene.audit().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_cut_after_each_commit_arrives_all_is_stored_once() {
    let (scene, _proxy, error) = set_in(Fault::CutAfter(COMMIT)).await;
    assert!(matches!(error, DbError::OutcomeUnknown(_)), "{error:?}");
    scene.wait_until_daemon_gone().await;
    assert_eq!(scene.logins().await, [CONTRACT]);
    assert_eq!(scene.audit().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_statement_that_fails_stores_nothing_and_shows_no_hash() {
    let scene = DatabaseScene::new().await;
    let check = "ALTER TABLE contract ADD CHECK (version < 1);
                 ALTER TABLE credential ADD CHECK (kind <> 'temporary') NOT VALID";
    scene.owner.batch_execute(check).await.unwrap();
    let before = scene.everything().await;
    for constraint in ["credential_kind_check1", "contract_version_check"] {
        let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
        let error = scene.db.set_temporary(&new).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, DbError::NotCommitted(DbFailure::Refused { .. })), "{shown}");
        assert!(shown.contains(constraint) && !shown.contains("argon2"), "{shown}");
        assert_eq!(scene.everything().await, before);
        let lift = "ALTER TABLE credential DROP CONSTRAINT IF EXISTS credential_kind_check1";
        scene.owner.batch_execute(lift).await.unwrap();
    }
    assert!(scene.audit().await.is_empty());
    let log = std::fs::read_to_string(support::cluster().log()).unwrap();
    assert!(log.contains("credential_kind_check1") && !log.contains("argon2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_held_lock_is_given_up_in_time() {
    let scene = DatabaseScene::new().await;
    let lock = "BEGIN; SELECT FROM contract WHERE number = '0612345600' FOR UPDATE";
    scene.owner.batch_execute(lock).await.unwrap();
    let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
    // The server gives up by itself: this side waits for longer.
    let patient = scene.db.clone().with_limit(WAIT_TIMEOUT);
    let error = patient.set_temporary(&new).await.unwrap_err();
    let DbError::NotCommitted(DbFailure::Refused { code, .. }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(code, "55P03");
    scene.owner.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(scene.db.set_temporary(&new).await.unwrap(), SetOutcome::Stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_connection_that_the_server_ended_is_not_met_again() {
    let scene = DatabaseScene::new().await;
    let calls = (0..4).map(|_| scene.db.contract_of(number(CONTRACT)));
    futures_util::future::try_join_all(calls).await.unwrap();
    let superuser = support::cluster().superuser(&scene.database.name).await.unwrap();
    support::end_daemon_connections(&superuser).await;
    scene.wait_until_daemon_gone().await;
    for _ in 0..4 {
        assert_eq!(scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await, SetOutcome::Stored);
    }
}

/// A column's type changes, or the session forgets its statements. It happens between two reads,
/// between two changes, and between the read and the commit of one change.
#[tokio::test(flavor = "multi_thread")]
async fn p15_a_statement_that_is_no_longer_valid_is_prepared_again() {
    let scene = DatabaseScene::new().await;
    let function = "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN NULL; END$$";
    scene.owner.batch_execute(function).await.unwrap();
    let looked = async || {
        // Each connection of the pool has the statement.
        let looks = (0..8).map(|_| scene.db.contract_of(number(FIRST)));
        let found = futures_util::future::try_join_all(looks).await.unwrap();
        assert!(found.iter().all(Option::is_some));
    };
    looked().await;
    let mut sets = 0;
    for change in [
        "ALTER TABLE contract ALTER COLUMN number TYPE varchar(11)",
        "ALTER TABLE contract ALTER COLUMN unit TYPE varchar(20)",
        "ALTER TABLE credential ALTER COLUMN kind TYPE varchar(20)",
        "CREATE CONSTRAINT TRIGGER forget AFTER INSERT ON audit_log DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION forget()",
    ] {
        scene.owner.batch_execute(change).await.unwrap();
        looked().await;
        for _ in 0..2 {
            sets += 1;
            assert_eq!(
                scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await,
                SetOutcome::Stored,
                "{change}"
            );
        }
    }
    let version = "SELECT version::text FROM contract WHERE unit IS NOT NULL";
    assert_eq!(scene.column(version).await, [sets.to_string()]);
    let rows = scene.audit().await;
    assert_eq!(rows.iter().filter(|row| row.contains("temporary_set")).count(), sets);
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_pooler_that_ignores_options_is_refused_in_words() {
    let (scene, proxy, db) = DatabaseScene::troubled().await;
    proxy.drop_options();
    let error = db.set_temporary(&temporary(CONTRACT, AuthUnit::Line, CONTRACT)).await.unwrap_err();
    let DbError::NotCommitted(DbFailure::Connection(why)) = &error else { panic!("{error:?}") };
    for setting in
        ["statement_timeout is 0, not 3250", "lock_timeout is 0", "idle_in_transaction_session"]
    {
        assert!(why.contains(setting), "{why}");
    }
    assert!(scene.audit().await.is_empty());
    let found = karipass::check::database::check(&db).await;
    assert!(found.iter().any(|it| it.message.contains("statement_timeout")), "{found:?}");
    // A pooler whose sessions have the right settings anyway is accepted.
    let superuser = support::cluster().superuser(&scene.database.name).await.unwrap();
    for (setting, value) in [
        ("statement_timeout", "3250"),
        ("lock_timeout", "3000"),
        ("idle_in_transaction_session_timeout", "2000"),
    ] {
        let name = &scene.database.name;
        let set = format!("ALTER ROLE karipass IN DATABASE {name} SET {setting} = {value}");
        superuser.batch_execute(&set).await.unwrap();
    }
    let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
    assert_eq!(db.set_temporary(&new).await.unwrap(), SetOutcome::Stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_demoted_server_is_left_and_its_connections_dropped() {
    let (postgres, database) = support::stoppable_cluster().await;
    let scene = DatabaseScene::in_database(database).await;
    let calls = (0..4).map(|_| scene.db.contract_of(number(FIRST)));
    futures_util::future::try_join_all(calls).await.unwrap();
    let superuser = postgres.superuser(&scene.database.name).await.unwrap();
    let read_only = |value: &'static str| {
        let superuser = &superuser;
        async move {
            let set = format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
            superuser.batch_execute(&set).await.unwrap();
            superuser.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        }
    };
    read_only("on").await;
    let new = || temporary(CONTRACT, AuthUnit::Line, CONTRACT);
    // Sessions apply the new setting between statements, each in its own time.
    let refused = async {
        loop {
            if let Err(error) = scene.db.set_temporary(&new()).await {
                break error;
            }
        }
    };
    let error = tokio::time::timeout(WAIT_TIMEOUT, refused).await.unwrap();
    assert!(matches!(error, DbError::NotCommitted(_)), "{error:?}");
    scene.wait_until_daemon_gone().await;
    let error = scene.db.contract_of(number(FIRST)).await.unwrap_err();
    assert!(matches!(error, DbError::NotCommitted(DbFailure::Connection(_))), "{error:?}");
    // A request while it is read-only is served if it becomes writable soon enough.
    let (db, waiting) = (scene.db.clone().with_limit(WAIT_TIMEOUT), new());
    let sessions = async || -> i64 {
        let sessions = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()";
        superuser.query_one(sessions, &[]).await.unwrap().get(0)
    };
    let before = sessions().await;
    let waits = tokio::spawn(async move { db.set_temporary(&waiting).await });
    wait_until("some tries", async || sessions().await >= before + 3).await;
    assert!(!waits.is_finished());
    read_only("off").await;
    assert_eq!(waits.await.unwrap().unwrap(), SetOutcome::Stored);
    assert_eq!(scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await, SetOutcome::Stored);
}

/// Sets a password over a connection with this fault, and gives up in time.
async fn set_in(fault: Fault) -> (DatabaseScene, PostgresProxy, DbError) {
    let (scene, proxy, db) = DatabaseScene::troubled().await;
    proxy.inject(fault);
    let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
    let error = within(WAIT_TIMEOUT, db.set_temporary(&new)).await.unwrap_err();
    (scene, proxy, error)
}
