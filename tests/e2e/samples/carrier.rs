//! The sample's transports for a carrier over TCP and TLS, whose lines are commented out.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use karipass_lab::asterisk::{Asterisk, AsteriskSetup, CARRIER, SET_UP_NUMBER};
use karipass_lab::certificate::certify_in;
use karipass_lab::{ports, repository, secret};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::dialplan::{Disposition, listen, next_start};

const CALLER: &str = "0612345600";
/// Longer than the apology.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// A carrier over TCP, or over TLS with its certificate, is trusted and hung up like one over UDP.
#[test]
fn p1_a_carrier_over_tcp_or_tls_is_trusted_by_its_certificate() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, others) = (tempfile::tempdir()?, tempfile::tempdir()?);
    for keys in [ours.path(), others.path()] {
        certify_in(keys, &["127.0.0.1"])?;
    }
    let (tcp, tls) = (ports::free_tcp()?, ports::free_tcp()?);
    let transports = in_comments()?
        .replace("0.0.0.0:5060", &format!("127.0.0.1:{tcp}"))
        .replace("0.0.0.0:5061", &format!("127.0.0.1:{tls}"))
        .replace("/etc/asterisk/keys/carrier-ca.pem", &named(ours.path(), "ca.pem"))
        .replace("/etc/asterisk/keys/pbx.pem", &named(ours.path(), "certificate.pem"))
        .replace("/etc/asterisk/keys/pbx.key", &named(ours.path(), "key.pem"));
    let setup = AsteriskSetup::new(folder.path())?.snippet("transport.conf", &transports);
    let asterisk = Asterisk::start(setup)?;
    let there = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        calls(&asterisk, "TCP", there(tcp), || connect(there(tcp))).await?;
        calls(&asterisk, "TLS", there(tls), || secured(there(tls), Some(ours.path()), ours.path()))
            .await?;
        for certificate in [None, Some(others.path())] {
            let invited = async {
                let connection = secured(there(tls), certificate, ours.path()).await?;
                Carrier::new(connection, "TLS", there(tls)).invite().await
            };
            ensure!(timeout(ANSWER_TIMEOUT, invited).await?.is_err(), "{certificate:?} is let in");
        }
        Ok(())
    })
}

/// The sample's lines, without the semicolons.
fn in_comments() -> Result<String> {
    let sample = fs::read_to_string(repository().join("asterisk/etc/pjsip.conf"))?;
    let (_, lines) = sample.split_once("\n;[karipass-tcp]\n").context("no such lines")?;
    let lines = lines.lines().map_while(|line| line.strip_prefix(';'));
    Ok(format!("[karipass-tcp]\n{}\n", lines.collect::<Vec<_>>().join("\n")))
}

fn named(folder: &Path, file: &str) -> String {
    folder.join(file).display().to_string()
}

/// The first call is for a daemon, which learns the caller; the second hears the dialplan's
/// apology, and is hung up.
async fn calls<S: AsyncRead + AsyncWrite + Unpin>(
    asterisk: &Asterisk,
    protocol: &'static str,
    there: SocketAddr,
    connect: impl AsyncFn() -> Result<(S, SocketAddr)>,
) -> Result<()> {
    let mut events = listen(asterisk).await?;
    let mut carrier = Carrier::new(connect().await?, protocol, there);
    carrier.invite().await?;
    let start = timeout(ANSWER_TIMEOUT, next_start(&mut events)).await?;
    let trusted = Disposition::Stasis("trusted".to_owned(), CALLER.to_owned());
    ensure!(start.is_ok_and(|start| start == trusted), "over {protocol} the caller is not trusted");
    drop(events);
    asterisk.console("channel request hangup all")?;
    let mut carrier = Carrier::new(connect().await?, protocol, there);
    carrier.invite().await?;
    carrier.expect_answer_and_hangup().await
}

async fn connect(there: SocketAddr) -> Result<(TcpStream, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((CARRIER, 0).into())?;
    let connection = socket.connect(there).await?;
    let here = connection.local_addr()?;
    Ok((connection, here))
}

