//! What every trial shares: the private cluster and the built binary.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use karipass::clock;
use karipass::config::{Database as DatabaseConfig, Secret};
use karipass::store::Store;
use karipass_lab::postgres::{Database, Durability, Postgres};
use libtest_mimic::Trial;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

/// The binary under test.
pub const KARIPASS: &str = env!("CARGO_BIN_EXE_karipass");

/// How long a trial waits for what must come: only a fault takes as long, on any machine.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Held by each trial that wants every core for itself.
pub static ALONE: Mutex<()> = Mutex::const_new(());

/// The servers; they end with it.
pub struct World {
    /// The cluster; its template is migrated.
    pub postgres: Postgres,
    /// Another one for trials that stop it, one trial at a time; made when first asked for.
    mortal: Mutex<Option<Postgres>>,
}

impl World {
    /// Starts the cluster and makes the template.
    pub fn start() -> Self {
        runtime().block_on(async {
            let postgres = Postgres::temporary(Durability::Fast).await.unwrap();
            postgres.make_template(Path::new(KARIPASS)).await.unwrap();
            Self { postgres, mortal: Mutex::new(None) }
        })
    }

    /// A running cluster that this trial may stop, with a migrated database in it.
    pub async fn mortal(&self) -> (Mortal<'_>, Database) {
        let mut slot = self.mortal.lock().await;
        if slot.is_none() {
            let postgres = Postgres::temporary(Durability::Fast).await.unwrap();
            postgres.make_template(Path::new(KARIPASS)).await.unwrap();
            *slot = Some(postgres);
        }
        let postgres = Mortal(slot);
        let database = postgres.fresh().await.unwrap();
        (postgres, database)
    }

    /// A migrated database of this trial's own.
    pub async fn database(&self) -> Database {
        self.postgres.fresh().await.unwrap()
    }
}

/// A running cluster of one trial at a time; a trial that fails leaves it to nobody else, as it may leave
/// it in any state.
pub struct Mortal<'a>(MutexGuard<'a, Option<Postgres>>);

impl Deref for Mortal<'_> {
    type Target = Postgres;

    fn deref(&self) -> &Postgres {
        self.0.as_ref().unwrap()
    }
}

impl DerefMut for Mortal<'_> {
    fn deref_mut(&mut self) -> &mut Postgres {
        self.0.as_mut().unwrap()
    }
}

impl Drop for Mortal<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.0 = None;
        }
    }
}

/// A trial with a runtime of its own.
pub fn trial<F: Future<Output = ()>>(
    world: &Arc<World>,
    name: &str,
    test: impl FnOnce(Arc<World>) -> F + Send + 'static,
) -> Trial {
    let world = Arc::clone(world);
    Trial::test(name, move || {
        runtime().block_on(test(world));
        Ok(())
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Waits until something is so.
pub async fn until(what: &str, is_so: impl AsyncFnMut() -> bool) {
    until_at_last(PATIENCE, what, is_so).await;
}

/// The same for what is much work, so that a slow machine takes long for it.
pub async fn until_at_last(limit: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = clock::now();
    while !is_so().await {
        assert!(began.elapsed() < limit, "waited in vain for {what}");
        sleep(LOOK_EVERY).await;
    }
}

/// Waits until so many connections of a database wait for a lock.
pub async fn until_locked_out(world: &World, database: &Database, connections: i64) {
    let superuser = world.postgres.superuser("postgres").await.unwrap();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'";
    until("the wait for a lock", async || {
        let row = superuser.query_one(waiting, &[&database.name]).await.unwrap();
        row.get::<_, i64>(0) >= connections
    })
    .await;
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
pub fn daemon_store(database: &Database) -> Store {
    Store::for_daemon(&configured(database)).unwrap()
}

/// The daemon's view of a database by another way, such as a proxy's.
pub fn store_at(url: &str) -> Store {
    Store::for_daemon(&DatabaseConfig {
        url: Secret::from(url.to_owned()),
        owner_url: None,
        connections: 8,
    })
    .unwrap()
}

/// The operator's view of a database.
pub fn operator_store(database: &Database) -> Store {
    Store::for_operator(&Secret::from(database.owner_url.clone())).unwrap()
}

fn configured(database: &Database) -> DatabaseConfig {
    DatabaseConfig {
        url: Secret::from(database.daemon_url.clone()),
        owner_url: Some(Secret::from(database.owner_url.clone())),
        connections: 8,
    }
}

/// What a run of the binary came to.
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
