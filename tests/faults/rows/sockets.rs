//! Silent connections to a site, and connections that send one byte now and then.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use karipass_lab::child::lower_priority;
use karipass_lab::trickle::Trickle;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Interval of a connection's bytes.
const BYTE_EVERY: Duration = Duration::from_millis(300);
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
const HEAD: &[u8] = b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\n\
    Content-Type: application/json\r\nContent-Length: 4096\r\n\r\n";

/// Slow connections, always the same number: one that the site closes is opened again.
pub struct Slow {
    over: Arc<AtomicBool>,
    /// The average number that the site held.
    thread: JoinHandle<Result<usize>>,
}

impl Slow {
    /// Opens them, from a thread of the lowest priority.
    pub fn open(count: usize, address: &str, certificate: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate)?)?;
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let (address, tls) = (address.to_owned(), Arc::new(tls));
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = spawn(move || {
            lower_priority()?;
            let mut trickles: Vec<Option<Trickle>> = (0..count).map(|_| None).collect();
            let (mut rounds, mut held_in_all) = (0, 0);
            while !until.load(Ordering::Relaxed) {
                sleep(BYTE_EVERY);
                for trickle in &mut trickles {
                    trickle.take_if(|held| !held.say_byte());
                }
                rounds += 1;
                held_in_all += trickles.iter().flatten().count();
                let closed = trickles.iter_mut().enumerate().filter(|(_, held)| held.is_none());
                for (kind, trickle) in closed.take_while(|_| !until.load(Ordering::Relaxed)) {
                    // On a busy machine the site may close one that is being opened.
                    *trickle = open(kind, &address, &tls).ok();
                }
            }
            held_in_all.checked_div(rounds).context("nobody has looked")
        });
        Ok(Self { over, thread })
    }

    /// Closes them; returns the average number that the site held.
    pub fn close(self) -> Result<usize> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the slow clients have panicked"))?
    }
}

/// A connection of one of three kinds: silent, slow in its handshake, slow in its first request.
fn open(kind: usize, address: &str, tls: &Arc<ClientConfig>) -> Result<Trickle> {
    let mut stream = TcpStream::connect(address).context("a slow connection")?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let mut bytes = Vec::new();
    if !kind.is_multiple_of(3) {
        let mut client = ClientConnection::new(Arc::clone(tls), "localhost".try_into()?)?;
        if kind % 3 == 2 {
            while client.is_handshaking() {
                client.complete_io(&mut stream)?;
            }
            client.writer().write_all(HEAD)?;
        }
        client.write_tls(&mut bytes)?;
    }
    Ok(Trickle::new(stream, bytes)?)
}
