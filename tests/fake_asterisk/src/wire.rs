//! The fake's connections: hand-written HTTP/1.1, so that they can be cut anywhere, and the
//! WebSocket.

use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{
    ErrorResponse, Request as Upgrade, Response,
};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{FakeReply, Handshakes, ReceivedRequest, Shared};

/// The beginning of the request that opens a WebSocket.
const EVENTS: &[u8] = b"GET /ari/events?";

/// A frame for the WebSocket.
pub(super) struct Outgoing(pub(super) String);

/// Accepts connections for ever.
pub(super) async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (number, refusing) = shared.change(|state| {
            state.connections += 1;
            (state.connections - 1, state.refusing)
        });
        if !refusing {
            connections.spawn(serve(stream, number, Arc::clone(&shared)));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Serves a connection until either side closes it.
async fn serve(stream: TcpStream, number: usize, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true); // faster if possible
    if opens_a_socket(&stream).await {
        hold_socket(stream, number, &shared).await;
        return;
    }
    shared.change(|state| state.open += 1);
    converse(BufStream::new(stream), number, &shared).await;
    shared.change(|state| state.open -= 1);
}

/// Answers requests until either side closes the connection.
async fn converse(mut stream: BufStream<TcpStream>, number: usize, shared: &Shared) {
    let mut closing = shared.idle.subscribe();
    loop {
        let request = tokio::select! {
            biased;
            _ = closing.changed() => return,
            request = read(&mut stream, number) => request,
        };
        let Some(request) = request else { return };
        let reply = note(shared, &request);
        let (status, body) = match reply {
            FakeReply::Well => obey(shared, &request),
            FakeReply::Late(delay) => {
                sleep(delay).await;
                obey(shared, &request)
            }
            FakeReply::With(status, body) => (status, body),
            FakeReply::Never => pending().await,
            FakeReply::CutOff => return,
            FakeReply::DoneAndCutOff => {
                obey(shared, &request);
                return;
            }
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!("HTTP/1.1 {status} So\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all((head + body.as_str()).as_bytes()).await.is_err()
            || stream.flush().await.is_err()
        {
            return;
        }
    }
}

fn note(shared: &Shared, request: &ReceivedRequest) -> FakeReply {
    shared.change(|state| {
        state.requests.push(request.clone());
        let rules = state.rules.iter_mut().rev();
        let rule = rules.filter(|rule| rule.times != Some(0));
        let Some(rule) = rule.into_iter().find(|rule| request.is_like(rule.method, &rule.part))
        else {
            return FakeReply::Well;
        };
        rule.times = rule.times.map(|times| times - 1);
        rule.reply.clone()
    })
}

fn obey(shared: &Shared, request: &ReceivedRequest) -> (u16, Value) {
    shared.change(|state| state.obey(request))
}

async fn opens_a_socket(stream: &TcpStream) -> bool {
    let mut start = [0; EVENTS.len()];
    loop {
        match stream.peek(&mut start).await {
            Ok(0) | Err(_) => return false,
            Ok(length) if start[..length] != EVENTS[..length] => return false,
            Ok(length) if length == EVENTS.len() => return true,
            Ok(_) => sleep(std::time::Duration::from_millis(1)).await,
        }
    }
}

/// Reads one request; `None` at the connection's end.
async fn read(stream: &mut BufStream<TcpStream>, connection: usize) -> Option<ReceivedRequest> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?, first.next()?);
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let header =
        |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    let length: usize = header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Some(ReceivedRequest {
        at: Instant::now(),
        connection,
        method: method.to_owned(),
        path: path.strip_prefix("/ari").unwrap_or(path).to_owned(),
        query: query.to_owned(),
        authorization: header("authorization").map(str::to_owned),
        body,
    })
}

#[expect(clippy::result_large_err, reason = "the handshake's callback is as it is")]
async fn hold_socket(stream: TcpStream, connection: usize, shared: &Arc<Shared>) {
    let handshakes = shared.change(|state| {
        state.unanswered += usize::from(state.handshakes == Handshakes::Unanswered);
        state.handshakes
    });
    if handshakes == Handshakes::Unanswered {
        pending::<()>().await;
    }
    let accepted = tokio_tungstenite::accept_hdr_async(stream, |upgrade: &Upgrade, accepted| {
        let authorization = upgrade.headers().get("authorization");
        let request = ReceivedRequest {
            at: Instant::now(),
            connection,
            method: upgrade.method().to_string(),
            path: upgrade.uri().path().trim_start_matches("/ari").to_owned(),
            query: upgrade.uri().query().unwrap_or_default().to_owned(),
            authorization: authorization.and_then(|value| value.to_str().ok()).map(str::to_owned),
            body: Vec::new(),
        };
        shared.change(|state| state.requests.push(request));
        let Handshakes::Refused(status) = handshakes else {
            return Ok::<Response, ErrorResponse>(accepted);
        };
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = status.try_into().expect("a status");
        Err(refusal)
    });
    let Ok(mut socket) = accepted.await else { return };
    let (sender, mut frames) = mpsc::unbounded_channel();
    let deaf = shared.change(|state| {
        state.sockets.push(sender);
        // The filter ends with the application.
        state.wanted = None;
        state.sockets_opened += 1;
        state.deaf
    });
    loop {
        let heard = async { if deaf { pending().await } else { socket.next().await } };
        tokio::select! {
            frame = frames.recv() => {
                // `None`: the test has cut it.
                let Some(first) = frame else { return };
                if write_frames(&mut socket, first, &mut frames).await.is_err() {
                    break;
                }
            }
            heard = heard => match heard {
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    drop(frames);
    shared.change(|state| state.sockets.retain(|socket| !socket.is_closed()));
}

/// Writes all frames that wait, in one go.
async fn write_frames(
    socket: &mut WebSocketStream<TcpStream>,
    first: Outgoing,
    frames: &mut mpsc::UnboundedReceiver<Outgoing>,
) -> Result<(), tungstenite::Error> {
    let mut next = Some(first);
    while let Some(Outgoing(text)) = next {
        socket.feed(Message::text(text)).await?;
        next = frames.try_recv().ok();
    }
    socket.flush().await
}
