//! Kept-alive TLS connections that send one request again and again. The client is written for
//! this, so that it costs little beside the server.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const CONNECTIONS: usize = 16;

/// A client that trusts one certificate.
pub struct KeepAliveClient {
    connector: TlsConnector,
    runtime: Runtime,
}

impl KeepAliveClient {
    /// For this certificate (PEM).
    pub fn new(certificate: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&fs::read(certificate)?)?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { connector, runtime })
    }

    /// Answers a second to `request` on this port of the loopback, all of them 200, for `lasting`.
    pub fn throughput(&self, port: u16, request: &str, lasting: Duration) -> Result<f64> {
        let start = Arc::new(Barrier::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (connector, start) = (self.connector.clone(), Arc::clone(&start));
            let request = request.as_bytes().to_vec();
            let converse = async move {
                let stream = TcpStream::connect(("127.0.0.1", port)).await?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from("localhost")?;
                let mut stream = connector.connect(name, stream).await?;
                start.wait().await;
                let (began, mut answers, mut buffer) = (Instant::now(), 0_u32, Vec::new());
                while began.elapsed() < lasting {
                    stream.write_all(&request).await?;
                    read_answer(&mut stream, &mut buffer).await?;
                    answers += 1;
                }
                anyhow::Ok(answers)
            };
            connections.spawn_on(converse, self.runtime.handle());
        }
        let answers = self.runtime.block_on(connections.join_all());
        let answers = answers.into_iter().sum::<Result<u32>>()?;
        Ok(f64::from(answers) / lasting.as_secs_f64())
    }
}

/// Reads one whole answer.
async fn read_answer(stream: &mut TlsStream<TcpStream>, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the server closed a connection");
        let Some(head) = buffer.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
        let text = str::from_utf8(&buffer[..head])?;
        ensure!(text.starts_with("HTTP/1.1 200 "), "{text}");
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        if buffer.len() >= head + 4 + length.context("an answer without a length")?? {
            return Ok(());
        }
    }
}
