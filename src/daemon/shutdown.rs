//! The order of a shutdown: readiness and new calls end first, then the site. Everything else ends
//! with them.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::systemd::{Notification, Notifier};
use crate::config;
use crate::hashing::Hasher;
use crate::web::Handle;

/// How long logins may wait for their hash after the site stops accepting requests. Then they get
/// `busy`.
const HASH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long pending responses may take then: a hash, and the database's time-out (`P15`: 5 s).
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(12);

/// The parts of the daemon that a shutdown acts on.
pub(super) struct ShutdownSequence<'a> {
    pub(super) stop: &'a CancellationToken,
    pub(super) site: &'a Handle,
    pub(super) hasher: &'a Hasher,
    pub(super) notifier: &'a Notifier,
}

impl ShutdownSequence<'_> {
    /// Starts a graceful shutdown at the first signal. Returns at the second.
    pub(super) async fn run(&self, mut signals: Signals, config: config::ShutdownSettings) {
        signals.next().await;
        info!("received a signal; shutting down, accepting no new calls");
        self.notifier.notify(Notification::Stopping);
        self.stop.cancel();
        self.site.start_draining();
        tokio::select! {
            never = self.stop_site(config.drain) => match never {},
            () = signals.next() => warn!("received a second signal; exiting at once"),
        }
    }

    async fn stop_site(&self, drain: Duration) -> Infallible {
        tokio::time::sleep(drain).await;
        info!("the site accepts no new requests");
        self.site.graceful_shutdown(RESPONSE_TIMEOUT);
        tokio::time::sleep(HASH_TIMEOUT).await;
        self.hasher.refuse_logins();
        pending().await
    }
}

/// `SIGTERM` and `SIGINT`.
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
