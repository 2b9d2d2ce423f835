//! A collector of traces (OTLP/HTTP) that keeps what it receives.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

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
    address: SocketAddr,
    is_tls: bool,
    state: Arc<Mutex<CollectorState>>,
}

#[derive(Default)]
struct CollectorState {
    treatment: Treatment,
    /// The bodies that were taken.
    bodies: Vec<Vec<u8>>,
    /// How many were not answered.
    unanswered: usize,
    is_closed: bool,
}

impl FakeCollector {
    /// Starts one on a free port.
    pub fn start() -> Result<Self> {
        Self::listen(None)
    }

    /// The same over TLS, with `certificate.pem` and `key.pem` of this folder.
    pub fn start_tls(folder: &Path) -> Result<Self> {
        let certificate = CertificateDer::from_pem_file(folder.join("certificate.pem"))?;
        let key = PrivateKeyDer::from_pem_file(folder.join("key.pem"))?;
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        Self::listen(Some(Arc::new(tls)))
    }

    fn listen(tls: Option<Arc<ServerConfig>>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, is_tls) = (listener.local_addr()?, tls.is_some());
        let state = Arc::<Mutex<CollectorState>>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if lock(&shared).is_closed {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                // A client that breaks off is no fault here.
                thread::spawn(move || serve(stream, tls, &shared));
            }
        });
        Ok(Self { address, is_tls, state })
    }

    /// The value of `tracing.endpoint`.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// Treats what comes from now on like this.
    pub fn treat(&self, treatment: Treatment) {
        lock(&self.state).treatment = treatment;
    }

    /// The bodies that it has taken.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        lock(&self.state).bodies.clone()
    }

    /// How many requests it has left unanswered.
    pub fn unanswered(&self) -> usize {
        lock(&self.state).unanswered
    }
}

impl Drop for FakeCollector {
    fn drop(&mut self) {
        lock(&self.state).is_closed = true;
        let _ = TcpStream::connect(self.address); // wakes the listener
    }
}

fn lock(state: &Mutex<CollectorState>) -> MutexGuard<'_, CollectorState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    state: &Mutex<CollectorState>,
) -> Result<()> {
    match tls {
        Some(tls) => answer_all(StreamOwned::new(ServerConnection::new(tls)?, stream), state),
        None => answer_all(stream, state),
    }
}

/// Answers the requests of a connection until its end.
fn answer_all(stream: impl Read + Write, state: &Mutex<CollectorState>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(body) = receive(&mut stream)? {
        let treatment = lock(state).treatment;
        let status = match treatment {
            Treatment::Taken => {
                lock(state).bodies.push(body);
                "200 OK"
            }
            Treatment::Refused => "400 Bad Request",
            Treatment::Unanswered => {
                lock(state).unanswered += 1;
                continue;
            }
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
        );
        stream.get_mut().write_all(answer.as_bytes())?;
        stream.get_mut().flush()?;
    }
    Ok(())
}

/// The body of the next request; `None` at the end.
fn receive(stream: &mut BufReader<impl Read>) -> Result<Option<Vec<u8>>> {
    let mut first = String::new();
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    ensure!(first.starts_with("POST /v1/traces "), "an unexpected request: {first}");
    let mut length = 0;
    loop {
        let mut line = String::new();
        ensure!(stream.read_line(&mut line)? > 0, "a head without an end");
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(body))
}
