//! `karipass serve`: the telephone line, the site and the operators' listener, until a signal.
//!
//! All three start at once. While the database or an Asterisk is missing, the log and `/readyz` say
//! so, and callers hear `trouble`.
//!
//! ```text
//! first signal ─┬ /readyz: 503; no new calls ─ calls continue: shutdown.call_grace_s ──┐
//!               └ site drains: shutdown.drain_s ─ no new requests ─ last responses ────┴ exit
//! ```
//! The operators' listener runs until both are done. A second signal exits at once. `SIGHUP`
//! reloads certificate, keys and passwords.

mod cleanup;
mod gauges;
mod live_calls;
mod logging;
mod reload;
mod rlimit;
mod shutdown;
mod systemd;

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::asterisk::{CallLimits, LineHealth, PhoneLine, Timeouts};
use crate::auth::AuthService;
use crate::clock;
use crate::config::{Config, ConfigErrors};
use crate::db::Db;
use crate::db::migrate::mismatch;
use crate::hashing::{Cost, Dummy, Hasher};
use crate::metrics::{BUILD_INFO, CALL_MAILBOX_DEPTH, PASSWORD_HASH_DURATION};
use crate::traces::Traces;
use crate::web::{self, AppState, ConnectionLimiter, Handle, ReadinessCheck, ops};
use domain::dialog::Limits;
use reload::{Reload, load_checked};
use shutdown::{ShutdownSequence, Signals};
use systemd::{Heartbeat, Notification, Notifier};

const DATABASE_RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How often measured times move into their buckets. Until then each value takes memory.
const METRICS_UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How often the status for the service manager is updated.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// How long the operators' listener may finish its responses after everything else has ended.
const OPERATORS_TIMEOUT: Duration = Duration::from_secs(1);
/// The niceness of the site's threads, so that a flood of requests does not slow down calls.
const SITE_NICE: i32 = 5;
/// The upper bounds in seconds of the histograms' buckets.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0, 60.0, 300.0];
/// The same for hashes, whose durations are close together.
const HASH_BUCKETS: [f64; 36] = [
    0.006, 0.007, 0.008, 0.009, 0.01, 0.011, 0.012, 0.013, 0.014, 0.015, 0.016, 0.017, 0.018,
    0.019, 0.02, 0.022, 0.024, 0.026, 0.028, 0.03, 0.033, 0.036, 0.04, 0.044, 0.048, 0.052, 0.057,
    0.062, 0.068, 0.075, 0.083, 0.091, 0.1, 0.15, 0.2, 0.5,
];

/// The same for events in a mailbox.
const DEPTH_BUCKETS: [f64; 7] = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// Serves until a signal. `read` loads the configuration, now and at each `SIGHUP`.
pub(crate) fn run(read: &dyn Fn() -> Result<Config, ConfigErrors>) -> anyhow::Result<()> {
    protect_memory()?;
    let config = &load_checked(read)?;
    let instance = live_calls::name(config.operators.listen);
    let traces = config.tracing.as_ref().map(|tracing| Traces::start(tracing, instance));
    let traces = traces.transpose()?;
    logging::start(&config.log, traces.as_ref())?;
    let metrics = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(PASSWORD_HASH_DURATION.to_owned()), &HASH_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(CALL_MAILBOX_DEPTH.to_owned()), &DEPTH_BUCKETS)?
        .install_recorder()?;
    crate::metrics::describe();
    crate::metrics::start_series(clock::wall_clock());
    metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let keys = config.hashing.keys.clone();
    let hasher = Hasher::start(keys, Cost::LIVE, &Dummy::draw(&mut rand::rng()))?;
    let db = Db::for_daemon(&config.database).context("database.url")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("site")
        .on_thread_start(lower_priority)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(serve(config, read, db, hasher, metrics));
    // Does not wait for a DNS lookup that is still running.
    runtime.shutdown_background();
    if let Some(traces) = traces {
        traces.shut_down();
    }
    ended
}

/// Disables core dumps, and prevents other processes of this user from reading keys in memory.
fn protect_memory() -> std::io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    Ok(rustix::process::setrlimit(Resource::Core, none)?)
}

fn lower_priority() {
    if let Err(error) = rustix::process::nice(SITE_NICE) {
        warn!(%error, "could not lower the priority of a site thread");
    }
}

