//! The caller's end of the RTP: two threads, one that listens and one that speaks.
//!
//! The listener hands every packet on with the time of its arrival. The speaker sends µ-law silence
//! each 20 ms, as a telephone in a quiet room does, and keyed digits as RFC 4733 events in its place.

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

/// An audio packet that was received.
#[derive(Debug)]
pub struct Packet<'a> {
    /// When it came.
    pub at: Instant,
    /// RTP's sequence number.
    pub sequence: u16,
    /// µ-law.
    pub payload: &'a [u8],
}

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

struct Order {
    events: Vec<u8>,
    tone: u16,
    gap: u16,
    /// In the audio, and not as events.
    as_tones: bool,
    /// Where RTP's time stamp is to go on.
    timestamp: Option<u32>,
    done: Sender<Instant>,
}

/// A telephone's RTP port; hung up when dropped.
pub struct Handset {
    socket: Arc<UdpSocket>,
    gone: Arc<AtomicBool>,
    orders: Option<Sender<Order>>,
    threads: Vec<JoinHandle<()>>,
}

impl Handset {
    /// Binds a port of `address`; `ear` gets every µ-law packet, on the listener's thread.
    pub fn new(address: Ipv4Addr, ear: impl FnMut(&Packet<'_>) + Send + 'static) -> Result<Self> {
        let socket = Arc::new(bind_even(address)?);
        let gone = Arc::new(AtomicBool::new(false));
        let (listening, over) = (Arc::clone(&socket), Arc::clone(&gone));
        let listener = spawn(move || listen(&listening, &over, ear));
        Ok(Self { socket, gone, orders: None, threads: vec![listener] })
    }

    /// Where it is.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// Starts to speak to the other end's port.
    pub fn speak_to(&mut self, peer: SocketAddr) {
        let (orders, received) = channel();
        let (socket, gone) = (Arc::clone(&self.socket), Arc::clone(&self.gone));
        self.orders = Some(orders);
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
        let (done, _) = channel();
        let order = Order {
            events: Vec::new(),
            tone: 0,
            gap: 0,
            as_tones: false,
            timestamp: Some(1000),
            done,
        };
        self.give(order)
    }

    fn give(&self, order: Order) -> Result<()> {
        let orders = self.orders.as_ref().context("nobody to speak to yet")?;
        orders.send(order).map_err(|_| anyhow!("the handset is hung up"))
    }

    fn send(&self, keys: &str, pace: Pace, as_tones: bool) -> Result<Vec<Instant>> {
        let (done, released) = channel();
        let events = keys.chars().map(event).collect::<Result<Vec<u8>>>()?;
        let count = events.len();
        let (tone, gap) = (ticks(pace.tone), ticks(pace.gap));
        self.give(Order { events, tone, gap, as_tones, timestamp: None, done })?;
        (0..count).map(|_| released.recv().context("the handset was hung up")).collect()
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

fn listen(socket: &UdpSocket, gone: &AtomicBool, mut ear: impl FnMut(&Packet<'_>)) {
    let mut buffer = [0; 2048];
    // Without a time-out a lost wake-up would hold Drop for ever.
    if socket.set_read_timeout(Some(Duration::from_millis(500))).is_err() {
        return;
    }
    while !gone.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let at = Instant::now();
        let Some([_, kind, high, low, ..]) = buffer.get(..length) else { continue };
        let is_ulaw = kind & !MARKER == 0;
        let sequence = u16::from_be_bytes([*high, *low]);
        let Some(payload) = buffer.get(HEADER..length) else { continue };
        if is_ulaw && matches!(from.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
            ear(&Packet { at, sequence, payload });
        }
    }
}

/// What the speaker does at the next tick.
enum Sound {
    Silence,
    Event { event: u8, since: u32, ticks: u16 },
    Gap { ticks: u16 },
}

struct Speaker {
    socket: Arc<UdpSocket>,
    peer: SocketAddr,
    source: u32,
    sequence: u16,
    timestamp: u32,
    sound: Sound,
    waiting: VecDeque<u8>,
    order: Option<Order>,
}

impl Speaker {
    fn new(socket: Arc<UdpSocket>, peer: SocketAddr) -> Self {
        Self {
            socket,
            peer,
            source: rand::random(),
            sequence: rand::random(),
            timestamp: rand::random(),
            sound: Sound::Silence,
            waiting: VecDeque::new(),
            order: None,
        }
    }

    fn run(mut self, orders: &Receiver<Order>, gone: &AtomicBool) {
        let mut next = Instant::now();
        while !gone.load(Ordering::Relaxed) {
            if self.order.is_none()
                && let Ok(mut order) = orders.try_recv()
            {
                self.waiting.extend(order.events.drain(..));
                self.timestamp = order.timestamp.unwrap_or(self.timestamp);
                self.order = Some(order);
            }
            self.tick();
            self.timestamp = self.timestamp.wrapping_add(SAMPLES.into());
            next += TICK;
            sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    fn tick(&mut self) {
        if let Sound::Silence = self.sound
            && let Some(event) = self.waiting.pop_front()
        {
            self.sound = Sound::Event { event, since: self.timestamp, ticks: 0 };
        }
        let (tone, gap) = self.order.as_ref().map_or((0, 0), |order| (order.tone, order.gap));
        let as_tones = self.order.as_ref().is_some_and(|order| order.as_tones);
        match self.sound {
            Sound::Silence => self.silence(),
            Sound::Event { event, since, ticks } if ticks < tone && as_tones => {
                let payload = tone::pair(event, self.timestamp.wrapping_sub(since), SAMPLES);
                self.send(0, self.timestamp, &payload);
                self.sound = Sound::Event { event, since, ticks: ticks + 1 };
            }
            Sound::Event { event, since, ticks } if ticks < tone => {
                self.event(event, since, (ticks + 1) * SAMPLES, ticks == 0, false);
                self.sound = Sound::Event { event, since, ticks: ticks + 1 };
            }
            Sound::Event { event, since, .. } => {
                if as_tones {
                    self.silence();
                } else {
                    for _ in 0..END_PACKETS {
                        self.event(event, since, tone * SAMPLES, false, true);
                    }
                }
                self.released();
                self.sound = if gap > 1 { Sound::Gap { ticks: gap - 1 } } else { Sound::Silence };
            }
            Sound::Gap { ticks } => {
                self.silence();
                self.sound =
                    if ticks > 1 { Sound::Gap { ticks: ticks - 1 } } else { Sound::Silence };
            }
        }
        if matches!(self.sound, Sound::Silence) && self.waiting.is_empty() {
            self.order = None;
        }
    }

    fn released(&self) {
        if let Some(order) = &self.order {
            // Whoever ordered it may have stopped waiting.
            let _ = order.done.send(Instant::now());
        }
    }

    fn silence(&mut self) {
        let payload = [ulaw::SILENCE; SAMPLES as usize];
        self.send(0, self.timestamp, &payload);
    }

    fn event(&mut self, event: u8, since: u32, duration: u16, first: bool, last: bool) {
        let [high, low] = duration.to_be_bytes();
        let volume = if last { END | VOLUME } else { VOLUME };
        let kind = if first { MARKER | EVENT_PAYLOAD } else { EVENT_PAYLOAD };
        self.send(kind, since, &[event, volume, high, low]);
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
