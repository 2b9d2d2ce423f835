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

/// More packets in a row are not lost: the sender counts from elsewhere.
const MAX_LOST: u16 = 50;

/// The numbers of an incoming stream's packets.
#[derive(Debug, Default)]
pub struct Sequence {
    /// The source and number of the last packet.
    last: Option<([u8; 4], u16)>,
}

impl Sequence {
    /// How many packets between the last one and this one never arrived (RFC 3550 §5.1).
    pub fn lost_before(&mut self, head: &[u8; HEADER]) -> usize {
        let [_, _, high, low, .., a, b, c, d] = *head;
        let (source, number) = ([a, b, c, d], u16::from_be_bytes([high, low]));
        let last = self.last.replace((source, number)).filter(|(last, _)| *last == source);
        let skipped = last.map_or(0, |(_, last)| number.wrapping_sub(last).wrapping_sub(1));
        if skipped <= MAX_LOST { skipped.into() } else { 0 }
    }
}

/// An outgoing stream. Each call of a method that sends follows one of [`RtpStream::tick`].
pub struct RtpStream {
    socket: Arc<UdpSocket>,
    peer: SocketAddr,
    source: u32,
    sequence: u16,
    timestamp: u32,
    /// The time stamp at which the last event was pressed.
    pressed: u32,
    /// The event that lasts until [`RtpStream::release`].
    held: Option<u8>,
}

impl RtpStream {
    /// From this socket to `peer`.
    pub fn new(socket: Arc<UdpSocket>, peer: SocketAddr) -> Self {
        let (source, sequence, timestamp) = rand::random();
        Self { socket, peer, source, sequence, timestamp, pressed: timestamp, held: None }
    }

    /// So many packets' time has passed. A packet that was not sent in time is never sent, and the
    /// clock goes on: a key that was held then was held longer.
    pub fn tick(&mut self, packets: u32) {
        let samples = packets.wrapping_mul(SAMPLES.into());
        self.timestamp = self.timestamp.wrapping_add(samples);
    }

    /// Sends µ-law.
    pub fn send_audio(&mut self, payload: &[u8]) {
        self.send(0, self.timestamp, payload);
    }

    /// Sends what a telephone in a quiet room does.
    pub fn send_silence(&mut self) {
        self.send_audio(&[ulaw::SILENCE; SAMPLES as usize]);
    }

    /// Sends that a key is pressed, and from now on that it is held.
    pub fn press(&mut self, event: u8) {
        (self.pressed, self.held) = (self.timestamp, Some(event));
        self.send_event(MARKER, event, VOLUME, u32::from(SAMPLES));
    }

    /// Sends what a telephone does as long as no key is pressed or released.
    pub fn send_nothing_new(&mut self) {
        let samples = self.held_samples().wrapping_add(SAMPLES.into());
        match self.held {
            Some(event) => self.send_event(0, event, VOLUME, samples),
            None => self.send_silence(),
        }
    }

    /// Sends that the key that is held is released; silence if there is none.
    pub fn release(&mut self) {
        match self.held.take() {
            Some(event) => (0..END_PACKETS).for_each(|_| self.send_end(event)),
            None => self.send_silence(),
        }
    }

    /// The same, where each of the last packets has another time stamp.
    pub fn release_with_other_stamps(&mut self) {
        let event = self.held.take().expect("a key that is held");
        for _ in 0..END_PACKETS {
            self.send_end(event);
            self.tick(1);
            self.pressed = self.pressed.wrapping_add(SAMPLES.into());
        }
    }

    /// Sends silence whose time stamp does not follow from the one before.
    pub fn set_clock(&mut self, timestamp: u32) {
        self.timestamp = timestamp;
        self.send_silence();
    }

    /// Sends silence, and all that follows, from this socket.
    pub fn send_from(&mut self, socket: Arc<UdpSocket>) {
        self.socket = socket;
        self.send_silence();
    }

    fn send_end(&mut self, event: u8) {
        self.send_event(0, event, END | VOLUME, self.held_samples());
    }

    /// How long ago the last key was pressed, in samples.
    fn held_samples(&self) -> u32 {
        self.timestamp.wrapping_sub(self.pressed)
    }

    /// One packet of the event that was pressed last and has lasted for `samples`.
    fn send_event(&mut self, marker: u8, event: u8, flags: u8, samples: u32) {
        let [high, low] = u16::try_from(samples).unwrap_or(u16::MAX).to_be_bytes();
        self.send(marker | EVENT_PAYLOAD, self.pressed, &[event, flags, high, low]);
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// The time stamp of a packet, and the duration of the event in it.
    fn event_in(socket: &UdpSocket) -> (u32, u16) {
        let mut packet = [0; 64];
        assert_eq!(socket.recv(&mut packet).unwrap(), HEADER + 4);
        let timestamp = [packet[4], packet[5], packet[6], packet[7]];
        (u32::from_be_bytes(timestamp), u16::from_be_bytes([packet[14], packet[15]]))
    }

    #[test]
    fn the_packets_that_never_arrived_are_counted() {
        let mut sequence = Sequence::default();
        let mut lost = |source: u8, number: u16| {
            let [high, low] = number.to_be_bytes();
            sequence.lost_before(&[0x80, 0, high, low, 0, 0, 0, 0, 0, 0, 0, source])
        };
        for (source, number, expected) in [
            (1, 65_533, 0),
            (1, 65_534, 0),
            (1, 1, 2),
            (1, 0, 0),
            (1, 1, 0),
            (1, 9_000, 0),
            (2, 9_005, 0),
            (2, 9_007, 1),
        ] {
            assert_eq!(lost(source, number), expected, "{number} of {source}");
        }
    }

    #[test]
    fn a_key_lasts_longer_by_the_packets_that_were_never_sent() {
        let ear = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mouth = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut stream = RtpStream::new(Arc::new(mouth), ear.local_addr().unwrap());
        stream.tick(1);
        stream.press(5);
        stream.tick(1);
        stream.send_nothing_new();
        stream.tick(7);
        stream.release();
        let (pressed, duration) = event_in(&ear);
        assert_eq!(duration, SAMPLES);
        assert_eq!(event_in(&ear), (pressed, 2 * SAMPLES));
        for _ in 0..END_PACKETS {
            assert_eq!(event_in(&ear), (pressed, 8 * SAMPLES));
        }
    }
}
