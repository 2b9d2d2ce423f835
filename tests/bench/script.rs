//! What a caller sends, packet by packet: µ-law silence, and keys as RFC 4733 events in its place.

use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use karipass_lab::subscriber::handset::EVENT_PAYLOAD;

/// Packets a second.
pub const RATE: usize = 50;

const SAMPLES: u16 = 160;
const SILENCE: [u8; SAMPLES as usize] = [0xff; SAMPLES as usize];
/// Packets of a key's tone, and of the gap behind it: 100 ms each.
const TONE: u16 = 5;
const GAP: usize = 5;
const MARKER: u8 = 0x80;
const END: u8 = 0x80;
/// -10 dBm0 (RFC 4733 §2.3.4).
const VOLUME: u8 = 10;
/// The last packet of an event is sent this often (RFC 4733 §2.5.1.4).
const END_PACKETS: usize = 3;

/// What is due at one packet's time.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Silence,
    /// A key is held, for so many packets now.
    Held(u8, u16),
    /// A key is released.
    Released {
        digit: u8,
        first_of_entry: bool,
        last_of_entry: bool,
    },
}

/// A caller's whole part in a call, the same for every caller: unit, password, password again.
#[derive(Debug, Clone)]
pub struct Script(Vec<Frame>);

/// Entries in a [`Script`].
pub const ENTRIES: usize = 3;

impl Script {
    /// Each entry is keyed while its guidance plays; then the caller listens to the end of
    /// `completed`, and is hung up on.
    pub fn line_unit(password: &str) -> Self {
        let mut script = Self(Vec::new());
        script.listen(2.0).key("1").listen(1.5).key(password).listen(1.0).key(password);
        // The number takes 4.4 s and `completed` 5.2 s.
        script.listen(12.0);
        script
    }

    /// The same entries, all keyed ahead at once; then the caller listens.
    pub fn keyed_ahead(password: &str) -> Self {
        let mut script = Self(Vec::new());
        script.listen(0.5).key("1").key(password).key(password).listen(12.0);
        script
    }

    fn listen(&mut self, seconds: f64) -> &mut Self {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few hundred packets"
        )]
        let packets = (seconds * RATE as f64) as usize;
        self.0.extend(std::iter::repeat_n(Frame::Silence, packets));
        self
    }

    fn key(&mut self, digits: &str) -> &mut Self {
        for (index, digit) in digits.bytes().map(|digit| digit - b'0').enumerate() {
            self.0.extend((1..=TONE).map(|packets| Frame::Held(digit, packets)));
            self.0.push(Frame::Released {
                digit,
                first_of_entry: index == 0,
                last_of_entry: index + 1 == digits.len(),
            });
            self.0.extend([Frame::Silence; GAP - 1]);
        }
        self
    }
}

/// A caller's outgoing RTP stream.
pub struct Voice<'a> {
    script: std::slice::Iter<'a, Frame>,
    peer: SocketAddr,
    source: u32,
    sequence: u16,
    timestamp: u32,
    /// The timestamp of the key that is held.
    since: u32,
    /// When each entry's first key was released: its first end packet was about to be sent.
    pub interrupted: Vec<Instant>,
    /// The same of its last key.
    pub released: Vec<Instant>,
}

impl<'a> Voice<'a> {
    /// Speaks to `peer`.
    pub fn new(script: &'a Script, peer: SocketAddr) -> Self {
        let source = rand::random();
        Self {
            script: script.0.iter(),
            peer,
            source,
            sequence: 0,
            timestamp: 0,
            since: 0,
            interrupted: Vec::new(),
            released: Vec::new(),
        }
    }

    /// Sends what is due, if anything is left of the script.
    pub fn speak(&mut self, socket: &UdpSocket) {
        let Some(frame) = self.script.next() else { return };
        self.timestamp = self.timestamp.wrapping_add(SAMPLES.into());
        match *frame {
            Frame::Silence => self.send(socket, 0, self.timestamp, &SILENCE),
            Frame::Held(digit, packets) => {
                let first = packets == 1;
                if first {
                    self.since = self.timestamp;
                }
                let marker = if first { MARKER } else { 0 };
                self.event(socket, marker, [digit, VOLUME], packets * SAMPLES);
            }
            Frame::Released { digit, first_of_entry, last_of_entry } => {
                let now = Instant::now();
                self.interrupted.extend(first_of_entry.then_some(now));
                self.released.extend(last_of_entry.then_some(now));
                for _ in 0..END_PACKETS {
                    self.event(socket, 0, [digit, END | VOLUME], TONE * SAMPLES);
                }
            }
        }
    }

    fn event(&mut self, socket: &UdpSocket, marker: u8, [digit, flags]: [u8; 2], duration: u16) {
        let [high, low] = duration.to_be_bytes();
        self.send(socket, marker | EVENT_PAYLOAD, self.since, &[digit, flags, high, low]);
    }

    /// One packet (RFC 3550 §5.1). It may find nobody: the other end has hung up.
    fn send(&mut self, socket: &UdpSocket, kind: u8, timestamp: u32, payload: &[u8]) {
        let mut packet = Vec::with_capacity(12 + payload.len());
        packet.extend([0x80, kind]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.source.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        drop(socket.send_to(&packet, self.peer));
    }
}
