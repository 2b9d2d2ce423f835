//! The common parts of all tests: a private cluster, the built binary, and ways to wait.
//!
//! The cluster starts with the first test that needs a database and ends with this process. Each
//! test has separate databases in it. A test that stops the server takes [`stoppable_cluster`].

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use karipass::clock;
use karipass::config::{DatabaseSettings, Secret};
use karipass::db::Db;
use karipass_lab::postgres::{Database, Postgres};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;
use tokio_postgres::Client;

/// The binary under test.
pub const KARIPASS: &str = env!("CARGO_BIN_EXE_karipass");

/// How long a test waits for an expected event: only a fault takes as long, on any machine.
pub const WAIT_TIMEOUT: Duration = Duration::from_mins(1);
/// The interval of polls.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Held by each test that needs every core.
pub static EXCLUSIVE: Mutex<()> = Mutex::const_new(());

static CLUSTER: LazyLock<Postgres> = LazyLock::new(|| {
    // A runtime cannot wait for another one on the same thread.
    let starting = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(start_cluster())
    });
    starting.join().unwrap()
});

/// The cluster that all tests share; its template is migrated.
pub fn cluster() -> &'static Postgres {
    &CLUSTER
}

/// A migrated database for one test.
pub async fn database() -> Database {
    cluster().fresh().await.unwrap()
}

/// A running cluster that this test may stop, with a migrated database in it.
pub async fn stoppable_cluster() -> (StoppableCluster, Database) {
    static SLOT: Mutex<Option<Postgres>> = Mutex::const_new(None);
    let mut slot = SLOT.lock().await;
    if slot.is_none() {
        *slot = Some(start_cluster().await);
    }
    let postgres = StoppableCluster(slot);
    let database = postgres.fresh().await.unwrap();
    (postgres, database)
}

async fn start_cluster() -> Postgres {
    Postgres::with_template(Path::new(KARIPASS)).await.unwrap()
}

/// A running cluster of one test at a time.
///
/// A test that fails may leave the server in any state, so the next test gets a fresh one.
pub struct StoppableCluster(MutexGuard<'static, Option<Postgres>>);

impl Deref for StoppableCluster {
    type Target = Postgres;

    fn deref(&self) -> &Postgres {
        self.0.as_ref().unwrap()
    }
}

impl DerefMut for StoppableCluster {
    fn deref_mut(&mut self) -> &mut Postgres {
        self.0.as_mut().unwrap()
    }
}

impl Drop for StoppableCluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.0 = None;
        }
    }
}

/// Waits until the condition holds.
pub async fn wait_until(what: &str, is_so: impl AsyncFnMut() -> bool) {
    wait_until_within(WAIT_TIMEOUT, what, is_so).await;
}

/// The same for much work, which takes long on a slow machine.
pub async fn wait_until_within(limit: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = clock::now();
    while !is_so().await {
        assert!(began.elapsed() < limit, "waited in vain for {what}");
        sleep(POLL_INTERVAL).await;
    }
}

/// Waits until `connections` connections of a database wait for a lock.
pub async fn wait_until_locked_out(database: &Database, connections: i64) {
    let superuser = cluster().superuser("postgres").await.unwrap();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'";
    wait_until("the wait for a lock", async || {
        let row = superuser.query_one(waiting, &[&database.name]).await.unwrap();
        row.get::<_, i64>(0) >= connections
    })
    .await;
}

/// Ends the daemon's connections to the database that this superuser is connected to.
pub async fn end_daemon_connections(superuser: &Client) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND usename = 'karipass'";
    superuser.execute(end, &[]).await.unwrap();
}

/// Runs `work` within `limit`, counted in ticks of this process: a machine that delays the ticks
/// gives the work more time.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    const TICK: Duration = Duration::from_millis(10);
    let ticks = async {
        for _ in 0..limit.as_millis() / TICK.as_millis() {
            sleep(TICK).await;
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = ticks => panic!("not done within {limit:?}"),
    }
}

/// The daemon's view of a database.
pub fn daemon_db(database: &Database) -> Db {
    Db::for_daemon(&configured(database)).unwrap()
}

/// The daemon's view of a database by another way, such as a proxy's.
pub fn db_at(url: &str) -> Db {
    Db::for_daemon(&DatabaseSettings {
        url: Secret::from(url.to_owned()),
        owner_url: None,
        max_connections: 8,
    })
    .unwrap()
}

/// The operator's view of a database.
pub fn operator_db(database: &Database) -> Db {
    Db::for_operator(&Secret::from(database.owner_url.clone())).unwrap()
}

fn configured(database: &Database) -> DatabaseSettings {
    DatabaseSettings {
        url: Secret::from(database.daemon_url.clone()),
        owner_url: Some(Secret::from(database.owner_url.clone())),
        max_connections: 8,
    }
}

/// The result of a run of the binary.
#[derive(Debug)]
pub struct Ran {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs the binary with these arguments against a database.
pub fn karipass(database: &Database, arguments: &[&str]) -> Ran {
    run(database.karipass(Path::new(KARIPASS)).args(arguments))
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
