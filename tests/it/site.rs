//! The subscribers' site in this process or in separate daemons, and a client that logs in.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use domain::password::{PhcString, TemporaryPassword};
use domain::rules::STORE_TIMEOUT;
use karipass::auth::{Seals, SessionToken};
use karipass::clock;
use karipass::config::Config;
use karipass::db::Db;
use karipass::hashing::{Cost, Dummy, Hasher, Keys, Salt};
use karipass::settings;
use karipass::web::{self, AppState};
use karipass_lab::child::{Child, memory_kib};
use karipass_lab::daemon::NO_LIMITS;
use karipass_lab::ports;
use karipass_lab::postgres::Database;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use crate::support::{self, KARIPASS};

/// The password of every credential here.
pub const RIGHT: &str = "48151623";
/// A wrong password.
pub const WRONG: &str = "48151624";
/// The contract number of [`contract`].
pub const NUMBER: &str = "0612345600";
/// The cost of a hash here, since most tests wait for many: a daemon's own new hashes cost
/// [`Cost::LIVE`].
pub const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
/// The key of every service here: the lab's.
pub const KEYS: &str = "lab AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The clock of the limits of every [`Service`]: it stands still, so that no spent point returns.
static NOW: LazyLock<Instant> = LazyLock::new(clock::now);
/// A client of a [`Service`] may take as long as its test: however slow the machine is, no held
/// connection ends by itself.
const TIMEOUTS: web::RequestTimeouts = web::RequestTimeouts { head: LATE, body: LATE };
const LATE: Duration = Duration::from_hours(1);

/// A configuration with this database and these variables.
pub fn configured(database: &Database, variables: &[(&str, &str)]) -> Config {
    let base = [
        ("KARIPASS_ARI_USER", "karipass"),
        ("KARIPASS_ARI_PASSWORD", "unused"),
        ("KARIPASS_DATABASE_URL", &database.daemon_url),
        ("KARIPASS_HASHING_KEYS", KEYS),
    ];
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in base.iter().chain(&NO_LIMITS).chain(variables) {
        all.retain(|(known, _)| known != name);
        all.push(((*name).to_owned(), (*value).to_owned()));
    }
    settings::load(None, all).unwrap()
}

/// A site in this process, with its own pool and hashing threads; ends when dropped.
pub struct Service {
    /// Where it answers, such as `http://127.0.0.1:40001`.
    pub base: String,
    /// Its hashing threads.
    pub hasher: Hasher,
    /// The paths of its routes.
    pub paths: Vec<String>,
    handle: web::Handle,
}

impl Service {
    pub async fn start(database: &Database, variables: &[(&str, &str)]) -> Self {
        Self::with_limit(database, variables, STORE_TIMEOUT).await
    }

    /// One that waits for the database as long as a test does.
    pub async fn patient(database: &Database) -> Self {
        Self::with_limit(database, &[], LATE).await
    }

