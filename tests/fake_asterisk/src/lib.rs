//! A small Asterisk on the wire: ARI's REST side and its WebSocket, well behaved until a test says
//! otherwise.
//!
//! It keeps channels with their queues of playbacks and reports on them as Asterisk 22 does. A test
//! calls, presses keys and hangs up. It may have any request answered late, wrongly or never,
//! events repeated, dropped or garbled, and connections cut. Every request is recorded.

mod channels;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use channels::FakeChannel;
use wire::Outgoing;

/// How long a test waits for an expected event: only a fault takes as long, on any machine.
const WAIT_TIMEOUT: Duration = Duration::from_mins(1);

/// A request that has arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// When all of it had arrived.
    pub at: Instant,
    /// The connection it came on, counted from 0.
    pub connection: usize,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path behind `/ari`, as sent.
    pub path: String,
    /// What follows the `?`, as sent.
    pub query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The body, as sent.
    pub body: Vec<u8>,
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub enum FakeReply {
    /// As Asterisk answers.
    Well,
    /// The same, this much later.
    Late(Duration),
    /// This status and body; nothing is done.
    With(u16, Value),
    /// Never, on a connection that stays open; nothing is done.
    Never,
    /// The connection is closed without an answer; nothing is done.
    CutOff,
    /// The request is carried out, and the connection closed without an answer.
    DoneAndCutOff,
}

/// The treatment of `WebSocket` handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handshakes {
    /// They are accepted.
    #[default]
    Taken,
    /// They are answered with this status.
    Refused(u16),
    /// They are never answered.
    Unanswered,
}

struct Rule {
    method: &'static str,
    part: String,
    reply: FakeReply,
    /// The number of requests that it still applies to; `None` for all.
    times: Option<usize>,
}

#[derive(Default)]
struct FakeState {
    requests: Vec<ReceivedRequest>,
    rules: Vec<Rule>,
    channels: HashMap<String, FakeChannel>,
    /// Offered calls that are not claimed yet, and their callers.
    offered: HashMap<String, String>,
    sounds: Vec<String>,
    /// The only types of events to send, once the application has set a filter.
    wanted: Option<Vec<String>>,
    sockets: Vec<mpsc::UnboundedSender<Outgoing>>,
    sockets_opened: usize,
    connections: usize,
    open: usize,
    handshakes: Handshakes,
    unanswered: usize,
    refusing: bool,
    deaf: bool,
    forgetful: bool,
    /// When each channel's last key was released, by Asterisk's clock.
    keyed_ms: HashMap<String, u64>,
}

/// The server; it ends when dropped.
pub struct FakeAsterisk {
    url: String,
    state: Arc<Shared>,
    began: Instant,
    _server: JoinSet<()>,
}

struct Shared {
    state: Mutex<FakeState>,
    changed: watch::Sender<()>,
    /// At a change, connections that wait for a request are closed.
    idle: watch::Sender<()>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes everything that waits for a change.
    fn change<T>(&self, change: impl FnOnce(&mut FakeState) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.send_replace(());
        changed
    }
}

