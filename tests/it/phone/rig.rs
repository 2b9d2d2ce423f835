//! A fake Asterisk, a database with one contract, and a telephone line between them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::dialog::Limits;
use domain::dialog::prompt::SOUNDS;
use karipass::asterisk::{CallLimits, LineHealth, LiveCalls, PhoneLine, Timeouts};
use karipass::auth::AuthService;
use karipass::config::{AriSettings, DatabaseSettings, Secret};
use karipass::db::Db;
use karipass::hashing::{Cost, Dummy, Hasher, Keys};
use karipass_fake_asterisk::FakeAsterisk;
use karipass_lab::postgres::Database;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::site::CHEAP;
use crate::support::{self, WAIT_TIMEOUT};

/// The contract number of the rig's contract, which has the service.
pub const CONTRACT: &str = "0612345600";
/// An additional number with the service.
pub const ADDITIONAL: &str = "0612345601";
/// The dialplan's verdict on a call from [`CONTRACT`].
pub const TRUSTED: [&str; 2] = ["trusted", CONTRACT];

const KEY: &str = "k1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A deadline that no machine misses; a stopping line waits for some of them.
const LATE: Duration = Duration::from_secs(20);
/// A short deadline, for tests with unanswered requests.
pub const SOON: Duration = Duration::from_secs(1);

/// The options of a rig.
pub struct RigOptions {
    pub timeouts: Timeouts,
    pub limits: Limits,
    /// The most concurrent calls.
    pub max_calls: usize,
    /// The most of them from one number, from one trunk, and from one trunk without a number.
    pub shares: [usize; 3],
    /// The networks of some endpoints' media.
    pub media_networks: Vec<&'static str>,
    /// The cost of a hash.
    pub cost: Cost,
    /// Further Asterisks, by their URLs.
    pub further_pbxs: Vec<String>,
    pub sounds: Option<PathBuf>,
    pub db: Option<Db>,
}

impl RigOptions {
    /// Options whose requests time out soon.
    pub fn impatient() -> Self {
        let timeouts = Timeouts { request: SOON, ..Self::default().timeouts };
        Self { timeouts, ..Self::default() }
    }
}

/// Nothing times out without a fault, however long it takes.
impl Default for RigOptions {
    fn default() -> Self {
        Self {
            timeouts: Timeouts {
                request: LATE,
                connect: LATE,
                ping_interval: LATE,
                poll_interval: Duration::from_millis(100),
                event_lag: Duration::from_millis(200),
                min_backoff: Duration::from_millis(10),
                max_backoff: Duration::from_millis(100),
                shutdown_grace: Duration::from_millis(100),
                initial_calls_per_second: 1e6,
            },
            limits: Limits {
                first_digit: WAIT_TIMEOUT,
                inter_digit: WAIT_TIMEOUT,
                call: 10 * WAIT_TIMEOUT,
            },
            max_calls: 100,
            shares: [100; 3],
            media_networks: Vec::new(),
            cost: CHEAP,
            further_pbxs: Vec::new(),
            sounds: None,
            db: None,
        }
    }
}