async fn serve(
    config: &Config,
    read: &dyn Fn() -> Result<Config, ConfigErrors>,
    db: Db,
    hasher: Hasher,
    metrics: PrometheusHandle,
) -> anyhow::Result<()> {
    let (signals, hang_up) = (Signals::new()?, signal(SignalKind::hangup())?);
    let stop = CancellationToken::new();
    let line_db = Db::for_daemon(&config.database).context("database.url")?;
    let phone = phone(config, line_db.clone(), hasher.clone())?;
    let (credentials, live_calls) = (phone.credentials(), phone.live_calls());
    let readiness = readiness_check(phone.health(), stop.clone());
    let operators = ops::router(db.clone(), Arc::clone(&readiness), metrics.clone());
    let timeouts = web::RequestTimeouts::default();
    let site = AppState::new(config, db.clone(), hasher.clone(), timeouts, clock::now);
    crate::metrics::start_routes(site.paths());
    let tls = config.site.tls.as_ref();
    let pages = site.clone().router(tls.is_some());
    let (site_listener, operators_listener) =
        (web::bind(config.site.listen)?, web::bind(config.operators.listen)?);
    let limiter = ConnectionLimiter::for_subscribers(&config.site, clock::now)
        .cap(rlimit::raise_and_budget(config));
    let (site_handle, operators_handle) = (Handle::new(), Handle::new());
    let (line_heartbeat, site_heartbeat) = (Heartbeat::default(), Heartbeat::default());
    let notifier = Notifier::start(vec![line_heartbeat.clone(), site_heartbeat.clone()])?;
    tokio::spawn(site_heartbeat.run());

    let line = async {
        let ended = phone.run_on_thread(stop.clone(), line_heartbeat.clone().run()).await;
        // The line's thread has ended. Its heartbeat continues, so that the watchdog does not fire.
        tokio::spawn(line_heartbeat.clone().run());
        ended.context("the telephone line")
    };
    let handle = site_handle.clone();
    let subscribers =
        async { Ok(web::serve(site_listener, pages, tls, limiter, timeouts, handle).await?) };
    let served = async {
        let ended = tokio::try_join!(line, subscribers);
        operators_handle.graceful_shutdown(OPERATORS_TIMEOUT);
        ended
    };
    let operators = async {
        Ok(web::serve(
            operators_listener,
            operators,
            None,
            ConnectionLimiter::for_operators(),
            timeouts,
            operators_handle.clone(),
        )
        .await?)
    };
    info!(site = %config.site.listen, operators = %config.operators.listen, "karipass started");
    let dbs = [line_db, db.clone()];
    let (asterisks, hasher) = (&config.ari, &hasher);
    let reload = Reload {
        read,
        hasher,
        dbs: dbs.clone(),
        asterisks,
        credentials,
        site: site.clone(),
        listener: &site_handle,
    };
    let shutdown =
        ShutdownSequence { stop: &stop, site: &site_handle, hasher, notifier: &notifier };
    let ended = tokio::select! {
        ended = async { tokio::try_join!(served, operators) } => ended.map(drop),
        never = upkeep(&db, metrics) => match never {},
        never = cleanup::run(&db, &site, config.audit.retention) => match never {},
        never = live_calls::publish(live_calls, &db, config.operators.listen) => match never {},
        never = gauges::keep_current(&dbs, config.session.idle_timeout) => match never {},
        never = report_status(&notifier, &line_heartbeat, &db, &readiness) => match never {},
        never = reload.run(hang_up) => match never {},
        () = shutdown.run(signals, config.shutdown) => Ok(()),
    };
    info!("karipass stopped");
    ended
}

fn phone(config: &Config, db: Db, hasher: Hasher) -> anyhow::Result<PhoneLine> {
    let limits = Limits {
        first_digit: config.call.first_digit_timeout,
        inter_digit: config.call.inter_digit_timeout,
        call: config.call.max_duration,
    };
    let timeouts = Timeouts { shutdown_grace: config.shutdown.call_grace, ..Timeouts::default() };
    let capacity = CallLimits {
        max_calls: config.call.max_concurrent,
        max_per_caller: config.call.max_per_caller,
        max_per_trunk: config.call.max_per_trunk,
        max_without_number: config.call.max_without_number,
    };
    Ok(PhoneLine::new(
        &config.ari,
        limits,
        capacity,
        config.call.media_networks.clone(),
        AuthService::new(db, hasher, config.session.idle_timeout),
        timeouts,
    )?)
}

/// Waits for the database once, and sorts measured times. Never returns.
async fn upkeep(db: &Db, metrics: PrometheusHandle) -> Infallible {
    let upkeep = async {
        loop {
            tokio::time::sleep(METRICS_UPKEEP_INTERVAL).await;
            metrics.run_upkeep();
        }
    };
    tokio::join!(wait_for_database(db), upkeep).1
}

/// Notifies the service manager that the daemon serves, and what prevents readiness. Never returns.
async fn report_status(
    notifier: &Notifier,
    line: &Heartbeat,
    db: &Db,
    readiness: &ReadinessCheck,
) -> Infallible {
    line.wait_for_first().await;
    notifier.notify(Notification::Ready);
    if !notifier.is_enabled() {
        return pending().await;
    }
    let mut last = String::new();
    loop {
        let problems = ops::readiness_problems(db, readiness).await;
        let status = if problems.is_empty() { "ready".to_owned() } else { problems.join("; ") };
        if status != last {
            notifier.notify(Notification::Status(status.clone()));
            last = status;
        }
        tokio::time::sleep(STATUS_INTERVAL).await;
    }
}

/// What prevents readiness, apart from the database.
fn readiness_check(line: Vec<Arc<LineHealth>>, stopping: CancellationToken) -> ReadinessCheck {
    Arc::new(move || {
        let mut problems: Vec<String> = line.iter().flat_map(|health| health.problems()).collect();
        if stopping.is_cancelled() {
            problems.insert(0, "karipass is stopping".to_owned());
        }
        problems
    })
}

/// Logs when the database is reachable and has a version that this program supports.
async fn wait_for_database(db: &Db) {
    let mut last = String::new();
    loop {
        let reason = match db.schema_version().await {
            Ok(version) => match mismatch(version) {
                Some(reason) => reason,
                None => break,
            },
            Err(error) => error.to_string(),
        };
        if reason != last {
            warn!(reason, "database unavailable; retrying");
            last = reason;
        }
        tokio::time::sleep(DATABASE_RETRY_INTERVAL).await;
    }
    info!("database available");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_no_other_process_reads_the_memory() {
        protect_memory().unwrap();
        let behavior = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(behavior, DumpableBehavior::NotDumpable);
        assert_eq!(rustix::process::getrlimit(Resource::Core).maximum, Some(0));
    }
}
