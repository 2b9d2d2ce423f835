//! What a telephone sends, packet by packet: µ-law, and keys as events in its place (RFC 3550,
//! RFC 4733).

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use super::ulaw;

/// The dynamic payload type that is offered for events.
pub const EVENT_PAYLOAD: u8 = 101;
/// Samples of a packet, 20 ms.
pub const SAMPLES: u16 = 160;

/// Bytes before the payload; the second one is a payload type, with or without the marker.
pub const HEADER: usize = 12;
pub const MARKER: u8 = 0x80;
const END: u8 = 0x80;
/// -10 dBm0, as telephones send (RFC 4733 §2.3.4).
const VOLUME: u8 = 10;
/// The last packet of an event is sent this often (RFC 4733 §2.5.1.4).
const END_PACKETS: usize = 3;

/// An outgoing stream; each call of a `send_…` method is 20 ms after the one before.
pub struct RtpStream {
    socket: Arc<UdpSocket>,
    peer: SocketAddr,
    source: u32,
    sequence: u16,
    timestamp: u32,
}

impl RtpStream {
    /// From this socket to `peer`.
    pub fn new(socket: Arc<UdpSocket>, peer: SocketAddr) -> Self {
        let (source, sequence, timestamp) = rand::random();
        Self { socket, peer, source, sequence, timestamp }
    }

    /// Sends µ-law.
    pub fn send_audio(&mut self, payload: &[u8]) {
        self.advance();
        self.send(0, self.timestamp, payload);
    }

    /// Sends what a telephone in a quiet room does.
    pub fn send_silence(&mut self) {
        self.send_audio(&[ulaw::SILENCE; SAMPLES as usize]);
    }

    /// Sends silence whose time stamp does not follow from the one before.
    pub fn restart_clock(&mut self) {
        self.timestamp = 1000;
        self.send_silence();
    }

    /// Sends that a key, pressed so many packets ago, is held.
    pub fn send_held(&mut self, event: u8, packets: u16) {
        self.advance();
        self.send_event(event, packets, packets + 1, VOLUME);
    }

    /// Sends silence, and beside it that a key, pressed so many packets ago, is held.
    pub fn send_held_beside_silence(&mut self, event: u8, packets: u16) {
        self.send_silence();
        self.send_event(event, packets, packets + 1, VOLUME);
    }

    /// Sends that a key, pressed so many packets ago, is released.
    pub fn send_released(&mut self, event: u8, packets: u16) {
        self.advance();
        (0..END_PACKETS).for_each(|_| self.send_event(event, packets, packets, END | VOLUME));
    }

    /// The same, where each of the last packets has another time stamp.
    pub fn send_released_with_other_stamps(&mut self, event: u8, packets: u16) {
        self.advance();
        for _ in 0..END_PACKETS {
            self.send_event(event, packets, packets, END | VOLUME);
            self.advance();
        }
    }

    fn advance(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(SAMPLES.into());
    }

    /// One packet of an event that was pressed `packets` ago and has lasted for `duration`.
    fn send_event(&mut self, event: u8, packets: u16, duration: u16, flags: u8) {
        let pressed = self.timestamp.wrapping_sub(u32::from(packets * SAMPLES));
        let [high, low] = (duration * SAMPLES).to_be_bytes();
        let marker = if packets == 0 { MARKER } else { 0 };
        self.send(marker | EVENT_PAYLOAD, pressed, &[event, flags, high, low]);
    }

    /// One packet (RFC 3550 §5.1). It may find nobody: the other end has hung up.
    fn send(&mut self, kind: u8, timestamp: u32, payload: &[u8]) {
        let mut packet = Vec::with_capacity(HEADER + payload.len());
        packet.extend([0x80, kind]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.source.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        drop(self.socket.send_to(&packet, self.peer));
    }
}