/// The line runs on its own thread, as in the daemon, until it is stopped or dropped.
pub struct Rig {
    pub fake: FakeAsterisk,
    pub database: Database,
    pub status: Vec<Arc<LineHealth>>,
    live_calls: LiveCalls,
    /// What this line has counted.
    metrics: PrometheusHandle,
    /// The outcomes that a test has waited for, and how often.
    expected_ends: Mutex<BTreeMap<String, u64>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Rig {
    /// A rig whose line is connected.
    pub async fn start(options: RigOptions) -> Self {
        let fake = FakeAsterisk::start().await.unwrap();
        fake.set_sounds(SOUNDS);
        let rig = Self::with(fake, options).await;
        rig.wait_until_ready().await;
        rig
    }

    /// A rig with this fake, whose line may not be connected yet.
    pub async fn with(fake: FakeAsterisk, options: RigOptions) -> Self {
        log();
        let database = support::database().await;
        let rows = format!(
            "INSERT INTO contract (number) VALUES ('{CONTRACT}');
             INSERT INTO phone_number (number, contract_number, has_service)
             VALUES ('{CONTRACT}', '{CONTRACT}', true), ('{ADDITIONAL}', '{CONTRACT}', true)"
        );
        database.owner().await.unwrap().batch_execute(&rows).await.unwrap();
        let urls = [fake.url().to_owned()].into_iter().chain(options.further_pbxs);
        let pbxs: Vec<AriSettings> = urls
            .map(|url| AriSettings {
                url: url.parse().unwrap(),
                app: "karipass".to_owned(),
                user: "karipass".to_owned(),
                password: Secret::from("ari-secret".to_owned()),
                ca_file: None,
                sounds_dir: options.sounds.clone(),
                config_dir: None,
            })
            .collect();
        let db = options.db.unwrap_or_else(|| support::daemon_db(&database));
        let dummy = Dummy::draw(&mut rand::rng());
        let hasher = Hasher::start(Keys::parse(KEY).unwrap(), options.cost, &dummy).unwrap();
        let [max_per_caller, max_per_trunk, max_without_number] = options.shares;
        let max_calls = options.max_calls;
        let capacity = CallLimits { max_calls, max_per_caller, max_per_trunk, max_without_number };
        let media = options.media_networks.iter().map(|text| text.parse().unwrap()).collect();
        let auth = AuthService::new(db, hasher, domain::rules::SESSION_IDLE_TIMEOUT);
        let phone =
            PhoneLine::new(&pbxs, options.limits, capacity, media, auth, options.timeouts).unwrap();
        let (status, live_calls) = (phone.health(), phone.live_calls());
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(phone.run_on_thread(stopped, record(recorder))).unwrap();
        });
        let (expected_ends, thread) = (Mutex::default(), Some(thread));
        Self { fake, database, status, live_calls, metrics, expected_ends, stop, thread }
    }

    /// A trusted caller calls, and the menu begins.
    pub async fn call_to_menu(&self, channel: &str) {
        self.fake.call(channel, &TRUSTED);
        self.fake.wait_for_playback(channel, "menu").await;
    }

    /// Waits until nothing keeps the line from serving calls.
    pub async fn wait_until_ready(&self) {
        self.wait_for_faults(&[]).await;
    }

    /// Waits until something keeps the line from serving calls.
    pub async fn wait_until_unready(&self) {
        wait_until("a fault", || self.status.iter().any(|health| !health.problems().is_empty()))
            .await;
    }

    /// Waits until exactly these problems keep the line from serving calls.
    pub async fn wait_for_faults(&self, faults: &[&str]) {
        let standing =
            || -> Vec<String> { self.status.iter().flat_map(|health| health.problems()).collect() };
        wait_until(&format!("the faults {faults:?}"), || standing() == faults).await;
    }

    /// Asks the line to stop taking calls.
    pub fn stop(&mut self) {
        self.stop.cancel();
    }

    /// Waits until the line has stopped.
    pub async fn wait_until_stopped(&mut self) {
        let thread = self.thread.take().unwrap();
        wait_until("the line to stop", || thread.is_finished()).await;
        thread.join().unwrap();
    }

    /// Lets the last guidance play to its end; one that ends at once is played again.
    pub async fn finish(&self, channel: &str) {
        wait_until(&format!("the end of {channel}"), || {
            self.fake.finish(channel, "done");
            self.fake.is_gone(channel)
        })
        .await;
    }

    /// Waits until this call is over, with this outcome. No other call is, but those that the test
    /// has waited for.
    pub async fn expect_end(&self, channel: &str, outcome: &str) {
        let expected = {
            let mut ends = self.expected_ends.lock().unwrap();
            *ends.entry(outcome.to_owned()).or_default() += 1;
            ends.clone()
        };
        let count = |ends: &BTreeMap<String, u64>| ends.values().sum::<u64>();
        wait_until(&format!("the end of the call {channel}"), || {
            count(&self.ended_calls()) >= count(&expected) && !self.is_live(channel)
        })
        .await;
        assert_eq!(self.ended_calls(), expected, "{channel}");
    }

    /// How many calls have ended, by their outcome.
    pub fn ended_calls(&self) -> BTreeMap<String, u64> {
        let mut ended = BTreeMap::new();
        for line in self.metrics.render().lines() {
            let Some(labels) = line.strip_prefix("karipass_calls_ended_total{") else { continue };
            let outcome = labels.split('"').nth(1).unwrap();
            *ended.entry(outcome.to_owned()).or_default() += value(line);
        }
        ended
    }

    /// Whether the line serves this channel of the rig's Asterisk.
    pub fn is_live(&self, channel: &str) -> bool {
        let pbx = self.fake.url().trim_start_matches("http://");
        self.live_calls.snapshot().iter().any(|call| call.channel == channel && call.pbx == pbx)
    }

    /// The sum of the metrics of the line whose name and labels begin so.
    pub fn metric(&self, name: &str) -> u64 {
        let rendered = self.metrics.render();
        rendered.lines().filter(|line| line.starts_with(name)).map(value).sum()
    }

    /// Waits until a query counts this many.
    pub async fn wait_for_count(&self, wanted: i64, query: &str) {
        let owner = self.database.owner().await.unwrap();
        support::wait_until(&format!("{wanted} of {query}"), async || {
            owner.query_one(query, &[]).await.unwrap().get::<_, i64>(0) == wanted
        })
        .await;
    }

    /// The login numbers that have a temporary password.
    pub async fn passwords(&self) -> Vec<String> {
        let owner = self.database.owner().await.unwrap();
        let rows =
            owner.query("SELECT login_number FROM credential WHERE kind = 'temporary'", &[]).await;
        rows.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Event and outcome of every audit row.
    pub async fn audit(&self) -> Vec<(String, String)> {
        let owner = self.database.owner().await.unwrap();
        let rows = owner.query("SELECT event, outcome FROM audit_log ORDER BY id", &[]).await;
        rows.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a test that failed has reported it
        }
    }
}

