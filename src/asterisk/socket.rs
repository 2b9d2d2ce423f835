//! Holds ARI's WebSocket: reads it, keeps it alive, and gets it back, without end.
//!
//! Whoever holds the socket does nothing that could wait: it routes events into mailboxes. A peer
//! that is stopped or cut off gives no error, so pings go out and a missing pong ends the
//! connection. Asterisk repeats no event: after each connect the calls that ended in the gap are
//! ended, those that are still there go on, and channels that nobody serves, left by an earlier
//! daemon, are taken for new calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rand::RngExt;
use reqwest::header::AUTHORIZATION;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};
use tracing::{debug, error, info, warn};
use url::Url;

use super::calls::Calls;
use super::chores::{Chore, Chores, Doing};
use super::event::{self, Event, Parting};
use super::pbx::Pbx;
use super::rest::{RestError, SetUpError};
use super::{Chain, Pace};
use crate::metrics::ARI_MALFORMED_EVENTS;
use crate::{clock, config};

/// How much is read at once, in bytes; all of it is cleared before each read.
const READ_AT_ONCE: usize = 4 * 1024;

/// The largest event that is taken, in bytes.
const LARGEST_EVENT: usize = 1024 * 1024;

/// How long after a connection was given up Asterisk may still begin to serve it.
const SERVED_LATE: Duration = Duration::from_mins(1);

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The socket's keeper.
pub(crate) struct Socket {
    url: Url,
    tls: Connector,
    pbx: Arc<Pbx>,
    chores: Chores,
    pace: Pace,
    leaving: Notify,
}

/// Why a connection ended.
enum Ended {
    /// It broke, or never came about.
    Lost(String),
    /// Another program has connected for the same application.
    Replaced,
    /// We left.
    Left,
}

impl Socket {
    /// # Errors
    /// [`SetUpError`] if the configured URL or user cannot be used.
    pub(crate) fn new(ari: &config::Ari, pbx: Arc<Pbx>, pace: Pace) -> Result<Self, SetUpError> {
        let mut url = ari.url.clone();
        let (scheme, tls) = match ari.tls().map_err(SetUpError::Tls)? {
            Some(tls) => ("wss", Connector::Rustls(Arc::new(tls))),
            None => ("ws", Connector::Plain),
        };
        url.set_scheme(scheme).map_err(|()| SetUpError::Url)?;
        let path = ["ari", "events"];
        url.path_segments_mut().map_err(|()| SetUpError::Url)?.pop_if_empty().extend(path);
        url.query_pairs_mut().append_pair("app", &ari.app);
        let chores = Chores::new(ari, Arc::clone(&pbx), pace);
        Ok(Self { url, tls, pbx, chores, pace, leaving: Notify::new() })
    }

    /// Lets go of the socket, with a word to Asterisk, and does not connect again.
    pub(crate) fn leave(&self) {
        self.leaving.notify_one();
    }

    /// Connects, holds, and connects again, until it is told to [`leave`](Self::leave).
    pub(crate) async fn keep(&self, calls: &mut Calls) {
        let mut outage = Outage::default();
        let mut given_up = GivenUp::default();
        loop {
            let ended = self.once(calls, &mut outage, &mut given_up).await;
            self.pbx.status.disconnected();
            calls.are_cut_off(clock::now());
            match ended {
                Ended::Lost(reason) => outage.note(reason, &self.url),
                Ended::Replaced => {
                    error!(url = %self.url, "another program has taken the application over");
                    calls.give_up(Parting::Left, clock::now());
                    self.pbx.status.replaced();
                    self.chores.until_released().await;
                }
                Ended::Left => return,
            }
            sleep(outage.pause(self.pace)).await;
        }
    }

    async fn once(&self, calls: &mut Calls, outage: &mut Outage, given_up: &mut GivenUp) -> Ended {
        match timeout(self.pace.connect, self.connect()).await {
            Ok(Ok(socket)) => match self.hold(socket, calls, outage).await {
                Ended::Replaced if given_up.is_served_late(clock::now()) => {
                    Ended::Lost("an earlier connection was served late".to_owned())
                }
                ended @ (Ended::Lost(_) | Ended::Replaced | Ended::Left) => ended,
            },
            Ok(Err(error)) => Ended::Lost(error.to_string()),
            Err(_) => {
                given_up.note(clock::now());
                Ended::Lost("Asterisk did not answer".to_owned())
            }
        }
    }

