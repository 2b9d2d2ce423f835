//! ARI's WebSocket: connects, reads events, pings, and connects again without end.
//!
//! The read loop never waits for a call: it puts events into mailboxes. A peer that is stopped or
//! cut off causes no error, so the daemon pings, and a missing pong ends the connection.
//!
//! Asterisk repeats no event. So after each connect the router ends the calls that are gone and
//! lets the others go on. It adopts channels without a task, such as those of a former process.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use metrics::{Counter, counter};
use rand::RngExt;
use reqwest::header::AUTHORIZATION;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use url::Url;

use super::events::{self, EndReason, Event};
use super::handle::AsteriskHandle;
use super::health::Link;
use super::maintenance::{Maintenance, Task, TaskResult};
use super::rest::{BuildError, ErrorChain, RestError};
use super::router::CallRouter;
use super::timeouts::Timeouts;
use crate::metrics::{ARI_CONNECTS, ARI_EVENTS, ARI_MALFORMED_EVENTS};
use crate::{backoff, clock, config, tls};

/// The WebSocket library clears the whole buffer before each read.
const READ_BUFFER_BYTES: usize = 4 * 1024;

const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// How long after a handshake timed out Asterisk may still complete it.
const LATE_HANDSHAKE_WINDOW: Duration = Duration::from_mins(1);
/// How many reasons of an outage are remembered, so that each is one warning.
const MAX_REASONS: usize = 16;

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The counter of each type of event, which is looked up once.
type EventCounters = HashMap<&'static str, Counter>;

/// The events of one Asterisk.
pub(super) struct EventStream {
    url: Url,
    tls: Connector,
    asterisk: Arc<AsteriskHandle>,
    maintenance: Maintenance,
    timeouts: Timeouts,
}

/// Why a connection ended.
enum Disconnect {
    /// It broke, or was never established.
    Lost(String),
    /// Another program has connected for the same application.
    AppReplaced,
    /// The daemon closed it.
    Closed,
}

impl EventStream {
    /// # Errors
    /// If the configured URL or certificate authorities cannot be used.
    pub(super) fn new(
        ari: &config::AriSettings,
        asterisk: Arc<AsteriskHandle>,
        timeouts: Timeouts,
    ) -> Result<Self, BuildError> {
        let mut url = ari.url.clone();
        let settings = tls::client_for(&ari.url, ari.ca_file.as_deref());
        let (scheme, tls) = match settings.map_err(BuildError::Tls)? {
            Some(tls) => ("wss", Connector::Rustls(Arc::new(tls))),
            None => ("ws", Connector::Plain),
        };
        url.set_scheme(scheme).map_err(|()| BuildError::Url)?;
        let path = ["ari", "events"];
        url.path_segments_mut().map_err(|()| BuildError::Url)?.pop_if_empty().extend(path);
        url.query_pairs_mut().append_pair("app", &ari.app);
        let maintenance = Maintenance::new(ari, Arc::clone(&asterisk), timeouts);
        Ok(Self { url, tls, asterisk, maintenance, timeouts })
    }

    /// Connects, reads, and connects again, until `end` is cancelled.
    pub(super) async fn run(&self, router: &mut CallRouter, end: &CancellationToken) {
        let mut backoff = Backoff::default();
        let mut late_handshakes = LateHandshakes::default();
        loop {
            let reason = self.connect_once(router, &mut backoff, &mut late_handshakes, end).await;
            self.asterisk.health.set_link(Link::Down);
            router.disconnect_all(clock::now());
            match reason {
                Disconnect::Lost(reason) => backoff.record(reason, &self.url),
                Disconnect::AppReplaced => {
                    error!(url = %self.url, "another program has taken the application over");
                    router.end_all(EndReason::TakenOver, clock::now());
                    self.asterisk.health.set_link(Link::Replaced);
                    self.maintenance.wait_for_release().await;
                }
                Disconnect::Closed => return,
            }
            sleep(backoff.delay(self.timeouts)).await;
        }
    }