/// With the certificate in this folder, if any.
async fn secured(
    there: SocketAddr,
    certificate: Option<&Path>,
    authority: &Path,
) -> Result<(TlsStream<TcpStream>, SocketAddr)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.join("ca.pem"))?)?;
    let client = ClientConfig::builder().with_root_certificates(roots);
    let client = match certificate {
        None => client.with_no_client_auth(),
        Some(folder) => client.with_client_auth_cert(
            vec![CertificateDer::from_pem_file(folder.join("certificate.pem"))?],
            PrivateKeyDer::from_pem_file(folder.join("key.pem"))?,
        )?,
    };
    let name = ServerName::from(there.ip());
    let (connection, here) = connect(there).await?;
    let secured = TlsConnector::from(Arc::new(client)).connect(name, connection).await?;
    Ok((secured, here))
}

/// A carrier's end of one call, on its own connection.
struct Carrier<S> {
    connection: S,
    received: Vec<u8>,
    protocol: &'static str,
    here: SocketAddr,
    there: SocketAddr,
    call: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carrier<S> {
    fn new((connection, here): (S, SocketAddr), protocol: &'static str, there: SocketAddr) -> Self {
        Self { here, connection, received: Vec::new(), protocol, there, call: secret() }
    }

    /// Calls, until the line has received the INVITE.
    async fn invite(&mut self) -> Result<()> {
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 {CARRIER}\r\ns=-\r\nc=IN IP4 {CARRIER}\r\nt=0 0\r\n\
             m=audio 40000 RTP/AVP 0\r\n"
        );
        let headers =
            format!("P-Asserted-Identity: <sip:{CALLER}@x>\r\nContent-Type: application/sdp\r\n");
        let to = format!("<sip:{SET_UP_NUMBER}@{}>", self.there);
        self.send("INVITE", &to, &headers, &sdp).await?;
        self.receive("SIP/2.0 1").await.map(drop)
    }

    async fn expect_answer_and_hangup(&mut self) -> Result<()> {
        let answer = self.receive("SIP/2.0 200").await?;
        let to = answer.lines().find_map(|line| line.strip_prefix("To: ")).context("no To")?;
        self.send("ACK", to, "", "").await?;
        self.receive("BYE ").await.map(drop)
    }

    async fn send(&mut self, method: &str, to: &str, headers: &str, body: &str) -> Result<()> {
        let Self { protocol, here, there, call, .. } = self;
        let length = body.len();
        let message = format!(
            "{method} sip:{SET_UP_NUMBER}@{there} SIP/2.0\r\n\
             Via: SIP/2.0/{protocol} {here};branch=z9hG4bK{method}{call}\r\n\
             From: <sip:{CALLER}@x>;tag=t\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:carrier@{here};transport={protocol}>\r\nMax-Forwards: 70\r\n\
             {headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.connection.write_all(message.as_bytes()).await?;
        Ok(())
    }

    /// Waits for a message that begins like this, and skips others.
    async fn receive(&mut self, beginning: &str) -> Result<String> {
        timeout(ANSWER_TIMEOUT, async {
            loop {
                if let Some(message) = self.next_message()? {
                    if message.starts_with(beginning) {
                        return Ok(message);
                    }
                    ensure!(!message.starts_with("SIP/2.0 4"), "{message}");
                } else if self.connection.read_buf(&mut self.received).await? == 0 {
                    bail!("the connection has ended");
                }
            }
        })
        .await
        .with_context(|| format!("no {beginning}"))?
    }

    /// Takes the next whole message out of what has been received.
    fn next_message(&mut self) -> Result<Option<String>> {
        let text = String::from_utf8_lossy(&self.received).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { return Ok(None) };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length:"));
        let body: usize = length.context("no Content-Length")?.trim().parse()?;
        let whole = head.len() + 4 + body;
        if self.received.len() < whole {
            return Ok(None);
        }
        self.received.drain(..whole);
        Ok(text.get(..whole).map(str::to_owned))
    }
}
