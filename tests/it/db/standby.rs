//! Several hosts: a primary that is lost, its standby promoted, without a restart of the daemon.

use domain::policy::temporary_password::SetOutcome;
use std::convert::Infallible;
use std::net::IpAddr;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use domain::audit::LoginOutcome;
use domain::auth_unit::AuthUnit;
use karipass::db::login::LoginAudit;
use karipass::db::{Db, DbError};
use karipass_lab::postgres::{Database, Durability, Postgres, Replication, ShutdownMode};
use tokio_postgres::Client;

use super::scene::{CONTRACT, DatabaseScene, FIRST, OTHER, new_key, number, temporary};
use crate::support::{
    self, KARIPASS, StoppableCluster, WAIT_TIMEOUT, db_at, operator_db, wait_until, within,
};
use crate::temporary_password::SetTemporary as _;

#[tokio::test(flavor = "multi_thread")]
async fn p15_the_primary_lost_the_promoted_standby_is_used() {
    for replication in [Replication::Asynchronous, Replication::Synchronous] {
        let pair = Pair::new(replication).await;
        let set = async |login_number: &str| {
            pair.db.set_temporary(&temporary(login_number, AuthUnit::Line, login_number)).await
        };
        // A pool full of connections to the primary.
        let looks = (0..4).map(|_| pair.db.contract_of(number(FIRST)));
        futures_util::future::try_join_all(looks).await.unwrap();
        assert_eq!(set(CONTRACT).await.unwrap(), SetOutcome::Stored);
        if replication == Replication::Asynchronous {
            pair.primary.wait_until_caught_up().await.unwrap();
        }
        pair.primary.stop(ShutdownMode::Kill).unwrap();
        pair.standby.promote().await.unwrap();
        wait_until("the promoted standby to be used", async || set(OTHER).await.is_ok()).await;
        assert!(pair.db.contract_of(number(FIRST)).await.unwrap().is_some());
        assert_eq!(pair.after().await.logins().await, [CONTRACT, OTHER]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_nothing_is_confirmed_that_a_synchronous_standby_has_not() {
    let pair = Pair::new(Replication::Synchronous).await;
    pair.standby.stop(ShutdownMode::Kill).unwrap();
    let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
    let error = within(WAIT_TIMEOUT, pair.db.set_temporary(&new)).await.unwrap_err();
    assert!(matches!(error, DbError::OutcomeUnknown(_)), "{error:?}");
    pair.standby.start().unwrap();
    // However long the standby takes to catch up.
    let other = temporary(OTHER, AuthUnit::Line, OTHER);
    let patient = pair.db.clone().with_limit(WAIT_TIMEOUT);
    assert_eq!(patient.set_temporary(&other).await.unwrap(), SetOutcome::Stored);
    pair.primary.stop(ShutdownMode::Kill).unwrap();
    pair.standby.promote().await.unwrap();
    assert!(pair.after().await.logins().await.contains(&OTHER.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_cancelled_wait_for_the_standby_confirms_nothing() {
    let (postgres, scene) = lonely().await;
    let unknown = |asked: Result<(), DbError>| {
        assert!(matches!(asked, Err(DbError::OutcomeUnknown(_))), "{asked:?}");
    };
    // A transaction of the phone, a single statement as in logins, and an operator's command.
    let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
    let set = async { scene.db.set_temporary(&new).await.map(drop) };
    let refused = LoginAudit {
        key: new_key(),
        login_number: number(FIRST),
        contract_number: None,
        address: IpAddr::from([127, 0, 0, 1]),
    };
    let refuse = async { scene.db.refuse_login(&refused, LoginOutcome::UnknownNumber, None).await };
    let (set, refuse) =
        tokio::join!(under_cancels(&postgres, set), under_cancels(&postgres, refuse));
    unknown(set);
    unknown(refuse);
    let operator = operator_db(&scene.database);
    unknown(
        under_cancels(&postgres, operator.suspend(number(OTHER), true, "nobody")).await.map(drop),
    );
    wait_for_standby(&postgres, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_commit_whose_wait_was_cancelled_is_done_once() {
    let (postgres, scene) = lonely().await;
    let db = scene.db.clone().with_limit(WAIT_TIMEOUT);
    let set = tokio::spawn(async move {
        db.set_temporary(&temporary(CONTRACT, AuthUnit::Line, CONTRACT)).await
    });
    cancel_wait(&postgres.superuser("postgres").await.unwrap()).await;
    // A commit that waits is released.
    wait_for_standby(&postgres, "").await;
    assert_eq!(set.await.unwrap().unwrap(), SetOutcome::Stored);
    assert_eq!(scene.logins().await, [CONTRACT]);
    let audit = scene.audit().await;
    assert_eq!(audit.iter().filter(|row| row.contains("temporary_set")).count(), 1, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_host_that_does_not_answer_is_passed_over() {
    let scene = DatabaseScene::new().await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    // It accepts, and never sends a byte.
    let _silent = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
    let first = scene.database.at(folder.path()).or_at(support::cluster().socket_folder());
    let last = scene.database.or_at(folder.path());
    for database in [first, last] {
        // A host has two seconds, however long the rest takes on a slow machine.
        let db = db_at(&database.daemon_url).with_limit(WAIT_TIMEOUT);
        // Each read needs its own connection.
        let looks = (0..8).map(|_| db.contract_of(number(FIRST)));
        let found = futures_util::future::try_join_all(looks).await.unwrap();
        assert!(found.iter().all(Option::is_some));
        let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
        assert_eq!(db.set_temporary(&new).await.unwrap(), SetOutcome::Stored);
    }
    let alone = db_at(&scene.database.at(folder.path()).daemon_url);
    within(WAIT_TIMEOUT, alone.contract_of(number(FIRST))).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_host_that_is_read_only_or_away_is_passed_over() {
    let pair = Pair::new(Replication::Asynchronous).await;
    let nobody = tempfile::tempdir_in("/tmp").unwrap();
    let both = pair.database.at(nobody.path()).or_at(pair.standby.socket_folder());
    let all = both.or_at(pair.primary.socket_folder());
    let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
    assert_eq!(db_at(&all.daemon_url).set_temporary(&new).await.unwrap(), SetOutcome::Stored);
    let error = db_at(&both.daemon_url).set_temporary(&new).await.unwrap_err();
    assert!(matches!(error, DbError::NotCommitted(_)), "{error:?}");
}

/// A primary with a scene in it, a standby, and the daemon's handle with both.
struct Pair {
    primary: Postgres,
    standby: Postgres,
    database: Database,
    db: Db,
}

impl Pair {
    async fn new(replication: Replication) -> Self {
        let primary = Postgres::temporary(Durability::Fast).await.unwrap();
        let database = primary.migrated("karipass", Path::new(KARIPASS)).await.unwrap();
        DatabaseScene::in_database(database.clone()).await;
        let standby = primary.standby(replication).await.unwrap();
        let db = db_at(&database.or_at(standby.socket_folder()).daemon_url);
        Self { primary, standby, database, db }
    }

    /// The scene on the standby.
    async fn after(&self) -> DatabaseScene {
        let database = self.database.at(self.standby.socket_folder());
        DatabaseScene { owner: database.owner().await.unwrap(), database, db: self.db.clone() }
    }
}

/// A cluster whose commits wait for a standby that does not exist, and whose roles are sent no
/// warning unless they ask for it.
async fn lonely() -> (StoppableCluster, DatabaseScene) {
    let (postgres, database) = support::stoppable_cluster().await;
    let silence = "ALTER ROLE ALL SET client_min_messages = error";
    postgres.superuser("postgres").await.unwrap().batch_execute(silence).await.unwrap();
    let scene = DatabaseScene::in_database(database).await;
    wait_for_standby(&postgres, "nobody").await;
    let other = postgres.superuser("postgres").await.unwrap();
    let write = async || -> Infallible {
        loop {
            let write = "SELECT pg_logical_emit_message(true, 'karipass', '')";
            other.execute(write, &[]).await.unwrap();
        }
    };
    let superuser = postgres.superuser("postgres").await.unwrap();
    // The server's processes apply the setting one after the other: after this wait all commits
    // wait.
    tokio::select! {
        () = cancel_wait(&superuser) => {}
        never = write() => match never {},
    }
    (postgres, scene)
}

/// Sets the standby that commits wait for.
async fn wait_for_standby(postgres: &Postgres, name: &str) {
    let superuser = postgres.superuser("postgres").await.unwrap();
    let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'");
    superuser.batch_execute(&set).await.unwrap();
    superuser.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}

/// Cancels waits for a standby, for ever.
async fn cancel_waits(postgres: &Postgres) -> Infallible {
    let superuser = postgres.superuser("postgres").await.unwrap();
    loop {
        cancel_wait(&superuser).await;
    }
}

/// Cancels the next wait for a standby.
async fn cancel_wait(superuser: &Client) {
    let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while superuser.query(cancel, &[]).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The result of `work` while every wait for a standby is cancelled.
async fn under_cancels<T>(
    postgres: &Postgres,
    work: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    tokio::select! {
        answer = work => answer,
        never = cancel_waits(postgres) => match never {},
    }
}
