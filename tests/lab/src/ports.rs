//! Currently free ports of loopback addresses.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::{Range, RangeInclusive};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

/// Below the ports that the kernel assigns to connections, which could take a port before its
/// server does; above those of RTP.
const SERVERS: Range<u16> = 20_000..32_768;
/// The number of draws before it is an error that no port was free.
const DRAWS: usize = 100;

/// Ports that were returned in this process, and may not be in use yet.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A free TCP port of 127.0.0.1, returned once.
pub fn free_tcp() -> Result<u16> {
    draw(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && is_new(port))
}

/// A free UDP port of `address`, returned once.
pub fn free_udp(address: Ipv4Addr) -> Result<u16> {
    draw(|port| UdpSocket::bind((address, port)).is_ok() && is_new(port))
}

/// A UDP port of `address` for audio, with the one two above it for video.
pub fn free_media(address: Ipv4Addr) -> Result<u16> {
    draw(|port| [port, port + 2].iter().all(|port| UdpSocket::bind((address, *port)).is_ok()))
}

fn is_new(port: u16) -> bool {
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port)
}

fn draw(is_free: impl Fn(u16) -> bool) -> Result<u16> {
    let mut drawn = std::iter::repeat_with(|| rand::random_range(SERVERS)).take(DRAWS);
    drawn.find(|port| is_free(*port)).context("no free port")
}

/// A range for RTP, below the ports of servers, which may be down for a while; Asterisk skips used
/// ones.
pub fn rtp_range() -> RangeInclusive<u16> {
    const WIDTH: u16 = 2000;
    const LOWEST: u16 = 10_000;
    let start = LOWEST + 2 * rand::random_range(0..=(SERVERS.start - LOWEST - WIDTH) / 2);
    start..=start + WIDTH - 1
}
