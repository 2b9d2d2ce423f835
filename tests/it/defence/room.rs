//! Places for connections: one address cannot take them all, and those beyond are closed at once.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use karipass::clock;
use libtest_mimic::Trial;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use super::wire::{ASK, ask};
use crate::site::{Caller, Daemon, Service};
use crate::world::{World, trial};

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![
        trial(world, "a_one_address_cannot_fill_the_site", share),
        trial(world, "a_a_full_site_closes_who_comes_and_serves_who_comes_later", full),
    ]
}

const LIMITS: [(&str, &str); 3] = [
    ("KARIPASS_SITE_CONNECTIONS", "8"),
    ("KARIPASS_SITE_CONNECTIONS_BY_ADDRESS", "3"),
    ("KARIPASS_SITE_PROXIES", "127.0.0.9"),
];

/// A connection from 127.0.0.`from`.
fn connected(base: &str, from: u8) -> TcpStream {
    let to: SocketAddr = base.strip_prefix("http://").unwrap().parse().unwrap();
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from(([127, 0, 0, from], 0))).unwrap();
    connect(&socket, &to).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

/// Whether the site closes it without a word, as it does at once; otherwise it answers.
fn is_refused(stream: &mut TcpStream) -> bool {
    // What is sent to a closed connection may be lost, or end it with an error.
    let _ = stream.write_all(ASK);
    !matches!(stream.read(&mut [0]), Ok(1))
}

async fn share(world: Arc<World>) {
    let service = Service::start(&world.database().await, &LIMITS).await;
    let slow: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = connected(&service.base, 7);
            assert_eq!(ask(&mut stream, ASK).0, 404);
            stream
        })
        .collect();
    assert!(is_refused(&mut connected(&service.base, 7)));
    assert_eq!(ask(&mut connected(&service.base, 8), ASK).0, 404);
    // A proxy is many.
    let many: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut stream = connected(&service.base, 9);
            assert_eq!(ask(&mut stream, ASK).0, 404);
            stream
        })
        .collect();
    drop(slow);
    let began = clock::now();
    while is_refused(&mut connected(&service.base, 7)) {
        assert!(began.elapsed() < Duration::from_secs(5), "its places are not given back");
    }
    drop(many);
}

async fn full(world: Arc<World>) {
    let daemon = Daemon::start(&world.database().await, &LIMITS);
    let caller = Caller::from([127, 0, 0, 1]);
    let refused = "karipass_connections_refused_total{listener=\"site\",limit=\"all\"} ";
    let held = "karipass_connections{listener=\"site\"} ";
    let mut silent = vec![connected(&daemon.base, 9)];
    assert_eq!(ask(&mut silent[0], ASK).0, 404);
    let began = clock::now();
    // Who asked whether the site answers has come before, and its place is given back.
    while (daemon.metric(&caller, held).await - 1.0).abs() > f64::EPSILON {
        assert!(began.elapsed() < Duration::from_secs(5), "a place is not given back");
    }
    silent.extend((1..9).map(|_| connected(&daemon.base, 9)));
    // Those that come at once take the places in any order.
    assert_eq!(silent.iter_mut().map(is_refused).filter(|refused| *refused).count(), 1);
    assert!((daemon.metric(&caller, refused).await - 1.0).abs() < f64::EPSILON);
    assert!((daemon.metric(&caller, held).await - 8.0).abs() < f64::EPSILON);
    drop(silent);
    let began = clock::now();
    while caller.client().get(format!("{}/login", daemon.base)).send().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(5), "nobody is served any more");
    }
}
