//! The browser's SIP: a WebSocket to Asterisk for each open page (RFC 7118).
//!
//! `GET /phone/line` opens one and answers with server-sent events: `line` with its id, `sip` with
//! a message, `spoken` with a sentence. `POST /phone/line/ID` sends a message. The browser ends the
//! line by closing the events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{SinkExt as _, Stream, StreamExt as _, stream};
use karipass_lab::secret;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{broadcast, mpsc};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::PhoneState;

/// Messages that may wait for a slow browser or Asterisk.
const MAX_WAITING: usize = 64;

/// The lines by their ids, and where to send their messages.
#[derive(Debug, Default)]
pub(super) struct OpenLines(Mutex<HashMap<String, mpsc::Sender<String>>>);

impl OpenLines {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a line.
pub(super) async fn open(
    State(state): State<Arc<PhoneState>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, StatusCode> {
    let unreachable = |_| StatusCode::BAD_GATEWAY;
    let mut request =
        format!("ws://{}/ws", state.asterisk).into_client_request().map_err(unreachable)?;
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"));
    let (socket, _) = connect_async(request).await.map_err(unreachable)?;
    let (id, (to_asterisk, outgoing)) = (secret(), mpsc::channel(MAX_WAITING));
    let (to_browser, events) = mpsc::channel(MAX_WAITING);
    let spoken = state.spoken.subscribe();
    state.lines.lock().insert(id.clone(), to_asterisk);
    tokio::spawn(async move {
        // It is empty, and so takes the first event.
        drop(to_browser.try_send(event("line", &Value::from(id.as_str()))));
        relay(socket, outgoing, spoken, to_browser).await;
        state.lines.lock().remove(&id);
    });
    let events = stream::unfold(events, async |mut events| {
        events.recv().await.map(|event| (Ok(event), events))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// Sends a message of the browser's.
pub(super) async fn send(
    State(state): State<Arc<PhoneState>>,
    Path(id): Path<String>,
    message: String,
) -> StatusCode {
    let line = state.lines.lock().get(&id).cloned();
    let Some(line) = line else { return StatusCode::NOT_FOUND };
    if line.send(message).await.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::BAD_GATEWAY }
}

/// Returns when the browser or Asterisk has gone.
async fn relay(
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    mut outgoing: mpsc::Receiver<String>,
    mut spoken: broadcast::Receiver<Value>,
    to_browser: mpsc::Sender<Event>,
) {
    loop {
        let event = tokio::select! {
            message = outgoing.recv() => {
                let Some(message) = message else { return };
                if socket.send(Message::text(message)).await.is_err() {
                    return;
                }
                continue;
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => event("sip", &Value::from(text.as_str())),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
            Ok(sentence) = spoken.recv() => event("spoken", &sentence),
            () = to_browser.closed() => return,
        };
        if to_browser.send(event).await.is_err() {
            return;
        }
    }
}

/// JSON, since the lines of SIP end with CR LF.
fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}
