//! The caller's end of the RTP: two threads, one that listens and one that speaks.
//!
//! The listener hands every packet on with the time of its arrival. The speaker sends µ-law silence
//! each 20 ms, as a telephone in a quiet room does, and keyed digits as RFC 4733 events in its
//! place.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::sipp::Keying;
use super::{tone, ulaw};

/// The dynamic payload type that the handset offers for events.
pub const EVENT_PAYLOAD: u8 = 101;

/// The length of a packet, and the grain of tones and gaps.
pub const TICK: Duration = Duration::from_millis(20);

const SAMPLES: u16 = 160;
const HEADER: usize = 12;
const MARKER: u8 = 0x80;
const END: u8 = 0x80;
/// -10 dBm0, as telephones send (RFC 4733 §2.3.4).
const VOLUME: u8 = 10;
/// The last packet of an event is sent this often (RFC 4733 §2.5.1.4).
const END_PACKETS: usize = 3;

/// How digits are keyed: rounded up to whole [`TICK`]s.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a key is held.
    pub tone: Duration,
    /// From its release to the next.
    pub gap: Duration,
}

impl Pace {
    /// 100 ms and 100 ms: a brisk finger.
    pub const BRISK: Self =
        Self { tone: Duration::from_millis(100), gap: Duration::from_millis(100) };
    /// 40 ms and 40 ms: the fastest that Q.24 allows.
    pub const FASTEST: Self =
        Self { tone: Duration::from_millis(40), gap: Duration::from_millis(40) };
}

/// What the speaker sends in one tick, or does at once.
enum Frame {
    /// µ-law.
    Audio(Vec<u8>),
    /// A key was pressed `tick` ticks ago, and is held.
    Held { event: u8, tick: u16 },
    /// A key was pressed `tick` ticks ago, and is released.
    Released { event: u8, tick: u16 },
    /// A note that a key has just been released.
    Note(Sender<Instant>),
    /// RTP's time stamp goes on from here.
    Timestamp(u32),
}

