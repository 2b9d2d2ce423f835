//! `karipass serve`: the telephone line, the site and the operators' listener, until a signal.
//!
//! All three start at once. A store or an Asterisk that is not there yet is waited for, in the log
//! and at `/readyz`; a caller hears `trouble` meanwhile.
//!
//! ```text
//! first signal ─┬ /readyz says 503, the line takes no more calls … calls under way: shutdown.call_grace_s ─┐
//!               └ the site: shutdown.drain_s, each answer its connection's last ─ no more ─ answers ─┴ the end
//! ```
//! The operators' listener lives until both are done. A second signal ends everything as it is.
//! `SIGHUP` ends nothing.

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
use tokio::sync::watch;
use tracing::{info, warn};

use crate::asterisk::{Capacity, Pace, Phone, Status};
use crate::config::{Config, ConfigErrors};
use crate::db::Db;
use crate::db::migrate::mismatch;
use crate::hashing::{Cost, Dummy, Hasher};
use crate::web::{self, AppState, ConnectionLimiter, Handle, ReadinessCheck, ops};
use domain::dialog::Limits;
use reload::Reload;
use shutdown::{Shutdown, Signals};
use systemd::{Heartbeat, Notification, Notifier};

/// Between two looks for a store that is not there yet.
const DATABASE_RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How often measured times are put into their buckets, also if nobody asks for them: until then each is kept.
const METRICS_UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Between two looks at what the service manager is told.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// How long answers of the operators' listener may take once all else has ended.
const OPERATORS_TIMEOUT: Duration = Duration::from_secs(1);
/// The niceness of the threads of the site, whose handshakes and answers may come in floods.
const SITE_NICE: i32 = 5;
/// The upper bounds in seconds of the histograms' buckets.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0, 60.0, 300.0];
/// The same for hashes, which all take about as long.
const HASH_BUCKETS: [f64; 36] = [
    0.006, 0.007, 0.008, 0.009, 0.01, 0.011, 0.012, 0.013, 0.014, 0.015, 0.016, 0.017, 0.018,
    0.019, 0.02, 0.022, 0.024, 0.026, 0.028, 0.03, 0.033, 0.036, 0.04, 0.044, 0.048, 0.052, 0.057,
    0.062, 0.068, 0.075, 0.083, 0.091, 0.1, 0.15, 0.2, 0.5,
];

/// Serves until a signal; `read` reads the configuration, now and at each `SIGHUP`.
pub(crate) fn run(read: &dyn Fn() -> Result<Config, ConfigErrors>) -> anyhow::Result<()> {
    protect_memory()?;
    let config = &load_checked(read)?;
    logging::start(&config.log)?;
    let metrics = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .set_buckets_for_metric(Matcher::Full("karipass_hash_seconds".to_owned()), &HASH_BUCKETS)?
        .install_recorder()?;
    let keys = config.hashing.keys.clone();
    let hasher = Hasher::start(keys, Cost::LIVE, &Dummy::draw(&mut rand::rng()))?;
    let store = Db::for_daemon(&config.database).context("database.url")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("site")
        .on_thread_start(lower_priority)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(serve(config, read, store, hasher, metrics));
    // A host's name that is still being looked up holds nobody up.
    runtime.shutdown_background();
    ended
}

/// The configuration, if nobody else can read its secrets.
fn load_checked(read: &dyn Fn() -> Result<Config, ConfigErrors>) -> anyhow::Result<Config> {
    let config = read()?;
    let exposed = config.exposed_files();
    anyhow::ensure!(exposed.is_empty(), exposed.join("\n"));
    Ok(config)
}

/// Leaves no core dump, and lets no other process of this user read keys out of this one's memory.
fn protect_memory() -> std::io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    Ok(rustix::process::setrlimit(Resource::Core, none)?)
}

/// Has the calling thread, one of the site's, give way to the telephone line.
fn lower_priority() {
    if let Err(error) = rustix::process::nice(SITE_NICE) {
        warn!(%error, "the priority of a thread of the site could not be lowered");
    }
}