    async fn connect_once(
        &self,
        router: &mut CallRouter,
        backoff: &mut Backoff,
        late_handshakes: &mut LateHandshakes,
        end: &CancellationToken,
    ) -> Disconnect {
        match timeout(self.timeouts.connect, self.connect()).await {
            Ok(Ok(socket)) => match self.read_loop(socket, router, backoff, end).await {
                Disconnect::AppReplaced if late_handshakes.take_late_takeover(clock::now()) => {
                    let reason = "Asterisk completed a handshake that had timed out";
                    Disconnect::Lost(reason.to_owned())
                }
                reason @ (Disconnect::Lost(_) | Disconnect::AppReplaced | Disconnect::Closed) => {
                    reason
                }
            },
            Ok(Err(error)) => Disconnect::Lost(error.to_string()),
            Err(_) => {
                late_handshakes.record(clock::now());
                Disconnect::Lost("Asterisk did not answer".to_owned())
            }
        }
    }

    async fn connect(&self) -> Result<WebSocket, Error> {
        let mut request = self.url.as_str().into_client_request()?;
        request.headers_mut().insert(AUTHORIZATION, self.asterisk.rest.credentials.header());
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(MAX_EVENT_BYTES))
            .max_frame_size(Some(MAX_EVENT_BYTES));
        let no_delay = true;
        let tls = Some(self.tls.clone());
        let (socket, _) =
            connect_async_tls_with_config(request, Some(limits), no_delay, tls).await?;
        Ok(socket)
    }

    async fn read_loop(
        &self,
        mut socket: WebSocket,
        router: &mut CallRouter,
        backoff: &mut Backoff,
        end: &CancellationToken,
    ) -> Disconnect {
        let mut task = self.maintenance.sync_channels(router.channels());
        let mut pings = interval(self.timeouts.ping_interval);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut awaits_pong = false;
        let mut counters = EventCounters::new();
        loop {
            tokio::select! {
                biased;
                frame = socket.next() => match frame {
                    Some(Ok(Message::Text(text))) => {
                        if let ControlFlow::Break(reason) = dispatch(&text, router, &mut counters) {
                            return reason;
                        }
                    }
                    Some(Ok(Message::Pong(_))) => awaits_pong = false,
                    Some(Ok(Message::Ping(_) | Message::Binary(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Close(_))) | None => {
                        return Disconnect::Lost("Asterisk closed the connection".to_owned());
                    }
                    Some(Err(error)) => return Disconnect::Lost(error.to_string()),
                },
                result = &mut task => match self.on_task_done(result, router, backoff) {
                    Ok(next) => task = next,
                    Err(reason) => return Disconnect::Lost(reason),
                },
                () = end.cancelled() => {
                    let _ = timeout(self.timeouts.connect, socket.close(None)).await; // a courtesy
                    return Disconnect::Closed;
                }
                _ = pings.tick() => {
                    let ping = socket.send(Message::Ping(Bytes::new()));
                    let sent = timeout(self.timeouts.ping_interval, ping).await;
                    if awaits_pong || !matches!(sent, Ok(Ok(()))) {
                        return Disconnect::Lost("Asterisk did not answer a ping".to_owned());
                    }
                    awaits_pong = true;
                }
            }
        }
    }

    /// Applies a task's result to the calls, and returns the next task.
    fn on_task_done(
        &self,
        result: TaskResult,
        router: &mut CallRouter,
        backoff: &mut Backoff,
    ) -> Result<Task<'_>, String> {
        match result {
            TaskResult::Synced(Err(RestError::NotFound)) | TaskResult::AppUnknown => {
                Err("Asterisk does not know the application".to_owned())
            }
            TaskResult::Synced(Err(error)) => Err(ErrorChain(&error).to_string()),
            TaskResult::Synced(Ok(channels)) => {
                self.asterisk.health.set_link(Link::Up);
                backoff.end_outage(&self.url);
                let pbx = self.asterisk.health.pbx().to_owned();
                counter!(ARI_CONNECTS, "pbx" => pbx).increment(1);
                for channel in &channels.gone {
                    router.end(channel, clock::now());
                }
                router.reconnect_all(clock::now());
                Ok(self.maintenance.confirm_unserved(router.unserved(&channels.present)))
            }
            TaskResult::Confirmed(unserved) => {
                for channel in unserved {
                    router.adopt(channel, clock::now());
                }
                Ok(self.maintenance.poll(0))
            }
            TaskResult::Polled(polls) => Ok(self.maintenance.poll(polls)),
        }
    }
}

