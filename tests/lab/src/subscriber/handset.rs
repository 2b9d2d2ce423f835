//! The caller's end of the RTP: threads that receive, listen and speak, until it is hung up.
//!
//! The receiver notes the time of every packet's arrival, and the listener hears it. The speaker
//! sends µ-law silence each 20 ms, like a telephone in a quiet room, and keyed digits as RFC 4733
//! events in its place. It and the receiver have real-time priority, if they may. After a delay the
//! speaker does not hurry: no telephone sends in bursts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::rtp::{MARKER, RtpStream, Sequence};
use super::sipp::Keying;
use super::tone;
use crate::child::raise_priority;

/// The length of a packet, and the unit of tones and gaps.
const TICK: Duration = Duration::from_millis(20);
/// The ticks without an event of [`Keying::AmongSilence`]: longer than Asterisk waits for one.
const PAUSE: Range<u16> = 2..12;

/// How digits are keyed: rounded up to whole packets of 20 ms.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a key is held.
    pub tone: Duration,
    /// From its release to the next.
    pub gap: Duration,
}

impl Pace {
    /// 100 ms and 100 ms: fast typing.
    pub const BRISK: Self =
        Self { tone: Duration::from_millis(100), gap: Duration::from_millis(100) };
    /// 40 ms and 40 ms: the fastest that Q.24 allows.
    pub const FASTEST: Self =
        Self { tone: Duration::from_millis(40), gap: Duration::from_millis(40) };
}

/// What the listener gets.
#[derive(Debug)]
pub enum Received {
    /// A packet of µ-law, and how many samples before it were sent and never arrived.
    Audio { lost: usize, payload: Vec<u8> },
    /// Nothing: every packet that came before this time has been passed on.
    Nothing,
}

/// What the speaker does in one tick.
type PacketSender = Box<dyn FnOnce(&mut RtpStream) + Send>;

/// A telephone's RTP port; closed when dropped.
pub struct Handset {
    pub address: SocketAddr,
    socket: Arc<UdpSocket>,
    gone: Arc<AtomicBool>,
    /// To the speaker: packets that follow each other without a break.
    speaker: Option<Sender<Vec<PacketSender>>>,
}

impl Handset {
    /// Binds a port of `address`; `ear` gets every µ-law packet with its time, on the listener's
    /// thread.
    pub fn new(
        address: Ipv4Addr,
        mut ear: impl FnMut(Instant, Received) + Send + 'static,
    ) -> Result<Self> {
        let socket = Arc::new(bind_even(address.into())?);
        let address = socket.local_addr()?;
        // How late the end of the handset, and of what has come, may be noticed.
        socket.set_read_timeout(Some(TICK))?;
        let gone = Arc::new(AtomicBool::new(false));
        let (receiving, over) = (Arc::clone(&socket), Arc::clone(&gone));
        let (packets, received) = channel();
        spawn(move || receive(&receiving, &over, &packets));
        spawn(move || received.iter().for_each(|(at, what)| ear(at, what)));
        Ok(Self { address, socket, gone, speaker: None })
    }

    /// Starts to send to the other end's port.
    pub fn speak_to(&mut self, peer: SocketAddr) {
        let (packets, received) = channel();
        let stream = RtpStream::new(Arc::clone(&self.socket), peer);
        let gone = Arc::clone(&self.gone);
        self.speaker = Some(packets);
        spawn(move || speak(stream, &received, &gone));
    }

    /// Keys `keys` as tones or as events; returns when the last one was released.
    pub fn key(&self, keys: &str, pace: Pace, keying: Keying) -> Result<Instant> {
        let (released, times) = channel();
        let (tone, gap) = (ticks(pace.tone), ticks(pace.gap));
        let mut packets: Vec<PacketSender> = Vec::new();
        for key in keys.chars() {
            let event = event(key)?;
            packets.extend((0..tone).map(|tick| held(event, tick, keying)));
            packets.push(release(keying, released.clone()));
            packets.extend((1..gap).map(|_| Box::new(RtpStream::send_silence) as PacketSender));
        }
        self.give(packets)?;
        drop(released); // the packets of each key have a clone
        times.iter().last().context("no key")
    }

    /// Presses a key, which is held until [`Handset::release`].
    pub fn press(&self, key: char) -> Result<()> {
        let event = event(key)?;
        self.give(vec![Box::new(move |stream| stream.press(event))])
    }

