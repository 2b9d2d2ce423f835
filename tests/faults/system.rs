//! The system of a row: PostgreSQL, an Asterisk or two, two daemons, all on loopback.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context as _, Result, bail};
use karipass_lab::asterisk::{Asterisk, AsteriskSetup, CARRIER, SET_UP_NUMBER};
use karipass_lab::child::raise_priority;
use karipass_lab::daemon::{Daemon, DaemonSetup, NO_LIMITS};
use karipass_lab::folder;
use karipass_lab::postgres::{Database, Durability, Postgres, Replication};
use karipass_lab::proxy::PostgresProxy;
use karipass_lab::subscriber::Line;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::fleet::Fleet;
use crate::front::{self, HaProxy, Kamailio};
use crate::tcp_proxy::TcpProxy;

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
pub struct SystemOptions {
    /// Each daemon reaches ARI through a [`TcpProxy`].
    pub ari_proxied: bool,
    /// Both daemons reach PostgreSQL through a [`PostgresProxy`].
    pub proxied: bool,
    /// PostgreSQL has a streaming standby, which the daemons know as their second host.
    pub standby: Option<Replication>,
    /// There are two Asterisks behind Kamailio, and the sites are behind HAProxy.
    pub scaled: bool,
    /// Further variables of both daemons.
    pub variables: Vec<(&'static str, String)>,
}

/// The servers; ended in this order.
pub struct FaultSystem {
    pub fleet: Fleet,
    /// Before the Asterisks and the sites.
    pub front: Option<Front>,
    asterisks: Vec<Mutex<Asterisk>>,
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
    pub fn start(options: &SystemOptions) -> Result<Self> {
        let folder = folder::temporary("karipass-faults-")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("faults")
            // The proxies stand for a network, and the load balancer for another machine.
            .on_thread_start(raise_priority)
            .enable_all()
            .build()?;
        let (postgres, database, standby) = runtime.block_on(async {
            let postgres = Postgres::temporary(Durability::Durable).await?;
            let database = postgres.migrated("karipass", Path::new(KARIPASS)).await?;
            let standby = match options.standby {
                Some(replication) => Some(postgres.standby(replication).await?),
                None => None,
            };
            anyhow::Ok((postgres, database, standby))
        })?;
        let asterisks = start_asterisks(folder.path(), options)?;
        let ari_proxies = runtime.block_on(ari_proxies(&asterisks[0], options))?;
        let proxy = runtime.block_on(async {
            options.proxied.then(|| PostgresProxy::before(postgres.socket_folder())).transpose()
        })?;
        let mut through = database.clone();
        if let Some(proxy) = &proxy {
            through.daemon_url = database.at(proxy.socket_folder()).daemon_url;
        }
        if let Some(standby) = &standby {
            through = through.or_at(standby.socket_folder());
        }
        let setups = setups(folder.path(), &asterisks, &through, &ari_proxies, options)?;
        setups[0].import_numbers((0..=CONTRACTS).map(number))?;
        let daemons = setups.into_iter().map(Daemon::start).collect::<Result<Vec<_>>>()?;
        let front = options
            .scaled
            .then(|| Front::start(folder.path(), &asterisks, &daemons))
            .transpose()?;
        let sip = front.as_ref().map_or(asterisks[0].setup.sip, |front| front.kamailio.sip);
        let line = Line::new(sip, SET_UP_NUMBER);
        let fleet = Fleet::new(daemons, &APPS)?;
        Ok(Self {
            fleet,
            front,
            asterisks: asterisks.into_iter().map(Mutex::new).collect(),
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

    /// The first PBX.
    pub fn asterisk(&self) -> MutexGuard<'_, Asterisk> {
        self.asterisks[0].lock().unwrap()
    }

    /// Each PBX.
    pub fn asterisks(&self) -> &[Mutex<Asterisk>] {
        &self.asterisks
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

/// What stands before the Asterisks and the sites of a scaled system.
pub struct Front {
    pub kamailio: Kamailio,
    pub proxy: HaProxy,
}

impl Front {
    fn start(folder: &Path, asterisks: &[Asterisk], daemons: &[Daemon]) -> Result<Self> {
        let addresses: Vec<_> = asterisks.iter().map(|asterisk| asterisk.setup.sip).collect();
        let kamailio = Kamailio::start(&folder.join("kamailio"), &addresses)?;
        let [a, b] = daemons else { bail!("HAProxy needs two daemons") };
        let proxy = HaProxy::start(&folder.join("haproxy"), [&a.setup, &b.setup])?;
        Ok(Self { kamailio, proxy })
    }
}

/// One Asterisk, or two that trust Kamailio.
fn start_asterisks(folder: &Path, options: &SystemOptions) -> Result<Vec<Asterisk>> {
    let globals = format!("KARIPASS_APPS = {}\n", APPS.join("&"));
    let names = if options.scaled { &["asterisk-1", "asterisk-2"][..] } else { &["asterisk"] };
    let mut asterisks = Vec::new();
    for name in names {
        let mut setup = AsteriskSetup::new(folder.join(name))?.snippet("globals.conf", &globals);
        if options.scaled {
            setup = setup.snippet("phones.conf", &front::trunk()?);
        }
        asterisks.push(Asterisk::start(setup)?);
    }
    Ok(asterisks)
}

async fn ari_proxies(asterisk: &Asterisk, options: &SystemOptions) -> Result<Vec<TcpProxy>> {
    let mut ari_proxies = Vec::new();
    if options.ari_proxied {
        for _ in APPS {
            ari_proxies.push(TcpProxy::before(asterisk.setup.ari).await?);
        }
    }
    Ok(ari_proxies)
}

/// Kamailio passes no media on, and HAProxy names its clients.
fn behind_front() -> [(&'static str, String); 2] {
    [
        ("KARIPASS_CALL_MEDIA_NETWORKS", format!("kamailio={CARRIER}")),
        ("KARIPASS_SITE_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
    ]
}

fn setups(
    folder: &Path,
    asterisks: &[Asterisk],
    database: &Database,
    ari_proxies: &[TcpProxy],
    options: &SystemOptions,
) -> Result<Vec<DaemonSetup>> {
    let mut setups = Vec::new();
    for (index, app) in APPS.iter().enumerate() {
        let own = folder.join(app);
        let first = &asterisks[0].setup;
        let mut setup = DaemonSetup::new(Path::new(KARIPASS), &own, first, database)?
            .variables(NO_LIMITS)
            .variables(PATIENT)
            .variables(options.variables.clone());
        if options.scaled {
            for asterisk in &asterisks[1..] {
                setup = setup.another_asterisk(&asterisk.setup);
            }
            let apps =
                (1..=asterisks.len()).map(|place| (format!("KARIPASS_ARI_{place}_APP"), *app));
            setup = setup.variables(apps).variables(behind_front());
        } else {
            setup = setup.variables([("KARIPASS_ARI_APP", *app)]);
        }
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