/// Passes an event to its call.
fn dispatch(
    text: &str,
    router: &mut CallRouter,
    counters: &mut EventCounters,
) -> ControlFlow<Disconnect> {
    let now = clock::now();
    let parsed = events::parse(text);
    if let Ok(event) = &parsed {
        let kind = event.name();
        let counter = counters.entry(kind).or_insert_with(|| counter!(ARI_EVENTS, "type" => kind));
        counter.increment(1);
    }
    match parsed {
        Ok(Event::CallBroadcast(channel)) => router.claim(channel),
        Ok(Event::StasisStart(channel, identity)) => router.start(channel, identity, now),
        Ok(Event::ChannelReplaced { channel, replaced }) => {
            router.refuse_replacement(channel, replaced);
        }
        Ok(Event::KeyPressed(channel, key)) => router.deliver_key(&channel, key, now),
        Ok(Event::Call(channel, event)) => router.deliver(&channel, event, now),
        Ok(Event::ChannelGone(channel)) => router.end(&channel, now),
        Ok(Event::AppReplaced) => return ControlFlow::Break(Disconnect::AppReplaced),
        Ok(Event::Other) => {}
        Err(malformed) => {
            counter!(ARI_MALFORMED_EVENTS).increment(1);
            warn!(%malformed, "could not parse an event");
        }
    }
    ControlFlow::Continue(())
}

/// Handshakes that timed out. If Asterisk completes one later, it takes the application from the
/// connection that the daemon has by then.
#[derive(Default)]
struct LateHandshakes {
    count: u32,
    last: Option<Instant>,
}

impl LateHandshakes {
    fn record(&mut self, now: Instant) {
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
    }

    /// Uses up one of them to explain why the application was taken over; `false` if there is none.
    fn take_late_takeover(&mut self, now: Instant) -> bool {
        self.last.take_if(|last| now.saturating_duration_since(*last) > LATE_HANDSHAKE_WINDOW);
        let explains = self.count > 0 && self.last.is_some();
        self.count = if explains { self.count - 1 } else { 0 };
        explains
    }
}

/// One outage: when to try again, and what has been logged about it. Only its first failure and
/// each new reason are warnings.
#[derive(Default)]
struct Backoff {
    since: Option<Instant>,
    /// The latest [`MAX_REASONS`] that differ.
    reasons: Vec<String>,
    attempts: u32,
}

impl Backoff {
    fn record(&mut self, reason: String, url: &Url) {
        self.attempts = self.attempts.saturating_add(1);
        self.since.get_or_insert_with(clock::now);
        if self.reasons.contains(&reason) {
            debug!(%url, reason, attempts = self.attempts, "ARI is still not connected");
        } else {
            warn!(%url, reason, "ARI is not connected; retrying");
            if self.reasons.len() == MAX_REASONS {
                self.reasons.remove(0);
            }
            self.reasons.push(reason);
        }
    }

    fn end_outage(&mut self, url: &Url) {
        let now = clock::now();
        let outage = self.since.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let outage_ms = outage.as_millis();
        info!(%url, outage_ms, attempts = self.attempts, "ARI is connected");
        *self = Self::default();
    }

    /// How long to wait before the next attempt: exponential, with jitter.
    fn delay(&self, timeouts: Timeouts) -> Duration {
        let (min, max) = (timeouts.min_backoff, timeouts.max_backoff);
        let max = backoff::exponential(min, self.attempts, max);
        max.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_outage_with_ever_new_reasons_remembers_the_latest() {
        let url = Url::parse("http://127.0.0.1:8088").unwrap();
        let mut backoff = Backoff::default();
        for attempt in 0..100 {
            backoff.record(format!("reason {attempt}"), &url);
            backoff.record("always the same".to_owned(), &url);
        }
        assert_eq!(backoff.attempts, 200);
        assert_eq!(backoff.reasons.len(), MAX_REASONS);
        assert!(backoff.reasons.contains(&"reason 99".to_owned()));
    }

    #[test]
    fn the_delay_grows_up_to_its_bound_and_two_daemons_do_not_keep_step() {
        let timeouts = Timeouts::default();
        for (attempts, max_ms) in [(0, 100), (1, 200), (4, 1600), (5, 3000), (1000, 3000)] {
            let backoff = Backoff { attempts, ..Backoff::default() };
            let delays: BTreeSet<Duration> = (0..100).map(|_| backoff.delay(timeouts)).collect();
            let max = Duration::from_millis(max_ms);
            assert!(delays.iter().all(|it| (max / 2..=max).contains(it)), "{delays:?}");
            assert!(delays.len() > 50, "{delays:?}");
        }
    }
}