/// A database that is unreachable.
pub fn unreachable_db() -> Db {
    let url = "host=/nonexistent dbname=karipass user=karipass password=x";
    let url = Secret::from(url.to_owned());
    Db::for_daemon(&DatabaseSettings { url, owner_url: None, max_connections: 2 }).unwrap()
}

/// Waits until the condition holds.
pub async fn wait_until(what: &str, so: impl Fn() -> bool) {
    support::wait_until(what, async || so()).await;
}

/// The log lines that contain a text, such as a channel's id or a server's address.
pub fn lines_with(text: &str) -> Vec<Value> {
    let log = log().0.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = std::str::from_utf8(&log).unwrap().lines();
    let lines = lines.filter(|line| line.contains(text));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The value of a metric's line.
fn value(line: &str) -> u64 {
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Records the metrics of the thread that runs this heartbeat, which is the line's.
async fn record(recorder: PrometheusRecorder) -> Infallible {
    let recorder = Box::leak(Box::new(recorder));
    // The guard's end would end the recording.
    std::mem::forget(metrics::set_default_local_recorder(recorder));
    std::future::pending().await
}

/// The whole log of the process, from `INFO` up.
#[derive(Default)]
struct LogBuffer(Mutex<Vec<u8>>);

fn log() -> &'static LogBuffer {
    static LOG: OnceLock<LogBuffer> = OnceLock::new();
    static STARTED: OnceLock<()> = OnceLock::new();
    let log = LOG.get_or_init(LogBuffer::default);
    STARTED.get_or_init(|| {
        tracing_subscriber::fmt().json().with_writer(move || log).init();
    });
    log
}

impl io::Write for &LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
