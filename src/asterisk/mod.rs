//! The telephone line: Asterisk's REST Interface (ARI) on one side, a dialog for each call on the
//! other.
//!
//! ```text
//! Asterisk ── WebSocket ──▶ connection ──▶ router ── Input ──▶ mailbox ──▶ call_task ──▶ Call
//!    ▲                                                           one task a call           │
//!    └─────────── HTTP, kept alive ── rest ◀── commands, in order ◀── Output ◀─────────────┘
//! ```
//!
//! A call is served from `StasisStart` to the first of `StasisEnd`, `ChannelDestroyed`, a hang-up
//! request or a 404. While no daemon is connected, the dialplan plays the apology by itself. There
//! may be several Asterisks: each has a connection, and its own calls and requests.

mod admission;
mod asterisk_clock;
mod call_report;
mod call_task;
mod capacity;
mod commands;
mod connection;
pub mod events;
mod handle;
mod health;
mod live_calls;
mod mailbox;
mod maintenance;
mod media;
mod permit;
mod playback_queue;
mod release;
pub(crate) mod rest;
mod router;
mod services;
pub(crate) mod sounds;
mod timeouts;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::{io, thread};

use futures_util::future::join_all;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::auth::AuthService;
use crate::clock;
use crate::config::{self, MediaNetwork};
use capacity::CallCapacity;
use connection::EventStream;
use domain::dialog::Limits;
use events::EndReason;
use handle::AsteriskHandle;
use router::CallRouter;
use services::CallServices;

pub use capacity::CallLimits;
pub use health::LineHealth;
pub use live_calls::{LiveCall, LiveCalls};
pub use rest::{BuildError, Credentials, RestError};
pub use timeouts::Timeouts;

/// The telephone line, ready to run.
pub struct PhoneLine {
    services: Arc<CallServices>,
    streams: Vec<(Arc<AsteriskHandle>, EventStream)>,
    timeouts: Timeouts,
}

impl PhoneLine {
    /// Builds the line through all of these Asterisks, without connecting to any.
    ///
    /// # Errors
    /// If a configured URL, user or password cannot be used.
    pub fn new(
        asterisks: &[config::AriSettings],
        limits: Limits,
        call_limits: CallLimits,
        media_networks: Vec<MediaNetwork>,
        auth: AuthService,
        timeouts: Timeouts,
    ) -> Result<Self, BuildError> {
        let services = Arc::new(CallServices {
            auth,
            limits,
            capacity: CallCapacity::new(call_limits),
            media_networks,
            live_calls: LiveCalls::default(),
            hash_latency: Mutex::default(),
            closing: CancellationToken::new(),
        });
        let mut streams = Vec::with_capacity(asterisks.len());
        for ari in asterisks {
            let health = LineHealth::new(ari.url.authority().to_owned(), asterisks.len() == 1);
            let asterisk = AsteriskHandle::new(ari, Arc::clone(&services), health, timeouts)?;
            let asterisk = Arc::new(asterisk);
            let stream = EventStream::new(ari, Arc::clone(&asterisk), timeouts)?;
            streams.push((asterisk, stream));
        }
        Ok(Self { services, streams, timeouts })
    }

    /// The line's health at each Asterisk.
    #[must_use]
    pub fn health(&self) -> Vec<Arc<LineHealth>> {
        self.streams.iter().map(|(asterisk, _)| Arc::clone(&asterisk.health)).collect()
    }

    /// The calls under way.
    #[must_use]
    pub fn live_calls(&self) -> LiveCalls {
        self.services.live_calls.clone()
    }

    /// The credentials for each Asterisk, in the order of the configuration.
    #[must_use]
    pub fn credentials(&self) -> Vec<Credentials> {
        self.streams.iter().map(|(asterisk, _)| asterisk.rest.credentials.clone()).collect()
    }

    /// Serves calls until `stop` is cancelled, then lets active calls go on for
    /// [`Timeouts::shutdown_grace`]. The calls that come meanwhile, and those that are left,
    /// continue in the dialplan.
    ///
    /// The line has its own thread, so that nothing else in the daemon delays an event. Its
    /// database connections live there too, so no other part of the daemon may use them.
    /// `heartbeat` runs on the thread as well: as long as it runs, the thread is alive.
    ///
    /// # Errors
    /// If the thread cannot be started, or panics.
    pub async fn run_on_thread(
        self,
        stop: CancellationToken,
        heartbeat: impl Future<Output = Infallible> + Send + 'static,
    ) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (ending, ended) = oneshot::channel();
        thread::Builder::new().name("line".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = self.run(stop) => {}
                    never = heartbeat => match never {},
                }
            });
            ending.send(())
        })?;
        ended.await.map_err(|_| io::Error::other("the telephone line's thread has panicked"))
    }

    async fn run(self, stop: CancellationToken) {
        let end = CancellationToken::new();
        let streams = self.streams.iter().map(async |(asterisk, stream)| {
            let mut router = CallRouter::new(Arc::clone(asterisk));
            {
                let mut running = pin!(stream.run(&mut router, &end));
                tokio::select! {
                    () = &mut running => {}
                    () = end.cancelled() => {
                        let _ = timeout(self.timeouts.connect, running).await; // best effort
                    }
                }
            }
            router.end_all(EndReason::Continued, clock::now());
        });
        tokio::join!(join_all(streams), async {
            stop.cancelled().await;
            self.services.closing.cancel();
            for (asterisk, _) in &self.streams {
                asterisk.health.set_closing();
            }
            let calls = *self.services.capacity.active_calls.borrow();
            info!(calls, "shutting down; accepting no new calls");
            // Calls that are still active continue in the dialplan.
            let _ = timeout(self.timeouts.shutdown_grace, self.wait_until_idle()).await;
            end.cancel();
        });
        // Asterisk keeps the calls that it has not released by then.
        let _ = timeout(self.timeouts.request * 2, self.wait_until_idle()).await;
    }

    async fn wait_until_idle(&self) {
        let mut active = self.services.capacity.active_calls.subscribe();
        let _ = active.wait_for(|calls| *calls == 0).await; // the sender is never dropped
    }
}
