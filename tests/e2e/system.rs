//! A whole system for stories to run on. Most of them share one, which ends with this process.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use karipass_lab::asterisk::{Asterisk, AsteriskSetup, Phone, SET_UP_NUMBER};
use karipass_lab::collector::FakeCollector;
use karipass_lab::daemon::{Daemon, DaemonSetup, NO_LIMITS};
use karipass_lab::folder;
use karipass_lab::postgres::{Database, Postgres};
use karipass_lab::subscriber::Line;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::story::{Family, PHONE_FAMILY};

/// The binary under test.
pub const KARIPASS: &str = env!("CARGO_BIN_EXE_karipass");

/// A PostgreSQL, an Asterisk and a daemon.
pub struct System {
    /// The daemon; none in stories about its absence.
    pub daemon: Option<Mutex<Daemon>>,
    pub asterisk: Asterisk,
    pub database: Database,
    pub postgres: Arc<Postgres>,
    /// It gets the traces of its daemons.
    pub collector: FakeCollector,
    pub folder: TempDir,
    runtime: Runtime,
    families: AtomicUsize,
    passwords: Mutex<Vec<String>>,
}

/// Silences that nobody makes by keying on a busy machine. They are longer than the default ones:
/// who hears `invalid` so late has been given these.
pub const PATIENT: [(&str, &str); 2] =
    [("KARIPASS_CALL_FIRST_DIGIT_TIMEOUT_S", "12"), ("KARIPASS_CALL_INTER_DIGIT_TIMEOUT_S", "12")];
/// The length of each.
pub const PATIENCE: Duration = Duration::from_secs(12);

/// The cluster of every system that does not stop it.
static CLUSTER: LazyLock<Arc<Postgres>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    Arc::new(runtime.block_on(Postgres::with_template(Path::new(KARIPASS))).expect("a PostgreSQL"))
});

static SHARED: LazyLock<RwLock<System>> =
    LazyLock::new(|| RwLock::new(System::with_identity().expect("a system")));

/// What an operator adds to the site (`W10`), except for the logo. The name is the usual one.
const IDENTITY: [(&str, &str); 8] = [
    ("KARIPASS_SITE_COMPANY", "例示電話株式会社"),
    ("KARIPASS_SITE_HELP_URL", "https://www.example.com/help"),
    ("KARIPASS_SITE_CONTACT_URL", "https://www.example.com/contact"),
    ("KARIPASS_SITE_PRIVACY_URL", "https://www.example.com/privacy"),
    ("KARIPASS_SITE_TERMS_URL", "https://www.example.com/terms"),
    ("KARIPASS_SITE_SUPPORT_NUMBER", "0120000000"),
    ("KARIPASS_SITE_SUPPORT_HOURS", "平日9時から17時まで"),
    ("KARIPASS_SITE_NOTICES", "12月1日0時から6時まで、点検のため停止します。"),
];
/// Dark on nothing, as many logos are.
const LOGO: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40">
    <circle cx="20" cy="20" r="15" fill="none" stroke="#1a1a1a" stroke-width="4"/>
    <circle cx="20" cy="20" r="5" fill="#1a1a1a"/>
    <text x="44" y="26" font-family="sans-serif" font-size="18" font-weight="bold"
          fill="#1a1a1a">例示電話</text>
</svg>"##;