    async fn with_limit(database: &Database, variables: &[(&str, &str)], limit: Duration) -> Self {
        let config = configured(database, variables);
        let db = Db::for_daemon(&config.database).unwrap().with_limit(limit);
        let dummy = Dummy::draw(&mut rand::rng());
        let hasher = Hasher::start(config.hashing.keys.clone(), CHEAP, &dummy).unwrap();
        let listener = web::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let handle = web::Handle::new();
        let state = AppState::new(&config, db, hasher.clone(), TIMEOUTS, || *NOW);
        let tls = config.site.tls.clone();
        let (paths, router) = (state.paths(), state.router(tls.is_some()));
        let limiter = web::ConnectionLimiter::for_subscribers(&config.site, || *NOW);
        let serving = handle.clone();
        tokio::spawn(async move {
            web::serve(listener, router, tls.as_ref(), limiter, TIMEOUTS, serving).await.unwrap();
        });
        let address = handle.listening().await.unwrap();
        Self { base: format!("http://{address}"), hasher, paths, handle }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// `karipass serve` in its own process, without an Asterisk; killed when dropped.
pub struct SiteDaemon {
    /// Where its site answers, such as `http://127.0.0.1:40001`.
    pub base: String,
    /// Where operators ask, likewise.
    pub operators: String,
    child: Child,
    folder: TempDir,
}

impl SiteDaemon {
    /// Starts one with these variables besides the usual ones, and waits until its site answers.
    pub fn start(database: &Database, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        Self::start_in(folder, database, variables, log.into())
    }

    /// The same, logging to `log`.
    pub fn start_with_log(database: &Database, variables: &[(&str, &str)], log: Stdio) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), database, variables, log)
    }

    fn start_in(
        folder: TempDir,
        database: &Database,
        variables: &[(&str, &str)],
        log: Stdio,
    ) -> Self {
        let listen = || format!("127.0.0.1:{}", ports::free_tcp().unwrap());
        let (site, operators) = (listen(), listen());
        let mut command = database.karipass(Path::new(KARIPASS));
        command
            .env("KARIPASS_SITE_LISTEN", &site)
            .env("KARIPASS_OPERATORS_LISTEN", &operators)
            .env("KARIPASS_ARI_URL", format!("http://{}", listen()))
            .env("KARIPASS_HASHING_KEYS", KEYS)
            .envs(NO_LIMITS)
            .envs(variables.iter().copied())
            .arg("serve")
            .stderr(log);
        // A secret that is given as a file must not be given otherwise.
        for secret in variables.iter().filter_map(|(name, _)| name.strip_suffix("_FILE")) {
            command.env_remove(secret);
        }
        let mut child = Child::spawn("karipass", command).unwrap();
        let answers = || Ok(TcpStream::connect(&site).is_ok());
        if let Err(error) = child.wait_for(Duration::from_mins(1), answers) {
            let said = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("{error}:\n{said}");
        }
        Self {
            base: format!("http://{site}"),
            operators: format!("http://{operators}"),
            child,
            folder,
        }
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Its resident memory.
    pub fn memory_kib(&self) -> u32 {
        memory_kib(self.child.id(), "VmRSS").unwrap()
    }

    /// A metric's value now, by its name with its labels.
    pub async fn metric(&self, client: &SiteClient, name: &str) -> f64 {
        let metrics = client.get(&format!("{}/metrics", self.operators)).await.body;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().parse().unwrap()
    }
}

/// A certificate for a site, in its own folder.
pub struct Certified {
    pub certificate: PathBuf,
    key: PathBuf,
    _folder: TempDir,
}

impl Certified {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        karipass_lab::certificate::keep_in(folder.path()).unwrap();
        let [certificate, key] =
            ["certificate.pem", "key.pem"].map(|file| folder.path().join(file));
        Self { certificate, key, _folder: folder }
    }

    /// The variables that name it in a daemon's configuration.
    pub fn variables(&self) -> [(&str, &str); 2] {
        [
            ("KARIPASS_SITE_CERTIFICATE_FILE", self.certificate.to_str().unwrap()),
            ("KARIPASS_SITE_KEY_FILE", self.key.to_str().unwrap()),
        ]
    }
}

/// An answer with its whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Its problem document's code, after checks of the document.
    pub fn code(&self) -> String {
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        for part in ["type", "title", "detail"] {
            assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
        }
        problem["code"].as_str().unwrap().to_owned()
    }

    pub fn token(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["token"].as_str().unwrap().to_owned()
    }
}

/// A client of a site; connections are kept.
#[derive(Clone)]
pub struct SiteClient(reqwest::Client);

impl SiteClient {
    pub fn new() -> Self {
        Self::from([127, 0, 0, 1])
    }

    /// From this address of the loopback.
    pub fn from(address: [u8; 4]) -> Self {
        Self(builder().local_address(Some(address.into())).build().unwrap())
    }

    /// A client that trusts this certificate (PEM) and no other.
    pub fn trusting(certificate: &[u8]) -> Self {
        let certificate = reqwest::Certificate::from_pem(certificate).unwrap();
        Self(builder().tls_certs_only([certificate]).build().unwrap())
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }

    pub async fn log_in(&self, base: &str, number: &str, password: &str) -> Answer {
        let body = json!({ "number": number, "password": password });
        self.send(self.0.post(format!("{base}/api/v1/login")).json(&body)).await
    }

    pub async fn session(&self, base: &str, token: &str) -> Answer {
        self.send(self.0.get(format!("{base}/api/v1/session")).bearer_auth(token)).await
    }

    pub async fn log_out(&self, base: &str, token: &str) -> Answer {
        self.send(self.0.post(format!("{base}/api/v1/logout")).bearer_auth(token)).await
    }

    pub async fn get(&self, url: &str) -> Answer {
        self.send(self.0.get(url)).await
    }

