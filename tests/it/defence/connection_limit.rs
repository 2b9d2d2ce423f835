//! Connection limits: one address cannot take them all, and excess connections are closed at once.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustls::version::TLS13;

use super::wire::{ASK, answer, ask, client};
use crate::site::{Certified, Service};
use crate::support::{self, WAIT_TIMEOUT, wait_until};

const HALF: &[u8] = b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
    Content-Type: application/json\r\nContent-Length: 2\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn r_one_address_cannot_fill_the_site() {
    let service = Service::start(&support::database().await, &limits("32", "3")).await;
    let base = &service.base;
    // An address at its limit closes one of its idle connections.
    let mut held = [idle(base, 7), idle(base, 7), idle(base, 7)];
    let other = idle(base, 6);
    let mut next = idle(base, 7);
    assert!(is_refused(&mut held[0]), "the longest idle");
    for stream in held[1..].iter_mut().chain([&mut next]) {
        assert_eq!(ask(stream, ASK).0, 404);
    }
    let mut held = [busy(base, 8), busy(base, 8), busy(base, 8)];
    assert!(is_refused(&mut connected(base, 8)), "all of them are being answered");
    drop((other, idle(base, 6)));
    // A proxy counts as many clients.
    let many: Vec<TcpStream> = (0..4).map(|_| idle(base, 9)).collect();
    drop(many);
    // Requests under way get their answers; then their connections are idle.
    for stream in &mut held {
        stream.write_all(b"{}").unwrap();
        assert_eq!(answer(stream).0, 400);
    }
    let _next = idle(base, 8);
    assert!(is_refused(&mut held[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn r_two_addresses_with_idle_connections_do_not_close_the_site() {
    let service = Service::start(&support::database().await, &limits("8", "4")).await;
    let base = &service.base;
    let mut held: Vec<TcpStream> =
        [7, 7, 7, 7, 8, 8, 8, 8].into_iter().map(|from| idle(base, from)).collect();
    // Other addresses can still connect.
    let mut others: Vec<TcpStream> = (1..4).map(|from| idle(base, from)).collect();
    assert!(held[..3].iter_mut().all(is_refused), "the longest idle");
    for stream in held[3..].iter_mut().chain(&mut others) {
        assert_eq!(ask(stream, ASK).0, 404);
    }
    let _busy: Vec<TcpStream> =
        [1, 1, 2, 2, 3, 3, 4, 4].into_iter().map(|from| busy(base, from)).collect();
    assert!(is_refused(&mut connected(base, 5)), "nobody is idle");
}

#[tokio::test(flavor = "multi_thread")]
async fn r_new_connections_and_handshakes_have_a_rate_for_each_network() {
    let certified = Certified::new();
    let rates = [("KARIPASS_SITE_CONNECTION_RATE", "3"), ("KARIPASS_SITE_HANDSHAKE_RATE", "1")];
    let variables = [certified.variables(), rates].concat();
    let service = Service::start(&support::database().await, &variables).await;
    let shaken = |from: u8| {
        let mut client = client(&[&certified.certificate], &[&TLS13]);
        let mut stream = connected(&service.base, from);
        while client.is_handshaking() {
            client.complete_io(&mut stream)?;
        }
        std::io::Result::Ok(stream)
    };
    // The first of three stays silent; one of the other two completes its handshake.
    let _silent = connected(&service.base, 7);
    assert_eq!([shaken(7).is_ok(), shaken(7).is_ok()], [true, false]);
    assert!(is_refused(&mut connected(&service.base, 7)));
    assert!(shaken(8).is_ok(), "another address has its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a_full_site_closes_new_connections_and_serves_later_ones() {
    let service = Service::start(&support::database().await, &limits("8", "3")).await;
    let mut silent: Vec<TcpStream> = (0..9).map(|_| connected(&service.base, 9)).collect();
    // Concurrent connections take the places in any order.
    assert_eq!(silent.iter_mut().map(is_refused).filter(|refused| *refused).count(), 1);
    drop(silent);
    wait_until("a place to be given back", async || !is_refused(&mut connected(&service.base, 1)))
        .await;
}

/// Limits in total and for one address.
fn limits(all: &'static str, each: &'static str) -> [(&'static str, &'static str); 3] {
    [
        ("KARIPASS_SITE_MAX_CONNECTIONS", all),
        ("KARIPASS_SITE_MAX_CONNECTIONS_PER_ADDRESS", each),
        ("KARIPASS_SITE_TRUSTED_PROXIES", "127.0.0.9"),
    ]
}

/// A connection from 127.0.0.`from`.
fn connected(base: &str, from: u8) -> TcpStream {
    let to: SocketAddr = base.strip_prefix("http://").unwrap().parse().unwrap();
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from(([127, 0, 0, from], 0))).unwrap();
    connect(&socket, &to).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(WAIT_TIMEOUT)).unwrap();
    stream
}

/// Whether the site closes it without a byte; otherwise it answers.
fn is_refused(stream: &mut TcpStream) -> bool {
    // Bytes sent to a closed connection may be lost, or end it with an error.
    let _ = stream.write_all(ASK);
    !matches!(stream.read(&mut [0]), Ok(1))
}

/// A connection that has sent a request, been answered, and stays open.
fn idle(base: &str, from: u8) -> TcpStream {
    let mut stream = connected(base, from);
    assert_eq!(ask(&mut stream, ASK).0, 404);
    stream
}

/// A connection whose request is under way: the site waits for its body, and has said so.
fn busy(base: &str, from: u8) -> TcpStream {
    let mut stream = connected(base, from);
    stream.write_all(HALF).unwrap();
    assert_eq!(answer(&mut stream).0, 100);
    stream
}