impl System {
    /// The system that most stories share.
    pub fn shared() -> RwLockReadGuard<'static, Self> {
        SHARED.read().unwrap()
    }

    /// The same, while no other test uses it.
    pub fn shared_alone() -> RwLockWriteGuard<'static, Self> {
        SHARED.write().unwrap()
    }

    /// The system that most stories share; its site shows an operator's identity.
    fn with_identity() -> Result<Self> {
        let system = Self::without_daemon(&[])?;
        let file = system.folder.path().join("logo.svg");
        fs::write(&file, LOGO)?;
        let logo = ("KARIPASS_SITE_LOGO_FILE", file.to_str().context("a folder's name")?);
        system.with_daemon(&[&PATIENT[..], &IDENTITY, &[logo]].concat())
    }

    /// Starts all three; `variables` are the daemon's.
    pub fn start(variables: &[(&str, &str)]) -> Result<Self> {
        Self::without_daemon(&[])?.with_daemon(variables)
    }

    /// The same with a daemon whose variables these are.
    pub fn with_daemon(mut self, variables: &[(&str, &str)]) -> Result<Self> {
        self.daemon = Some(Mutex::new(self.another_daemon("daemon", variables)?));
        Ok(self)
    }

    /// A daemon in a folder of this name, at the same Asterisk and database.
    pub fn another_daemon(&self, folder: &str, variables: &[(&str, &str)]) -> Result<Daemon> {
        let folder = self.folder.path().join(folder);
        let (asterisk, database) = (&self.asterisk.setup, &self.database);
        let setup = DaemonSetup::new(Path::new(KARIPASS), folder, asterisk, database)?
            .variables(NO_LIMITS)
            .variables([("KARIPASS_LOG_FILTER", "trace")])
            .variables([("KARIPASS_TRACING_ENDPOINT", &self.collector.url)])
            .variables(variables.iter().copied());
        Daemon::start(setup)
    }

    /// An Asterisk without a connected daemon, with these snippets in its configuration.
    pub fn without_daemon(snippets: &[(&str, &str)]) -> Result<Self> {
        let cluster = LazyLock::force(&CLUSTER);
        Self::with_postgres(async { Ok(Arc::clone(cluster)) }, snippets)
    }

    /// The same with a PostgreSQL that this system may stop or configure.
    pub fn with_own_postgres(snippets: &[(&str, &str)]) -> Result<Self> {
        let cluster = Postgres::with_template(Path::new(KARIPASS));
        Self::with_postgres(async { cluster.await.map(Arc::new) }, snippets)
    }

    /// An Asterisk that `prepare` sets up, and may examine beside this database before it starts.
    pub fn with_asterisk(
        prepare: impl FnOnce(AsteriskSetup, &Database) -> Result<AsteriskSetup>,
    ) -> Result<Self> {
        let cluster = LazyLock::force(&CLUSTER);
        Self::prepared(async { Ok(Arc::clone(cluster)) }, prepare)
    }

    fn with_postgres(
        postgres: impl Future<Output = Result<Arc<Postgres>>>,
        snippets: &[(&str, &str)],
    ) -> Result<Self> {
        Self::prepared(postgres, |mut setup, _| {
            setup.phones.push(Phone::new(&Family::new(PHONE_FAMILY).contract));
            for (file, text) in snippets {
                setup = setup.snippet(file, text);
            }
            Ok(setup)
        })
    }

    fn prepared(
        postgres: impl Future<Output = Result<Arc<Postgres>>>,
        prepare: impl FnOnce(AsteriskSetup, &Database) -> Result<AsteriskSetup>,
    ) -> Result<Self> {
        let folder = folder::temporary("karipass-e2e-")?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (postgres, database) = runtime.block_on(async {
            let postgres = postgres.await?;
            let database = postgres.fresh().await?;
            anyhow::Ok((postgres, database))
        })?;
        let setup = AsteriskSetup::new(folder.path().join("asterisk"))?;
        let asterisk = Asterisk::start(prepare(setup, &database)?)?;
        Ok(Self {
            daemon: None,
            asterisk,
            database,
            postgres,
            collector: FakeCollector::start()?,
            folder,
            runtime,
            families: AtomicUsize::new(PHONE_FAMILY + 1),
            passwords: Mutex::new(Vec::new()),
        })
    }

    /// How to call it.
    pub fn line(&self) -> Line {
        Line::new(self.asterisk.setup.sip, SET_UP_NUMBER)
    }

    /// Every password that a story has drawn.
    pub fn passwords(&self) -> Vec<String> {
        self.passwords.lock().unwrap().clone()
    }

    /// The index of numbers that are unique to a story.
    pub fn next_family(&self) -> usize {
        self.families.fetch_add(1, Ordering::Relaxed)
    }

    /// Remembers a password for the search of the logs.
    pub fn remember(&self, password: &str) {
        self.passwords.lock().unwrap().push(password.to_owned());
    }

    /// Waits for something of the database or the API.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs `karipass` as the operator.
    pub fn operator(&self, arguments: &[&str]) -> Result<()> {
        let daemon = self.daemon.as_ref().unwrap().lock().unwrap();
        let output = daemon.setup.operator().args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "karipass {arguments:?}: {said}");
        Ok(())
    }
}
