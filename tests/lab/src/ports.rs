//! Ports of the loopback address that nobody holds at the moment of asking.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;

use anyhow::Result;

/// A free TCP port of 127.0.0.1.
pub fn free_tcp() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A free UDP port of 127.0.0.1.
pub fn free_udp() -> Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A range for RTP, below the ports that the kernel hands out; Asterisk passes over taken ones.
pub fn rtp_range() -> RangeInclusive<u16> {
    const WIDTH: u16 = 2000;
    let start = 10_000 + 2 * rand::random_range(0..10_000 - WIDTH / 2);
    start..=start + WIDTH - 1
}
