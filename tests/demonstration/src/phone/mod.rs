//! A telephone in the browser for demonstration: `/phone` of the site (ADR 18).
//!
//! ```text
//! browser ─HTTPS─ daemon ─Unix socket─ here ─┬─ SIP over WebSocket ─ Asterisk
//!    │                                       └─ ARI: what the line says ─┤
//!    └──────────────────────── DTLS-SRTP ────────────────────────────────┘
//! ```
//! Each demonstration number has a second endpoint, `browser-NUMBER`, which takes WebRTC alone. The
//! page and its scripts come from here. SIP goes both ways over plain requests, so that the daemon
//! needs no WebSocket: messages to the browser are server-sent events, others are posted.

mod bundle;
mod line;
mod spoken;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use karipass_lab::asterisk::{AsteriskSetup, Phone};
use karipass_lab::{folder, repository};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use line::OpenLines;

/// The name of the socket in its folder.
const SOCKET: &str = "socket";
/// Sentences that a slow page may lag behind.
const MAX_UNREAD: usize = 64;
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// What Asterisk loads for WebRTC besides the samples' modules.
const MODULES: &str = "load = res_srtp.so\nload = res_pjsip_transport_websocket.so\n";
/// Only the HTTP server's address counts, but a transport has to name one.
const TRANSPORT: &str = "\n[browser-ws]\ntype = transport\nprotocol = ws\nbind = 127.0.0.1\n";

/// A served telephone; ends when dropped.
#[derive(Debug)]
pub struct BrowserPhone {
    folder: TempDir,
    server: JoinHandle<()>,
    listener: JoinHandle<()>,
}

/// What the handlers share.
#[derive(Debug)]
struct PhoneState {
    asterisk: SocketAddr,
    page: String,
    script: String,
    lines: OpenLines,
    /// Sentences as [`spoken`] makes them.
    spoken: broadcast::Sender<Value>,
}

/// Adds the browser's endpoint of each telephone.
pub fn prepare(setup: AsteriskSetup) -> AsteriskSetup {
    let endpoints: String = setup.phones.iter().map(endpoint).collect();
    setup
        .snippet("modules.conf", MODULES)
        .snippet("phones.conf", &(TRANSPORT.to_owned() + &endpoints))
}

/// Media go over loopback alone.
fn endpoint(Phone { number, password }: &Phone) -> String {
    format!(
        "\n[browser-{number}](karipass-phone)\naors = browser-{number}\nauth = browser-{number}\n\
         callerid = <{number}>\nwebrtc = yes\nmedia_address = 127.0.0.1\n\
         bind_rtp_to_media_address = yes\n\
         [browser-{number}](karipass-phone-auth)\nusername = browser-{number}\n\
         password = {password}\n\
         [browser-{number}](karipass-phone-aor)\n"
    )
}

/// Where `make` unpacks JsSIP and what it requires.
pub fn packages() -> PathBuf {
    repository().join("target/phone")
}

impl BrowserPhone {
    /// Serves it for the telephones of this running Asterisk; `about` describes a number.
    ///
    /// # Errors
    /// JsSIP is missing, or Asterisk does not answer.
    pub async fn serve(asterisk: &AsteriskSetup, about: impl Fn(&str) -> String) -> Result<Self> {
        let folder = folder::for_socket("karipass-phone-")?;
        let (spoken, _) = broadcast::channel(MAX_UNREAD);
        let listener = spoken::follow(asterisk, spoken.clone()).await?;
        let callers = asterisk.phones.iter().map(|Phone { number, password }| {
            let about = about(number);
            format!(
                "<option value=\"{number}\" data-password=\"{password}\" data-about=\"{about}\">\
                 {number}</option>\n"
            )
        });
        let callers: String = callers.collect();
        let state = Arc::new(PhoneState {
            asterisk: asterisk.ari,
            page: include_str!("phone.html").replace("<!-- callers -->\n", &callers),
            script: bundle::jssip(&packages())?,
            lines: OpenLines::default(),
            spoken,
        });
        let socket = UnixListener::bind(folder.path().join(SOCKET))?;
        let server = tokio::spawn(async move {
            // It ends with its task.
            drop(axum::serve(socket, routes(state)).await);
        });
        Ok(Self { folder, server, listener })
    }

    /// The daemon's variable that leads to it.
    pub fn variable(&self) -> (&'static str, String) {
        let socket = self.folder.path().join(SOCKET);
        ("KARIPASS_DEMONSTRATION_PHONE_SOCKET", socket.display().to_string())
    }
}

impl Drop for BrowserPhone {
    fn drop(&mut self) {
        self.server.abort();
        self.listener.abort();
    }
}

fn routes(state: Arc<PhoneState>) -> Router {
    let style = async || ([(header::CONTENT_TYPE, CSS)], include_str!("phone.css"));
    let script = async || ([(header::CONTENT_TYPE, JAVASCRIPT)], include_str!("phone.js"));
    Router::new()
        .route("/phone", get(page))
        .route("/phone/phone.css", get(style))
        .route("/phone/phone.js", get(script))
        .route("/phone/jssip.js", get(jssip))
        .route("/phone/line", get(line::open))
        .route("/phone/line/{id}", post(line::send))
        .with_state(state)
}

async fn page(State(state): State<Arc<PhoneState>>) -> Html<String> {
    Html(state.page.clone())
}

async fn jssip(State(state): State<Arc<PhoneState>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JAVASCRIPT)], state.script.clone())
}