    async fn connect(&self) -> Result<WebSocket, Error> {
        let mut request = self.url.as_str().into_client_request()?;
        request.headers_mut().insert(AUTHORIZATION, self.pbx.rest.credentials.header());
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_AT_ONCE)
            .max_message_size(Some(LARGEST_EVENT))
            .max_frame_size(Some(LARGEST_EVENT));
        let no_delay = true;
        let tls = Some(self.tls.clone());
        let (socket, _) =
            connect_async_tls_with_config(request, Some(limits), no_delay, tls).await?;
        Ok(socket)
    }

    async fn hold(&self, mut socket: WebSocket, calls: &mut Calls, outage: &mut Outage) -> Ended {
        let mut chore = self.chores.settle(calls.channels());
        let mut pings = interval(self.pace.ping);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unanswered = false;
        loop {
            tokio::select! {
                biased;
                frame = socket.next() => match frame {
                    Some(Ok(Message::Text(text))) => {
                        if !route(&text, calls) {
                            return Ended::Replaced;
                        }
                    }
                    Some(Ok(Message::Pong(_))) => unanswered = false,
                    Some(Ok(Message::Ping(_) | Message::Binary(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Close(_))) | None => {
                        return Ended::Lost("Asterisk closed the connection".to_owned());
                    }
                    Some(Err(error)) => return Ended::Lost(error.to_string()),
                },
                done = &mut chore => match self.did(done, calls, outage) {
                    Ok(next) => chore = next,
                    Err(reason) => return Ended::Lost(reason),
                },
                () = self.leaving.notified() => {
                    let _only_politeness = timeout(self.pace.connect, socket.close(None)).await;
                    return Ended::Left;
                }
                _ = pings.tick() => {
                    let ping = socket.send(Message::Ping(Bytes::new()));
                    if unanswered || !matches!(timeout(self.pace.ping, ping).await, Ok(Ok(()))) {
                        return Ended::Lost("Asterisk did not answer a ping".to_owned());
                    }
                    unanswered = true;
                }
            }
        }
    }

    /// What a chore's result means for the calls, and the next chore.
    fn did(
        &self,
        chore: Chore,
        calls: &mut Calls,
        outage: &mut Outage,
    ) -> Result<Doing<'_>, String> {
        match chore {
            Chore::Settled(Err(RestError::Gone)) | Chore::Forgotten => {
                Err("Asterisk knows nothing of the application".to_owned())
            }
            Chore::Settled(Err(error)) => Err(Chain(&error).to_string()),
            Chore::Settled(Ok(roll)) => {
                self.pbx.status.connected();
                outage.is_over(&self.url);
                for channel in &roll.gone {
                    calls.end(channel, clock::now());
                }
                calls.are_restored(clock::now());
                Ok(self.chores.wait_for_news_of(calls.strangers(&roll.present)))
            }
            Chore::Waited(strangers) => {
                for channel in strangers {
                    calls.adopt(channel, clock::now());
                }
                Ok(self.chores.watch(0))
            }
            Chore::Watched(times) => Ok(self.chores.watch(times)),
        }
    }
}

/// Gives an event to its call; says whether the application is still ours.
fn route(text: &str, calls: &mut Calls) -> bool {
    let now = clock::now();
    match event::parse(text) {
        Ok(Event::Offered(channel)) => calls.claim(channel),
        Ok(Event::Started(channel, identity)) => calls.begin(channel, identity, now),
        Ok(Event::ChannelReplaced(channel, replaced)) => calls.refuse(channel, replaced),
        Ok(Event::Happened(channel, news)) => calls.tell(&channel, news, now),
        Ok(Event::Ended(channel)) => calls.end(&channel, now),
        Ok(Event::Replaced) => return false,
        Ok(Event::Other) => {}
        Err(malformed) => {
            metrics::counter!(ARI_MALFORMED_EVENTS).increment(1);
            warn!(%malformed, "an event was not understood");
        }
    }
    true
}

/// Connections that Asterisk did not answer in time, and may serve yet: then it takes the application from
/// the one that we hold.
#[derive(Default)]
struct GivenUp {
    connections: u32,
    last: Option<Instant>,
}

impl GivenUp {
    fn note(&mut self, now: Instant) {
        self.connections = self.connections.saturating_add(1);
        self.last = Some(now);
    }

    /// Whether one of them may be what has taken the application; each counts once.
    fn is_served_late(&mut self, now: Instant) -> bool {
        self.last.take_if(|last| now.saturating_duration_since(*last) > SERVED_LATE);
        let may_be = self.connections > 0 && self.last.is_some();
        self.connections = if may_be { self.connections - 1 } else { 0 };
        may_be
    }
}

/// One stretch without a connection; its first failure and each new reason are news, no more.
#[derive(Default)]
struct Outage {
    since: Option<Instant>,
    reasons: Vec<String>,
    tries: u32,
}

impl Outage {
    fn note(&mut self, reason: String, url: &Url) {
        self.tries = self.tries.saturating_add(1);
        self.since.get_or_insert_with(clock::now);
        if self.reasons.contains(&reason) {
            debug!(%url, reason, tries = self.tries, "ARI is still not connected");
        } else {
            warn!(%url, reason, "ARI is not connected; trying until it is");
            self.reasons.push(reason);
        }
    }

    fn is_over(&mut self, url: &Url) {
        let lasted = self
            .since
            .map_or(Duration::ZERO, |since| clock::now().saturating_duration_since(since));
        info!(%url, outage_ms = lasted.as_millis(), tries = self.tries, "ARI is connected");
        *self = Self::default();
    }

    /// How long to wait before the next try: exponential, with jitter.
    fn pause(&self, pace: Pace) -> Duration {
        let doubled = 1_u32.checked_shl(self.tries).unwrap_or(u32::MAX);
        let longest = pace.back_off_least.saturating_mul(doubled).min(pace.back_off_most);
        longest.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_pause_grows_up_to_its_bound_and_two_daemons_do_not_keep_step() {
        let pace = Pace::default();
        for (tries, longest_ms) in [(0, 100), (1, 200), (4, 1600), (5, 3000), (1000, 3000)] {
            let outage = Outage { tries, ..Outage::default() };
            let pauses: BTreeSet<Duration> = (0..100).map(|_| outage.pause(pace)).collect();
            let longest = Duration::from_millis(longest_ms);
            assert!(pauses.iter().all(|it| (longest / 2..=longest).contains(it)), "{pauses:?}");
            assert!(pauses.len() > 50, "{pauses:?}");
        }
    }
}