    /// Releases the key that is held; returns when.
    pub fn release(&self) -> Result<Instant> {
        let (released, times) = channel();
        self.give(vec![release(Keying::Events, released)])?;
        times.recv().context("the handset is hung up")
    }

    /// Sets RTP's time stamp within the same source.
    pub fn set_clock(&self, timestamp: u32) -> Result<()> {
        self.give(vec![Box::new(move |stream| stream.set_clock(timestamp))])
    }

    /// Sends from another port from now on.
    pub fn send_from_another_port(&self) -> Result<()> {
        let socket = Arc::new(bind_even(self.address.ip())?);
        self.give(vec![Box::new(move |stream| stream.send_from(socket))])
    }

    fn give(&self, packets: Vec<PacketSender>) -> Result<()> {
        let speaker = self.speaker.as_ref().context("nobody to speak to yet")?;
        speaker.send(packets).ok().context("the handset is hung up")
    }
}

impl Drop for Handset {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// RTP's port is even (RFC 3550 §11).
fn bind_even(address: IpAddr) -> Result<UdpSocket> {
    let mut sockets = (0..100).flat_map(|_| UdpSocket::bind((address, 0)));
    let is_even = |socket: &UdpSocket| {
        socket.local_addr().is_ok_and(|address| address.port().is_multiple_of(2))
    };
    sockets.find(is_even).with_context(|| format!("no even port is free on {address}"))
}

/// RFC 4733 §3.2, table 3.
fn event(key: char) -> Result<u8> {
    let code = "0123456789*#ABCD".find(key).with_context(|| format!("no key {key:?}"))?;
    Ok(u8::try_from(code)?)
}

/// What is sent in this tick of a key that is held.
fn held(event: u8, tick: u16, keying: Keying) -> PacketSender {
    let is_beside = keying == Keying::AmongSilence;
    Box::new(move |stream| {
        if is_beside {
            stream.send_silence();
        }
        match tick {
            _ if keying == Keying::Tones => stream.send_audio(&tone::packet(event, tick)),
            0 => stream.press(event),
            _ if is_beside && PAUSE.contains(&tick) => {}
            _ => stream.send_nothing_new(),
        }
    })
}

/// Releases the key, and reports when: nothing that follows from the release is earlier.
fn release(keying: Keying, released: Sender<Instant>) -> PacketSender {
    Box::new(move |stream| {
        let at = Instant::now();
        if keying == Keying::OtherStamps {
            stream.release_with_other_stamps();
        } else {
            stream.release();
        }
        let _ = released.send(at); // the test may have stopped waiting
    })
}

fn ticks(duration: Duration) -> u16 {
    u16::try_from(duration.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u16::MAX)
}

/// Passes on every packet, until the handset is gone.
fn receive(socket: &UdpSocket, gone: &AtomicBool, packets: &Sender<(Instant, Received)>) {
    raise_priority();
    let (mut buffer, mut sequence) = ([0; 2048], Sequence::default());
    while !gone.load(Ordering::Relaxed) {
        let before = Instant::now();
        let packet = if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let Some((head, payload)) = buffer[..length].split_first_chunk() else { continue };
            if !from.ip().is_loopback() {
                continue;
            }
            let lost = sequence.lost_before(head) * payload.len();
            if head[1] & !MARKER != 0 {
                continue; // no µ-law
            }
            (Instant::now(), Received::Audio { lost, payload: payload.to_vec() })
        } else {
            (before, Received::Nothing)
        };
        if packets.send(packet).is_err() {
            return;
        }
    }
}

fn speak(mut stream: RtpStream, received: &Receiver<Vec<PacketSender>>, gone: &AtomicBool) {
    raise_priority();
    let mut packets = Vec::new().into_iter();
    let mut last = Instant::now();
    while !gone.load(Ordering::Relaxed) {
        if packets.as_slice().is_empty() {
            packets = received.try_recv().unwrap_or_default().into_iter();
        }
        sleep((last + TICK).saturating_duration_since(Instant::now()));
        let passed = last.elapsed().as_millis() / TICK.as_millis();
        last = Instant::now();
        stream.tick(u32::try_from(passed).unwrap_or(u32::MAX));
        match packets.next() {
            Some(frame) => frame(&mut stream),
            None => stream.send_nothing_new(),
        }
    }
}
