//! A collector of traces (OTLP/HTTP) that keeps what it receives.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum_server::tls_rustls::{RustlsConfig, from_tcp_rustls};
use axum_server::{Handle, from_tcp};
use tokio::runtime::Builder;

/// How it treats what it receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Treatment {
    /// It answers 200.
    #[default]
    Taken,
    /// It answers 400, which no client repeats.
    Refused,
    /// It never answers, and keeps the connection.
    Unanswered,
}

/// A running collector; it ends when dropped.
pub struct FakeCollector {
    /// The value of `tracing.endpoint`.
    pub url: String,
    state: Arc<Mutex<CollectorState>>,
    server: Handle<SocketAddr>,
}

#[derive(Default)]
struct CollectorState {
    treatment: Treatment,
    /// The bodies that were taken.
    bodies: Vec<Vec<u8>>,
    /// How many were not answered.
    unanswered: usize,
}

impl FakeCollector {
    /// Starts one on a free port.
    pub fn start() -> Result<Self> {
        Self::listen("http", None)
    }

    /// The same over TLS, with `certificate.pem` and `key.pem` of this folder.
    pub fn start_tls(folder: &Path) -> Result<Self> {
        Self::listen("https", Some(folder.to_owned()))
    }

    fn listen(scheme: &str, tls: Option<PathBuf>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let url = format!("{scheme}://{}", listener.local_addr()?);
        let state = Arc::<Mutex<_>>::default();
        let router = Router::new().route("/v1/traces", post(receive));
        let service = router.with_state(Arc::clone(&state)).into_make_service();
        let server = Handle::new();
        let handle = server.clone();
        let serving = async move {
            let Some(folder) = tls else {
                return from_tcp(listener)?.handle(handle).serve(service).await;
            };
            let [certificate, key] = ["certificate.pem", "key.pem"].map(|file| folder.join(file));
            let tls = RustlsConfig::from_pem_file(certificate, key).await?;
            from_tcp_rustls(listener, tls)?.handle(handle).serve(service).await
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || runtime.block_on(serving).expect("a collector"));
        Ok(Self { url, state, server })
    }

    /// Treats what comes from now on like this.
    pub fn treat(&self, treatment: Treatment) {
        self.state.lock().unwrap().treatment = treatment;
    }

    /// The bodies that it has taken.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.state.lock().unwrap().bodies.clone()
    }

    /// How many requests it has left unanswered.
    pub fn unanswered(&self) -> usize {
        self.state.lock().unwrap().unanswered
    }
}

impl Drop for FakeCollector {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

async fn receive(State(state): State<Arc<Mutex<CollectorState>>>, body: Bytes) -> StatusCode {
    {
        let mut state = state.lock().unwrap();
        match state.treatment {
            Treatment::Taken => {
                state.bodies.push(body.into());
                return StatusCode::OK;
            }
            Treatment::Refused => return StatusCode::BAD_REQUEST,
            Treatment::Unanswered => state.unanswered += 1,
        }
    }
    pending().await
}
