//! The system of a row: PostgreSQL, one Asterisk, two daemons, all on loopback.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context as _, Result};
use karipass_lab::asterisk::{Asterisk, AsteriskSetup, SET_UP_NUMBER};
use karipass_lab::daemon::{Daemon, DaemonSetup, NO_LIMITS};
use karipass_lab::folder;
use karipass_lab::postgres::{Database, Durability, Postgres, Replication};
use karipass_lab::proxy::PostgresProxy;
use karipass_lab::proxy::tcp::TcpProxy;
use karipass_lab::subscriber::Line;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::fleet::Fleet;

/// The binary under test.
pub const KARIPASS: &str = env!("CARGO_BIN_EXE_karipass");

/// Contracts of one number each: as many as a row's callers.
const CONTRACTS: usize = 2000;
/// The name of each daemon's application, in the dialplan's order.
const APPS: [&str; 2] = ["karipass-a", "karipass-b"];

/// Silences that nobody makes by keying on a busy machine.
const PATIENT: [(&str, &str); 2] =
    [("KARIPASS_CALL_FIRST_DIGIT_TIMEOUT_S", "30"), ("KARIPASS_CALL_INTER_DIGIT_TIMEOUT_S", "30")];

/// The features of a row's system.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Each daemon reaches ARI through a [`TcpProxy`].
    pub ari_proxied: bool,
    /// Both daemons reach PostgreSQL through a [`PostgresProxy`].
    pub proxied: bool,
    /// PostgreSQL has a streaming standby, which the daemons know as their second host.
    pub standby: Option<Replication>,
    /// Further variables of both daemons.
    pub variables: Vec<(&'static str, String)>,
}

/// The servers; ended in this order.
pub struct FaultSystem {
    pub fleet: Fleet,
    asterisk: Mutex<Asterisk>,
    /// Before ARI, one for each daemon.
    pub ari_proxies: Vec<TcpProxy>,
    /// Before PostgreSQL.
    pub proxy: Option<PostgresProxy>,
    pub postgres: Postgres,
    pub standby: Option<Postgres>,
    database: Mutex<Database>,
    line: Line,
    next: AtomicUsize,
    pub runtime: Arc<Runtime>,
    _folder: TempDir,
}

impl FaultSystem {
    /// Starts everything and waits until both daemons are ready.
    pub fn start(wishes: &Wishes) -> Result<Self> {
        let folder = folder::temporary("karipass-faults-")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("faults")
            .enable_all()
            .build()?;
        let (postgres, database, standby) = runtime.block_on(async {
            let postgres = Postgres::temporary(Durability::Durable).await?;
            let database = postgres.migrated("karipass", Path::new(KARIPASS)).await?;
            let standby = match wishes.standby {
                Some(replication) => Some(postgres.standby(replication).await?),
                None => None,
            };
            anyhow::Ok((postgres, database, standby))
        })?;
        let globals = format!("KARIPASS_APPS = {}\n", APPS.join("&"));
        let setup =
            AsteriskSetup::new(folder.path().join("asterisk"))?.snippet("globals.conf", &globals);
        let asterisk = Asterisk::start(setup)?;
        let line = Line::new(asterisk.setup.sip, SET_UP_NUMBER);
        let ari_proxies = runtime.block_on(ari_proxies(&asterisk, wishes))?;
        let proxy = runtime.block_on(async {
            wishes.proxied.then(|| PostgresProxy::before(postgres.socket_folder())).transpose()
        })?;
        let mut through = database.clone();
        if let Some(proxy) = &proxy {
            through.daemon_url = database.at(proxy.socket_folder()).daemon_url;
        }
        if let Some(standby) = &standby {
            through = through.or_at(standby.socket_folder());
        }
        let setups = setups(folder.path(), &asterisk, &through, &ari_proxies, wishes)?;
        setups[0].import_numbers((0..=CONTRACTS).map(number))?;
        let daemons = setups.into_iter().map(Daemon::start).collect::<Result<Vec<_>>>()?;
        let fleet = Fleet::new(daemons, &APPS)?;
        Ok(Self {
            fleet,
            asterisk: Mutex::new(asterisk),
            ari_proxies,
            proxy,
            postgres,
            standby,
            database: Mutex::new(database),
            line,
            next: AtomicUsize::new(0),
            runtime: Arc::new(runtime),
            _folder: folder,
        })
    }

    /// The database, where it can be changed.
    pub fn database(&self) -> Database {
        self.database.lock().unwrap().clone()
    }

    /// The primary is lost for good: the standby takes its place.
    pub fn promote(&self) -> Result<()> {
        let standby = self.standby.as_ref().context("no standby")?;
        self.runtime.block_on(standby.promote())?;
        let mut database = self.database.lock().unwrap();
        *database = database.at(standby.socket_folder());
        Ok(())
    }

    /// How to call the system.
    pub fn line(&self) -> Line {
        self.line.clone()
    }

    /// The PBX.
    pub fn asterisk(&self) -> MutexGuard<'_, Asterisk> {
        self.asterisk.lock().unwrap()
    }

    /// A number that has never called.
    pub fn fresh_number(&self) -> String {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        assert!(index < CONTRACTS, "more callers than contracts");
        number(index)
    }
}

/// One of the contracts' numbers.
pub fn number(index: usize) -> String {
    format!("067{:03}{:04}", index / 1000, 4000 + index % 1000)
}

/// A number with a contract that nobody calls from.
pub fn silent_number() -> String {
    number(CONTRACTS)
}

async fn ari_proxies(asterisk: &Asterisk, wishes: &Wishes) -> Result<Vec<TcpProxy>> {
    let mut ari_proxies = Vec::new();
    if wishes.ari_proxied {
        for _ in APPS {
            ari_proxies.push(TcpProxy::before(asterisk.setup.ari).await?);
        }
    }
    Ok(ari_proxies)
}

fn setups(
    folder: &Path,
    asterisk: &Asterisk,
    database: &Database,
    ari_proxies: &[TcpProxy],
    wishes: &Wishes,
) -> Result<Vec<DaemonSetup>> {
    let mut setups = Vec::new();
    for (index, app) in APPS.iter().enumerate() {
        let own = folder.join(app);
        let mut setup = DaemonSetup::new(Path::new(KARIPASS), &own, &asterisk.setup, database)?
            .variables([("KARIPASS_ARI_APP", *app)])
            .variables(NO_LIMITS)
            .variables(PATIENT)
            .variables(wishes.variables.clone());
        if let Some(proxy) = ari_proxies.get(index) {
            let url = format!("http://{}", proxy.address);
            setup = setup.variables([("KARIPASS_ARI_URL", url)]);
        }
        // Both have the keys and the certificate of the first.
        if index > 0 {
            fs::create_dir_all(&own)?;
            for file in ["hash.keys", "certificate.pem", "key.pem"] {
                fs::copy(folder.join(APPS[0]).join(file), own.join(file))?;
            }
        }
        setup.lay_out()?;
        setups.push(setup);
    }
    Ok(setups)
}