async fn serve(
    config: &Config,
    read: &dyn Fn() -> Result<Config, ConfigErrors>,
    store: Db,
    hasher: Hasher,
    metrics: PrometheusHandle,
) -> anyhow::Result<()> {
    let (signals, hang_up) = (Signals::new()?, signal(SignalKind::hangup())?);
    let stop = watch::Sender::new(false);
    let line_store = Db::for_daemon(&config.database).context("database.url")?;
    let phone = phone(config, line_store.clone(), hasher.clone())?;
    let credentials = phone.credentials();
    let faults = readiness_check(phone.status(), stop.subscribe());
    let operators = ops::router(store.clone(), Arc::clone(&faults), metrics.clone());
    let site = AppState::new(config, store.clone(), hasher.clone());
    let tls = config.site.tls.as_ref();
    let pages = site.clone().router(tls.is_some());
    let (site_listener, operators_listener) =
        (web::bind(config.site.listen)?, web::bind(config.operators.listen)?);
    let room =
        ConnectionLimiter::for_subscribers(&config.site).cap(rlimit::raise_and_budget(config));
    let (site_handle, operators_handle) = (Handle::new(), Handle::new());
    let (line_pulse, pulse) = (Heartbeat::default(), Heartbeat::default());
    let manager = Notifier::start(vec![line_pulse.clone(), pulse.clone()])?;
    tokio::spawn(pulse.run());

    let line = async {
        let ended = phone.serve(wait_for_stop(stop.subscribe()), line_pulse.clone().run()).await;
        // Its thread is gone as it should be: that must not be taken for one that hangs.
        tokio::spawn(line_pulse.clone().run());
        ended.context("the telephone line")
    };
    let subscribers =
        async { Ok(web::serve(site_listener, pages, tls, room, site_handle.clone()).await?) };
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
            operators_handle.clone(),
        )
        .await?)
    };
    info!(site = %config.site.listen, operators = %config.operators.listen, "karipass serves");
    let stores = [line_store, store.clone()];
    let (asterisks, hasher) = (&config.ari, &hasher);
    let reload = Reload {
        read,
        hasher,
        stores,
        asterisks,
        credentials,
        site: site.clone(),
        listener: &site_handle,
    };
    let leaving = Shutdown { stop: &stop, site: &site_handle, hasher, manager: &manager };
    let ended = tokio::select! {
        ended = async { tokio::try_join!(served, operators) } => ended.map(drop),
        never = run_background(store.clone(), site, metrics) => match never {},
        never = report_status(&manager, &line_pulse, &store, &faults) => match never {},
        never = reload.run(hang_up) => match never {},
        () = leaving.run(signals, config.shutdown) => Ok(()),
    };
    info!("karipass ends");
    ended
}

fn phone(config: &Config, store: Db, hasher: Hasher) -> anyhow::Result<Phone> {
    let limits = Limits {
        first_digit: config.call.first_digit_timeout,
        inter_digit: config.call.inter_digit_timeout,
        call: config.call.max_duration,
    };
    let pace = Pace { grace: config.shutdown.call_grace, ..Pace::default() };
    let capacity = Capacity {
        max_calls: config.call.max_concurrent,
        max_per_caller: config.call.max_per_caller,
        max_per_trunk: config.call.max_per_trunk,
    };
    Ok(Phone::new(
        &config.ari,
        limits,
        capacity,
        config.call.media_networks.clone(),
        store,
        hasher,
        pace,
    )?)
}

/// What goes on beside the serving, for ever.
async fn run_background(store: Db, site: AppState, metrics: PrometheusHandle) -> Infallible {
    let upkeep = async {
        loop {
            tokio::time::sleep(METRICS_UPKEEP_INTERVAL).await;
            metrics.run_upkeep();
        }
    };
    tokio::select! {
        never = async { tokio::join!(wait_for_database(store), site.purge_expired()).1 } => never,
        never = upkeep => never,
    }
}

/// Tells the service manager that the daemon serves, and what keeps it from being ready, for ever.
async fn report_status(
    manager: &Notifier,
    line: &Heartbeat,
    store: &Db,
    faults: &ReadinessCheck,
) -> Infallible {
    line.wait_for_first().await;
    manager.notify(Notification::Ready);
    if !manager.is_enabled() {
        return pending().await;
    }
    let mut last = String::new();
    loop {
        let wanting = ops::readiness_problems(store, faults).await;
        let status = if wanting.is_empty() { "ready".to_owned() } else { wanting.join("; ") };
        if status != last {
            manager.notify(Notification::Status(status.clone()));
            last = status;
        }
        tokio::time::sleep(STATUS_INTERVAL).await;
    }
}

/// What keeps the daemon from being ready, besides the store.
fn readiness_check(line: Vec<Arc<Status>>, stopping: watch::Receiver<bool>) -> ReadinessCheck {
    Arc::new(move || {
        let mut faults: Vec<String> = line.iter().flat_map(|status| status.faults()).collect();
        if *stopping.borrow() {
            faults.insert(0, "karipass is stopping".to_owned());
        }
        faults
    })
}

async fn wait_for_stop(mut stop: watch::Receiver<bool>) {
    let _never_closed_before = stop.wait_for(|stop| *stop).await;
}

/// Says in the log when the store is there and of a version that this program works with.
async fn wait_for_database(store: Db) {
    let mut last = String::new();
    loop {
        let reason = match store.schema_version().await {
            Ok(version) => match mismatch(version) {
                Some(reason) => reason,
                None => break,
            },
            Err(error) => error.to_string(),
        };
        if reason != last {
            warn!(reason, "the store is not there; waiting until it is");
            last = reason;
        }
        tokio::time::sleep(DATABASE_RETRY_INTERVAL).await;
    }
    info!("the store is there");
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
