//! The caller's end of the RTP: two threads, one that listens and one that speaks.
//!
//! The listener hands every packet on with the time of its arrival. The speaker sends µ-law silence
//! each 20 ms, as a telephone in a quiet room does, and keyed digits as RFC 4733 events in its
//! place.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

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

/// What the speaker is to do once it is silent.
enum SpeakerCommand {
    /// Keys to send, and where to report each one's release.
    Keys(VecDeque<Frame>, Sender<Instant>),
    /// Where RTP's time stamp goes on.
    Timestamp(u32),
}

/// What is sent in one tick. An event's `tick` counts from the key's press.
enum Frame {
    Silence,
    Tone {
        event: u8,
        tick: u16,
    },
    Event {
        event: u8,
        tick: u16,
    },
    /// The key is released: with the event's last packets, or in silence after a tone.
    Release {
        event: Option<u8>,
        tick: u16,
    },
}

/// A telephone's RTP port; hung up when dropped.
pub struct Handset {
    socket: Arc<UdpSocket>,
    gone: Arc<AtomicBool>,
    commands: Option<Sender<SpeakerCommand>>,
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
        let gone = Arc::new(AtomicBool::new(false));
        let (listening, over) = (Arc::clone(&socket), Arc::clone(&gone));
        let listener = spawn(move || listen(&listening, &over, ear));
        Ok(Self { socket, gone, commands: None, threads: vec![listener] })
    }

    /// Where it is.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// Starts to speak to the other end's port.
    pub fn speak_to(&mut self, peer: SocketAddr) {
        let (commands, received) = channel();
        let (socket, gone) = (Arc::clone(&self.socket), Arc::clone(&self.gone));
        self.commands = Some(commands);
        self.threads.push(spawn(move || Speaker::new(socket, peer).run(&received, &gone)));
    }

    /// Keys `keys` as events; returns when each was released, once the last was.
    pub fn key(&self, keys: &str, pace: Pace) -> Result<Vec<Instant>> {
        self.send(keys, pace, false)
    }

    /// The same as tones in the audio.
    pub fn sound(&self, keys: &str, pace: Pace) -> Result<Vec<Instant>> {
        self.send(keys, pace, true)
    }

    /// Begins RTP's time stamp again within the same source.
    pub fn restart_clock(&self) -> Result<()> {
        self.give(SpeakerCommand::Timestamp(1000))
    }

    fn give(&self, command: SpeakerCommand) -> Result<()> {
        let commands = self.commands.as_ref().context("nobody to speak to yet")?;
        commands.send(command).map_err(|_| anyhow!("the handset is hung up"))
    }

    fn send(&self, keys: &str, pace: Pace, as_tones: bool) -> Result<Vec<Instant>> {
        let (done, released) = channel();
        let (tone, gap) = (ticks(pace.tone), ticks(pace.gap));
        let mut frames = VecDeque::new();
        for key in keys.chars() {
            let event = event(key)?;
            frames.extend((0..tone).map(|tick| {
                if as_tones { Frame::Tone { event, tick } } else { Frame::Event { event, tick } }
            }));
            let released = Some(event).filter(|_| !as_tones);
            frames.push_back(Frame::Release { event: released, tick: tone });
            frames.extend((1..gap).map(|_| Frame::Silence));
        }
        self.give(SpeakerCommand::Keys(frames, done))?;
        keys.chars().map(|_| released.recv().context("the handset was hung up")).collect()
    }
}

impl Drop for Handset {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        if let Ok(own) = self.socket.local_addr() {
            // Wakes the listener; should it fail, the next packet or the time-out does.
            drop(self.socket.send_to(&[], own));
        }
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

fn listen(socket: &UdpSocket, gone: &AtomicBool, mut ear: impl FnMut(Instant, &[u8])) {
    let mut buffer = [0; 2048];
    // Without a time-out a lost wake-up would hold Drop for ever.
    if socket.set_read_timeout(Some(Duration::from_millis(500))).is_err() {
        return;
    }
    while !gone.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let at = Instant::now();
        let is_ulaw = buffer[1] & !MARKER == 0;
        let Some(payload) = buffer.get(HEADER..length) else { continue };
        if is_ulaw && matches!(from.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
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
    frames: VecDeque<Frame>,
    released: Option<Sender<Instant>>,
}

impl Speaker {
    fn new(socket: Arc<UdpSocket>, peer: SocketAddr) -> Self {
        Self {
            socket,
            peer,
            source: rand::random(),
            sequence: rand::random(),
            timestamp: rand::random(),
            frames: VecDeque::new(),
            released: None,
        }
    }

    fn run(mut self, commands: &Receiver<SpeakerCommand>, gone: &AtomicBool) {
        let mut next = Instant::now();
        while !gone.load(Ordering::Relaxed) {
            if self.frames.is_empty() {
                match commands.try_recv() {
                    Ok(SpeakerCommand::Keys(frames, released)) => {
                        (self.frames, self.released) = (frames, Some(released));
                    }
                    Ok(SpeakerCommand::Timestamp(timestamp)) => self.timestamp = timestamp,
                    Err(_) => {}
                }
            }
            self.tick();
            self.timestamp = self.timestamp.wrapping_add(SAMPLES.into());
            next += TICK;
            sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    fn tick(&mut self) {
        match self.frames.pop_front().unwrap_or(Frame::Silence) {
            Frame::Silence => self.silence(),
            Frame::Tone { event, tick } => {
                let payload = tone::pair(event, u32::from(tick * SAMPLES), SAMPLES);
                self.send(0, self.timestamp, &payload);
            }
            Frame::Event { event, tick } => self.event(event, tick, tick + 1, false),
            Frame::Release { event, tick } => {
                match event {
                    Some(event) => {
                        (0..END_PACKETS).for_each(|_| self.event(event, tick, tick, true));
                    }
                    None => self.silence(),
                }
                if let Some(released) = &self.released {
                    let _ = released.send(Instant::now()); // the test may have stopped waiting
                }
            }
        }
    }

    fn silence(&mut self) {
        let payload = [ulaw::SILENCE; SAMPLES as usize];
        self.send(0, self.timestamp, &payload);
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