impl FakeAsterisk {
    /// Starts one on a free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(Shared {
            state: Mutex::default(),
            changed: watch::Sender::new(()),
            idle: watch::Sender::new(()),
        });
        let mut server = JoinSet::new();
        server.spawn(wire::listen(listener, Arc::clone(&state)));
        Ok(Self { url, state, began: Instant::now(), _server: server })
    }

    /// The value of `ari.url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The sounds that it has in `ja`.
    pub fn set_sounds<'a>(&self, sounds: impl IntoIterator<Item = &'a str>) {
        let sounds = sounds.into_iter().map(str::to_owned).collect();
        self.state.change(|state| state.sounds = sounds);
    }

    /// From now on answers requests of this method whose path or query contains `part` like this;
    /// the latest setting counts.
    pub fn on(&self, method: &'static str, part: &str, reply: FakeReply) {
        self.rule(method, part, reply, None);
    }

    /// Answers the next such request like this.
    pub fn once(&self, method: &'static str, part: &str, reply: FakeReply) {
        self.rule(method, part, reply, Some(1));
    }

    fn rule(&self, method: &'static str, part: &str, reply: FakeReply, times: Option<usize>) {
        let part = part.to_owned();
        self.state.change(|state| state.rules.push(Rule { method, part, reply, times }));
    }

    /// Every request received.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.state.lock().requests.clone()
    }

    /// The requests of this method whose path or query contains `part`.
    pub fn requests_like(&self, method: &str, part: &str) -> Vec<ReceivedRequest> {
        let mut requests = self.requests();
        requests.retain(|request| request.is_like(method, part));
        requests
    }

    /// Waits for the `count`th request of this method whose path or query contains `part`.
    pub async fn wait_for_request(
        &self,
        method: &str,
        part: &str,
        count: usize,
    ) -> ReceivedRequest {
        let what = format!("{method} …{part}… (request {count})");
        self.until(&what, |state| {
            state
                .requests
                .iter()
                .filter(|request| request.is_like(method, part))
                .nth(count - 1)
                .cloned()
        })
        .await
    }

    /// Waits for the `count`th WebSocket.
    pub async fn wait_for_socket(&self, count: usize) {
        let what = format!("WebSocket {count}");
        self.until(&what, |state| (state.sockets_opened >= count).then_some(())).await;
    }

    async fn until<T>(&self, what: &str, found: impl Fn(&FakeState) -> Option<T>) -> T {
        let mut changes = self.state.changed.subscribe();
        let waited = timeout(WAIT_TIMEOUT, async {
            loop {
                if let Some(found) = found(&self.state.lock()) {
                    return found;
                }
                let _ = changes.changed().await; // it is never closed
            }
        });
        let Ok(found) = waited.await else {
            panic!("waited in vain for {what}; there were {:#?}", self.requests());
        };
        found
    }

    /// Sends a frame as it is to every WebSocket.
    pub fn send(&self, frame: &str) {
        self.state.lock().emit_frame(frame);
    }

    /// Closes every WebSocket without a close frame.
    pub fn cut(&self) {
        self.state.change(|state| state.sockets.clear());
    }

    /// Closes every HTTP connection that waits for a request, and waits until they are closed.
    pub async fn close_idle(&self) {
        self.state.idle.send_replace(());
        self.until("no open connection", |state| (state.open == 0).then_some(())).await;
    }

    /// Waits until `count` connections have been opened.
    pub async fn wait_for_connections(&self, count: usize) {
        let what = format!("connection {count}");
        self.until(&what, |state| (state.connections >= count).then_some(())).await;
    }

    /// Closes every connection at once that is opened from now on.
    pub fn refuse(&self, refusing: bool) {
        self.state.change(|state| state.refusing = refusing);
    }

    /// Treats WebSocket handshakes like this from now on.
    pub fn answer_handshakes(&self, handshakes: Handshakes) {
        self.state.change(|state| state.handshakes = handshakes);
    }

    /// Waits until `count` handshakes have been left unanswered.
    pub async fn wait_for_unanswered(&self, count: usize) {
        let what = format!("handshake {count} left unanswered");
        self.until(&what, |state| (state.unanswered >= count).then_some(())).await;
    }

    /// Sockets opened from now on are not read, so no ping is answered.
    pub fn deafen(&self, deaf: bool) {
        self.state.change(|state| state.deaf = deaf);
    }

    /// Reports no playback's end from now on.
    pub fn forget_finished(&self, forgetful: bool) {
        self.state.change(|state| state.forgetful = forgetful);
    }
}

impl ReceivedRequest {
    fn is_like(&self, method: &str, part: &str) -> bool {
        self.method == method && (self.path.contains(part) || self.query.contains(part))
    }
}