/// A telephone's RTP port; hung up when dropped.
pub struct Handset {
    socket: Arc<UdpSocket>,
    gone: Arc<AtomicBool>,
    /// To the speaker: what follows without a break.
    frames: Option<Sender<Vec<Frame>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Handset {
    /// Binds a port of `address`; `ear` gets every µ-law packet and its time, on the listener's
    /// thread.
    pub fn new(
        address: Ipv4Addr,
        ear: impl FnMut(Instant, &[u8]) + Send + 'static,
    ) -> Result<Self> {
        let socket = Arc::new(bind_even(address)?);
        // How long the end of the handset goes unnoticed.
        socket.set_read_timeout(Some(TICK))?;
        let gone = Arc::new(AtomicBool::new(false));
        let (listening, over) = (Arc::clone(&socket), Arc::clone(&gone));
        let listener = spawn(move || listen(&listening, &over, ear));
        Ok(Self { socket, gone, frames: None, threads: vec![listener] })
    }

    /// Where it is.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// Starts to speak to the other end's port.
    pub fn speak_to(&mut self, peer: SocketAddr) {
        let (frames, received) = channel();
        let (socket, gone) = (Arc::clone(&self.socket), Arc::clone(&self.gone));
        self.frames = Some(frames);
        self.threads.push(spawn(move || Speaker::new(socket, peer).run(&received, &gone)));
    }

    /// Keys `keys` as tones, or else as events; returns when the last was released.
    pub fn key(&self, keys: &str, pace: Pace, keying: Keying) -> Result<Instant> {
        let (note, released) = channel();
        let (tone, gap) = (ticks(pace.tone), ticks(pace.gap));
        let mut frames = Vec::new();
        for key in keys.chars() {
            let event = event(key)?;
            if keying == Keying::Tones {
                let audio = tone::pair(event, tone * SAMPLES);
                let packets = audio.chunks(SAMPLES.into());
                frames.extend(packets.map(|packet| Frame::Audio(packet.to_vec())));
                frames.extend([silence(), Frame::Note(note.clone())]);
            } else {
                frames.extend((0..tone).map(|tick| Frame::Held { event, tick }));
                frames.extend([Frame::Released { event, tick: tone }, Frame::Note(note.clone())]);
            }
            frames.extend((1..gap).map(|_| silence()));
        }
        self.give(frames)?;
        let mut last = None;
        for _ in keys.chars() {
            last = Some(released.recv().context("the handset was hung up")?);
        }
        last.context("no key")
    }

    /// Begins RTP's time stamp again within the same source.
    pub fn restart_clock(&self) -> Result<()> {
        self.give(vec![Frame::Timestamp(1000)])
    }

    fn give(&self, frames: Vec<Frame>) -> Result<()> {
        let speaker = self.frames.as_ref().context("nobody to speak to yet")?;
        speaker.send(frames).ok().context("the handset is hung up")
    }
}

impl Drop for Handset {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

/// RTP's port is even (RFC 3550 §11).
fn bind_even(address: Ipv4Addr) -> Result<UdpSocket> {
    for _ in 0..100 {
        let socket = UdpSocket::bind((address, 0))?;
        if socket.local_addr()?.port().is_multiple_of(2) {
            return Ok(socket);
        }
    }
    bail!("no even port is free on {address}")
}

/// RFC 4733 §3.2, table 3.
fn event(key: char) -> Result<u8> {
    let code = "0123456789*#ABCD".find(key).with_context(|| format!("no key {key:?}"))?;
    Ok(u8::try_from(code)?)
}

fn ticks(duration: Duration) -> u16 {
    u16::try_from(duration.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u16::MAX)
}

fn silence() -> Frame {
    Frame::Audio(vec![ulaw::SILENCE; SAMPLES.into()])
}

fn listen(socket: &UdpSocket, gone: &AtomicBool, mut ear: impl FnMut(Instant, &[u8])) {
    let mut buffer = [0; 2048];
    while !gone.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let at = Instant::now();
        let is_ulaw = buffer[1] & !MARKER == 0;
        let Some(payload) = buffer.get(HEADER..length) else { continue };
        if is_ulaw && from.ip().is_loopback() {
            ear(at, payload);
        }
    }
}

struct Speaker {
    socket: Arc<UdpSocket>,
    peer: SocketAddr,
    source: u32,
    sequence: u16,
    timestamp: u32,
    /// When the last packet was due.
    due: Instant,
}

impl Speaker {
    fn new(socket: Arc<UdpSocket>, peer: SocketAddr) -> Self {
        let (source, sequence, timestamp) = rand::random();
        Self { socket, peer, source, sequence, timestamp, due: Instant::now() }
    }

    fn run(mut self, commands: &Receiver<Vec<Frame>>, gone: &AtomicBool) {
        let mut frames = Vec::new().into_iter();
        while !gone.load(Ordering::Relaxed) {
            if frames.as_slice().is_empty() {
                frames = commands.try_recv().unwrap_or_default().into_iter();
            }
            match frames.next().unwrap_or_else(silence) {
                Frame::Audio(payload) => {
                    self.wait_for_tick();
                    self.send(0, self.timestamp, &payload);
                }
                Frame::Held { event, tick } => {
                    self.wait_for_tick();
                    self.event(event, tick, tick + 1, false);
                }
                Frame::Released { event, tick } => {
                    self.wait_for_tick();
                    (0..END_PACKETS).for_each(|_| self.event(event, tick, tick, true));
                }
                Frame::Note(released) => {
                    let _ = released.send(Instant::now()); // the test may have stopped waiting
                }
                Frame::Timestamp(timestamp) => self.timestamp = timestamp,
            }
        }
    }

    fn wait_for_tick(&mut self) {
        self.due += TICK;
        sleep(self.due.saturating_duration_since(Instant::now()));
        self.timestamp = self.timestamp.wrapping_add(SAMPLES.into());
    }

    /// One packet of an event that was pressed `tick` ticks ago and has lasted for `ticks`.
    fn event(&mut self, event: u8, tick: u16, ticks: u16, is_last: bool) {
        let pressed = self.timestamp.wrapping_sub(u32::from(tick * SAMPLES));
        let [high, low] = (ticks * SAMPLES).to_be_bytes();
        let volume = if is_last { END | VOLUME } else { VOLUME };
        let kind = if tick == 0 { MARKER | EVENT_PAYLOAD } else { EVENT_PAYLOAD };
        self.send(kind, pressed, &[event, volume, high, low]);
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
