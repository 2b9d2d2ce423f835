//! `karipass serve`: the telephone line, the site and the operators' listener, until a signal.
//!
//! All three start at once. A store or an Asterisk that is not there yet is waited for, in the log
//! and at `/readyz`; a caller hears `trouble` meanwhile. The first signal stops them gently, a
//! second one at once.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use super::Ending;
use crate::ari::{Pace, Phone, Status};
use crate::call::Limits;
use crate::config::Config;
use crate::hashing::{Cost, Dummy, Hasher};
use crate::store::Store;
use crate::store::migrate::program_version;
use crate::web::{self, Faults, Handle, Site, operators};

/// Between two looks for a store that is not there yet.
const STORE_AGAIN: Duration = Duration::from_secs(1);
/// How long answers under way may take once a signal has come.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// The upper bounds in seconds of the histograms' buckets.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0, 60.0, 300.0];
/// The same for hashes, which all take about as long.
const HASH_BUCKETS: [f64; 36] = [
    0.006, 0.007, 0.008, 0.009, 0.01, 0.011, 0.012, 0.013, 0.014, 0.015, 0.016, 0.017, 0.018,
    0.019, 0.02, 0.022, 0.024, 0.026, 0.028, 0.03, 0.033, 0.036, 0.04, 0.044, 0.048, 0.052, 0.057,
    0.062, 0.068, 0.075, 0.083, 0.091, 0.1, 0.15, 0.2, 0.5,
];

/// Serves until a signal.
pub(super) fn run(config: &Config) -> anyhow::Result<Ending> {
    super::logging::start(&config.log)?;
    raise_file_limit();
    let metrics = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .set_buckets_for_metric(Matcher::Full("karipass_hash_seconds".to_owned()), &HASH_BUCKETS)?
        .install_recorder()?;
    let keys = config.hashing.keys.clone();
    let hasher = Hasher::start(keys, Cost::LIVE, &Dummy::draw(&mut rand::rng()))?;
    let store = Store::for_daemon(&config.database).context("database.url")?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(config, store, hasher, metrics))?;
    Ok(Ending::Done)
}

/// Takes as many open files as the system grants, one for each connection; the usual 1024 are fewer
/// than the connections that the site takes.
fn raise_file_limit() {
    let granted = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: granted, maximum: granted }) {
        warn!(%error, "the limit of open files was not raised");
    }
}

async fn serve(
    config: &Config,
    store: Store,
    hasher: Hasher,
    metrics: PrometheusHandle,
) -> anyhow::Result<()> {
    let signals = Signals::new()?;
    let stop = watch::Sender::new(false);
    let limits = Limits {
        first_digit: config.call.first_digit,
        inter_digit: config.call.inter_digit,
        call: config.call.call,
    };
    let line_store = Store::for_daemon(&config.database).context("database.url")?;
    let pace = Pace { grace: config.stop.calls, ..Pace::default() };
    let phone = Phone::new(&config.ari, limits, line_store, hasher.clone(), pace)?;
    let faults = faults(phone.status(), stop.subscribe());
    let operators = operators::router(store.clone(), faults, metrics);
    let site = Site::new(config, store.clone(), hasher);
    let tls = config.site.tls.as_ref();
    let pages = site.clone().router(tls.is_some());
    let (site_listener, operators_listener) =
        (web::listen(config.site.listen)?, web::listen(config.operators.listen)?);
    let (site_handle, operators_handle) = (Handle::new(), Handle::new());

    let line = async {
        let ended = phone.serve(stopped(stop.subscribe()), pending()).await;
        operators_handle.graceful_shutdown(Some(ANSWERS_WITHIN));
        ended.context("the telephone line")
    };
    let listeners = async {
        let site = web::serve(site_listener, pages, tls, site_handle.clone());
        let operators = web::serve(operators_listener, operators, None, operators_handle.clone());
        Ok(tokio::try_join!(site, operators)?)
    };
    let served = async { tokio::try_join!(line, listeners) };
    info!(site = %config.site.listen, operators = %config.operators.listen, "karipass serves");
    let ended = tokio::select! {
        ended = served => ended.map(drop),
        () = background(store, site) => Ok(()),
        () = leave(signals, &stop, &site_handle) => Ok(()),
    };
    info!("karipass ends");
    ended
}

/// What goes on beside the serving, for ever.
async fn background(store: Store, site: Site) {
    tokio::join!(wait_for(store), site.sweep());
}

/// Stops the serving gently at the first signal; returns at the second.
async fn leave(mut signals: Signals, stop: &watch::Sender<bool>, site: &Handle) {
    signals.next().await;
    info!("a signal has come: no more calls and logins are taken");
    stop.send_replace(true);
    site.graceful_shutdown(Some(ANSWERS_WITHIN));
    signals.next().await;
    warn!("a second signal has come: leaving at once");
}

/// What keeps the daemon from being ready, besides the store.
fn faults(line: Arc<Status>, stopping: watch::Receiver<bool>) -> Faults {
    Arc::new(move || {
        let mut faults = line.faults();
        if *stopping.borrow() {
            faults.insert(0, "karipass is stopping".to_owned());
        }
        faults
    })
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    let _never_closed_before = stop.wait_for(|stop| *stop).await;
}

/// Says in the log when the store is there and of this program's version.
async fn wait_for(store: Store) {
    let mut last = String::new();
    loop {
        let reason = match store.schema_version().await {
            Ok(version) if version == program_version() => break,
            Ok(version) => format!(
                "the database is of version {version}, this program needs {}: see karipass migrate",
                program_version()
            ),
            Err(error) => error.to_string(),
        };
        if reason != last {
            warn!(reason, "the store is not there; waiting until it is");
            last = reason;
        }
        tokio::time::sleep(STORE_AGAIN).await;
    }
    info!("the store is there");
}

/// The signals that end the daemon.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