    /// The client for any other request.
    pub fn http(&self) -> &reqwest::Client {
        &self.0
    }
}

/// The common settings of the clients here.
pub fn builder() -> reqwest::ClientBuilder {
    // Only the first of many callers installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Shorter than the site keeps them, so that no request meets a closing connection.
    let kept = Duration::from_secs(5);
    reqwest::Client::builder().timeout(Duration::from_mins(5)).pool_idle_timeout(kept).no_proxy()
}

/// The seals of daemons with these keys.
pub fn seals(keys: &str) -> Seals {
    Seals::new(&Keys::parse(keys).unwrap())
}

/// The token inside a client's sealed token.
pub fn unsealed(token: &str) -> SessionToken {
    token.split_once('.').unwrap().0.parse().unwrap()
}

/// The hash of [`RIGHT`] under [`KEYS`], made once.
pub async fn hashed() -> &'static PhcString {
    static HASHED: OnceCell<PhcString> = OnceCell::const_new();
    HASHED
        .get_or_init(async || {
            let keys = Keys::parse(KEYS).unwrap();
            let dummy = Dummy::draw(&mut rand::rng());
            let hasher = Hasher::start(keys, CHEAP, &dummy).unwrap();
            let password = TemporaryPassword::try_from(RIGHT.as_bytes()).unwrap();
            let salt = Salt::draw(&mut rand::rng());
            hasher.hash_for_call(password, salt).await.unwrap()
        })
        .await
}

/// A database with [`contract`] under `line`, and its owner; [`NUMBER`] has a credential of `kind`.
pub async fn contracted(kind: &str) -> (Database, Client) {
    let database = support::database().await;
    let owner = contracted_in(&database, kind).await;
    (database, owner)
}

/// The same in this database; its owner.
pub async fn contracted_in(database: &Database, kind: &str) -> Client {
    let owner = database.owner().await.unwrap();
    contract(&owner, "line").await;
    credential(&owner, NUMBER, kind).await;
    owner
}

/// A contract under `unit` (none if empty): [`NUMBER`] without service, `…01` and `…02` with it,
/// `…03` without.
pub async fn contract(owner: &Client, unit: &str) {
    let unit = Some(unit).filter(|unit| !unit.is_empty());
    owner
        .execute("INSERT INTO contract (number, unit) VALUES ($1, $2)", &[&NUMBER, &unit])
        .await
        .unwrap();
    for (number, service) in
        [(NUMBER, false), ("0612345601", true), ("0612345602", true), ("0612345603", false)]
    {
        owner
            .execute("INSERT INTO phone_number VALUES ($1, $2, $3)", &[&number, &NUMBER, &service])
            .await
            .unwrap();
    }
}

/// Gives `login_number` a new credential of `kind` whose secret is [`RIGHT`], replacing any other.
pub async fn credential(owner: &Client, login_number: &str, kind: &str) {
    owner
        .execute("DELETE FROM credential WHERE login_number = $1", &[&login_number])
        .await
        .unwrap();
    owner
        .execute(
            "INSERT INTO credential (login_number, kind, password_hash, set_at) VALUES ($1, $2, $3, clock_timestamp())",
            &[&login_number, &kind, &hashed().await.expose()],
        )
        .await
        .unwrap();
}

/// Makes `login_number`'s credential older, by an SQL interval.
pub async fn age(owner: &Client, login_number: &str, by: &str) {
    let sql = "UPDATE credential SET set_at = set_at - $2::text::interval WHERE login_number = $1";
    assert_eq!(owner.execute(sql, &[&login_number, &by]).await.unwrap(), 1);
}

/// The failures counted for `login_number` and whether it is void; a void one has no hash left.
pub async fn count(owner: &Client, login_number: &str) -> (i32, bool) {
    let sql = "SELECT failed_attempts, voided_at IS NOT NULL, password_hash IS NULL FROM credential WHERE login_number = $1";
    let row = owner.query_one(sql, &[&login_number]).await.unwrap();
    let (failures, void, wiped): (i32, bool, bool) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(void, wiped, "a hash goes when its credential is void, and only then");
    (failures, void)
}

/// The audit's events and outcomes, oldest first.
pub async fn audit(owner: &Client) -> Vec<(String, String)> {
    let rows = owner.query("SELECT event, outcome FROM audit_log ORDER BY id", &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
