//! What a signal stops, in which order: readiness and new calls, then the site, and all else by itself.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use super::systemd::{Notification, Notifier};
use crate::config;
use crate::hashing::Hasher;
use crate::web::Handle;

/// How long logins may wait for their hash once the site takes no more; who waits longer is told `busy`.
const HASH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long answers under way may take by then: a hash, and the store's last word (`P15`: 5 s) or its absence.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(12);

/// What a signal stops.
pub(super) struct Shutdown<'a> {
    pub(super) stop: &'a watch::Sender<bool>,
    pub(super) site: &'a Handle,
    pub(super) hasher: &'a Hasher,
    pub(super) manager: &'a Notifier,
}

impl Shutdown<'_> {
    /// Stops the serving gently at the first signal; returns at the second.
    pub(super) async fn run(&self, mut signals: Signals, config: config::Shutdown) {
        signals.next().await;
        info!("a signal has come: no more calls are taken");
        self.manager.notify(Notification::Stopping);
        self.stop.send_replace(true);
        self.site.start_draining();
        tokio::select! {
            never = self.stop_site(config.drain) => match never {},
            () = signals.next() => warn!("a second signal has come: leaving at once"),
        }
    }

    async fn stop_site(&self, notice: Duration) -> Infallible {
        tokio::time::sleep(notice).await;
        info!("the site takes no more requests");
        self.site.graceful_shutdown(RESPONSE_TIMEOUT);
        tokio::time::sleep(HASH_TIMEOUT).await;
        self.hasher.refuse_logins();
        pending().await
    }
}

/// The signals that end the daemon.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
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
