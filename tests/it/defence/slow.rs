//! Connections that are silent, too terse or too slow, or never read (`docs/security.md`, "At the
//! login").

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use karipass::clock;
use karipass_lab::trickle::Trickle;
use rustls::version::TLS13;
use tokio::sync::oneshot;

use super::wire::{ASK, ask, client, plain, shaken};
use crate::site::{self, Certified, NUMBER, RIGHT, Service, SiteClient, SiteDaemon};
use crate::support::{self, WAIT_TIMEOUT};

/// Interval of a slow connection's bytes.
const BYTE_EVERY: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn r_the_site_answers_beside_500_slow_connections_and_closes_them() {
    let (database, _) = site::contracted("temporary").await;
    let certified = Certified::new();
    let certificate = certified.certificate.clone();
    let daemon = SiteDaemon::start(&database, &certified.variables());
    let address = daemon.base.strip_prefix("http://").unwrap().to_owned();
    let pem = std::fs::read(&certificate).unwrap();
    // Until the answer, each that the site closes is opened again; then all must be closed.
    let (all, opened) = oneshot::channel();
    let answered = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&answered);
    let trickling = thread::spawn(move || {
        let again = |index| open(index % 7, &address, &certificate);
        let mut trickles: Vec<Trickle> = (0..500).map(again).collect();
        all.send(()).unwrap();
        while !over.load(Ordering::Relaxed) {
            thread::sleep(BYTE_EVERY);
            for (index, trickle) in trickles.iter_mut().enumerate() {
                if !trickle.say_byte() {
                    *trickle = again(index);
                }
            }
        }
        let deadline = clock::now() + WAIT_TIMEOUT;
        while !trickles.is_empty() {
            assert!(clock::now() < deadline, "{} are held", trickles.len());
            thread::sleep(BYTE_EVERY);
            trickles.retain_mut(Trickle::say_byte);
        }
    });
    opened.await.expect("they are opened");
    let base = daemon.base.replace("http://", "https://");
    let answer = SiteClient::trusting(&pem).log_in(&base, NUMBER, RIGHT).await;
    answered.store(true, Ordering::Relaxed);
    assert_eq!(answer.status, 200);
    trickling.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a_client_that_never_reads_is_disconnected() {
    let service = Service::start(&support::database().await, &[]).await;
    let mut stream = plain(service.base.strip_prefix("http://").unwrap());
    stream.set_nonblocking(true).unwrap();
    let deadline = clock::now() + WAIT_TIMEOUT;
    let mut pending = ASK;
    let error = loop {
        match stream.write(pending) {
            Ok(sent) if sent == pending.len() => pending = ASK,
            Ok(sent) => pending = &pending[sent..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(clock::now() < deadline, "a client that never reads is held");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => break error,
        }
    };
    let cut = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::ConnectionAborted];
    assert!(cut.contains(&error.kind()), "{error}");
}

/// A connection of one of seven kinds, with the bytes that it has yet to send.
fn open(kind: usize, address: &str, certificate: &Path) -> Trickle {
    const HEAD: &[u8] = b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/json\r\nContent-Length: 4096\r\n\r\n";
    let mut client = client(&[certificate], &[&TLS13]);
    let (stream, bytes) = match kind {
        0 => (plain(address), Vec::new()),
        1 => {
            let mut hello = Vec::new();
            client.write_tls(&mut hello).unwrap();
            (plain(address), hello)
        }
        // After the handshake: nothing, a head, a body; after a first answer: nothing, a head.
        _ => {
            let mut tls = shaken(address, client).unwrap();
            if kind >= 5 {
                assert_eq!(ask(&mut tls, ASK).0, 404);
            }
            if kind == 4 {
                tls.write_all(HEAD).unwrap();
            }
            let mut bytes = Vec::new();
            if [3, 4, 6].contains(&kind) {
                tls.conn.writer().write_all(HEAD).unwrap();
                tls.conn.write_tls(&mut bytes).unwrap();
            }
            (tls.sock, bytes)
        }
    };
    Trickle::new(stream, bytes).unwrap()
}
