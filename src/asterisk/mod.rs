//! The telephone line: Asterisk's REST Interface (ARI) on one side, a dialog for each call on the other.
//!
//! ```text
//!  Asterisk ── WebSocket ──▶ socket ── Event ──▶ calls ── bounded mailbox ──▶ caller ──▶ dialog::Call
//!     ▲                                          one task a call │                           │
//!     └────────── HTTP, kept alive ── rest ◀── commands in order ┴──────── Output ◀──────────┘
//! ```
//!
//! A call is served from `StasisStart` to the first of `StasisEnd`, `ChannelDestroyed`, a hang-up
//! request or a 404. While nobody holds the socket Asterisk's dialplan apologises by itself. There may
//! be several Asterisks: each has a socket, calls and requests of its own.

mod admission;
mod caller;
mod calls;
mod chores;
mod ending;
pub mod event;
mod line;
mod media;
mod orders;
mod pbx;
mod pbx_time;
mod places;
mod playing;
pub(crate) mod rest;
mod socket;
pub(crate) mod sounds;
mod status;

use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, io, thread};

use futures_util::future::join_all;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tracing::info;

use crate::clock;
use crate::config::{self, MediaNetwork};
use crate::db::Db;
use crate::hashing::Hasher;
use calls::Calls;
use domain::dialog::Limits;
use event::Parting;
use line::Line;
use pbx::Pbx;
use places::Places;
use socket::Socket;

pub use places::Capacity;
pub use rest::{Credentials, RestError, SetUpError};
pub use status::Status;

/// How often and how long; none of it is a rule of the service.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The deadline of each request.
    pub request: Duration,
    /// The deadline of connecting the socket.
    pub connect: Duration,
    /// Between two pings; also how long a pong may take.
    pub ping: Duration,
    /// Between two looks at Asterisk's health; less than a kept-alive connection lives.
    pub watch: Duration,
    /// How long a call's first event may lag behind a list of channels.
    pub news: Duration,
    /// The shortest wait before connecting again.
    pub back_off_least: Duration,
    /// The longest.
    pub back_off_most: Duration,
    /// How long calls may go on once the daemon is told to stop.
    pub grace: Duration,
    /// New calls a second that each Asterisk may send at first; an overload makes them fewer, and
    /// quick reactions more.
    pub calls_a_second: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(2),
            connect: Duration::from_secs(3),
            ping: Duration::from_secs(4),
            watch: Duration::from_secs(5),
            news: Duration::from_secs(1),
            back_off_least: Duration::from_millis(100),
            back_off_most: Duration::from_secs(3),
            grace: config::DEFAULT_CALL_GRACE,
            calls_a_second: CALLS_A_SECOND * cores(),
        }
    }
}

/// New calls a second at first, for each core of the machine; a hash takes a tenth to a fifth of a
/// core by then.
const CALLS_A_SECOND: f64 = 5.0;

#[expect(clippy::cast_precision_loss, reason = "a machine has not that many cores")]
fn cores() -> f64 {
    thread::available_parallelism().map_or(1, usize::from) as f64
}

/// The telephone line, ready to be served.
pub struct Phone {
    line: Arc<Line>,
    sockets: Vec<(Arc<Pbx>, Socket)>,
    pace: Pace,
}

impl Phone {
    /// Sets the line up, for so many calls at once through all of these PBXs; connects to nothing
    /// yet.
    ///
    /// # Errors
    /// [`SetUpError`] if a configured URL, user or password cannot be used.
    pub fn new(
        pbxs: &[config::Ari],
        limits: Limits,
        capacity: Capacity,
        media_networks: Vec<MediaNetwork>,
        store: Db,
        hasher: Hasher,
        pace: Pace,
    ) -> Result<Self, SetUpError> {
        let line = Arc::new(Line {
            store,
            hasher,
            limits,
            places: Places::new(capacity),
            media_networks,
            hashes: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        let mut sockets = Vec::with_capacity(pbxs.len());
        for ari in pbxs {
            let status = Status::of(ari.url.authority().to_owned(), pbxs.len() > 1);
            let pbx = Arc::new(Pbx::new(ari, Arc::clone(&line), status, pace)?);
            let socket = Socket::new(ari, Arc::clone(&pbx), pace)?;
            sockets.push((pbx, socket));
        }
        Ok(Self { line, sockets, pace })
    }

    /// How the line stands, at each PBX.
    #[must_use]
    pub fn status(&self) -> Vec<Arc<Status>> {
        self.sockets.iter().map(|(pbx, _)| Arc::clone(&pbx.status)).collect()
    }

    /// As whom each PBX is spoken to, in the order of the configuration.
    #[must_use]
    pub fn credentials(&self) -> Vec<Credentials> {
        self.sockets.iter().map(|(pbx, _)| pbx.rest.credentials.clone()).collect()
    }

    /// Serves calls until `stop`, then for [`Pace::grace`] those that are under way; who calls in that
    /// time is left to the dialplan, as is who is still there at its end.
    ///
    /// A thread of its own does it, so that nothing else in the daemon delays an event. It is where
    /// the line's connections to the store live, so the line's store is to be nobody else's. `beside`
    /// runs on it too, to the line's end: it tells whether the thread lives.
    ///
    /// # Errors
    /// If the system gives no thread, or the thread breaks off.
    pub async fn serve(
        self,
        stop: impl Future<Output = ()>,
        beside: impl Future<Output = Infallible> + Send + 'static,
    ) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stopping, stopped) = oneshot::channel::<Infallible>();
        let (ending, mut ended) = oneshot::channel();
        thread::Builder::new().name("line".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = self.run(stopped) => {}
                    never = beside => match never {},
                }
            });
            ending.send(())
        })?;
        let orderly = tokio::select! {
            ended = &mut ended => ended,
            () = stop => {
                drop(stopping);
                ended.await
            }
        };
        orderly.map_err(|_| io::Error::other("the telephone line's thread broke off"))
    }

    /// Serves until the sender of `stopped` is dropped.
    async fn run(self, stopped: oneshot::Receiver<Infallible>) {
        let end = watch::Sender::new(false);
        let sockets = self.sockets.iter().map(|(pbx, socket)| {
            let mut end = end.subscribe();
            async move {
                let mut calls = Calls::new(Arc::clone(pbx));
                {
                    let mut kept = pin!(socket.keep(&mut calls));
                    tokio::select! {
                        () = &mut kept => {}
                        _ = end.wait_for(|end| *end) => {
                            socket.leave();
                            let _gone_without_a_word = timeout(self.pace.connect, kept).await;
                        }
                    }
                }
                calls.give_up(Parting::SentOn, clock::now());
            }
        });
        tokio::join!(join_all(sockets), async {
            let _sender_dropped = stopped.await;
            self.line.closing.store(true, Ordering::Relaxed);
            for (pbx, _) in &self.sockets {
                pbx.status.closing();
            }
            info!(calls = *self.line.places.live.borrow(), "the line takes no more calls");
            let _the_rest_is_sent_on = timeout(self.pace.grace, self.idle()).await;
            end.send_replace(true);
        });
        let _the_rest_is_left_to_asterisk = timeout(self.pace.request * 2, self.idle()).await;
    }

    /// Waits until no call is under way.
    async fn idle(&self) {
        let mut live = self.line.places.live.subscribe();
        let _never_closed = live.wait_for(|live| *live == 0).await;
    }
}

/// An error and its sources, on one line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
