//! Many calls at once on two threads, so that the measurement itself costs little. All callers
//! share one RTP port. Asterisk's port identifies a packet's call; once that port is used again,
//! RTP's source does.
//!
//! The schedule is open: callers key by their script whatever the other side does. The audio is
//! recorded, and examined after the last call.

use std::collections::{HashMap, VecDeque};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use karipass_lab::asterisk::CARRIER;
use karipass_lab::subscriber::rtp::{HEADER, MARKER, RtpStream};
use karipass_lab::subscriber::sipp::{CallSignal, Sipp};
use karipass_lab::subscriber::{Ending, Line};
use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::script::{RATE, Script, Voice};

/// By when all calls have ended, beyond the time in which they begin.
const OVER_TIMEOUT: Duration = Duration::from_mins(1);
const PACKET: Duration = Duration::from_millis(1000 / RATE as u64);
/// Callers begin to send in this many phases of a packet's time, a millisecond apart.
const PHASES: u64 = 20;
/// How late a packet may be, so that several are sent at once.
const GRAIN: Duration = Duration::from_millis(1);

/// µ-law packets and their arrival times.
type HeardPackets = Vec<(Instant, Vec<u8>)>;

/// Room for the packets of a second's delay; the system may grant less.
const RECEIVE_BUFFER: usize = 8 << 20;

/// A call from its caller's side.
#[derive(Debug, Default)]
pub struct CallTrace {
    /// When each entry's first key was released.
    pub interrupted: Vec<Instant>,
    /// When each entry's last key was released.
    pub released: Vec<Instant>,
    /// All packets received.
    pub heard: HeardPackets,
    /// Whether the other side hung up.
    pub ended: bool,
    /// The longest delay of a packet that this caller sent: the machine's fault, not the line's.
    pub late: Duration,
}

/// Places one call per caller at `rate` calls a second; every caller runs `script`.
pub fn place(
    line: &Line,
    callers: &[String],
    rate: u32,
    script: &Script,
) -> Result<Vec<CallTrace>> {
    let socket = Arc::new(UdpSocket::bind((CARRIER, 0))?);
    set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
    let media = socket.local_addr()?.port();
    let recorder = PacketRecorder::open(Arc::clone(&socket))?;
    let (sender, signals) = channel();
    let report = move |call, what| {
        // Ignores a send error: the receiver stops after the last event.
        let _ = sender.send((call, what));
    };
    let sipp = Sipp::place(line, None, callers, media, rate, report)?;
    let mut conversation = Conversation::new(&socket, script, callers.len());
    conversation.hold(&signals, rate).with_context(|| sipp.errors())?;
    let mut heard = recorder.close()?;
    let Conversation { mut calls, answered, .. } = conversation;
    for (call, port) in answered {
        if let Some(stream) = heard.get_mut(&port).and_then(VecDeque::pop_front) {
            calls[call].heard = stream;
        }
    }
    Ok(calls)
}

/// The sending half, on the calling thread.
struct Conversation<'a> {
    socket: &'a Arc<UdpSocket>,
    script: &'a Script,
    calls: Vec<CallTrace>,
    /// Asterisk's RTP port of each call, in the order of the answers.
    answered: Vec<(usize, u16)>,
    voices: Vec<Talking<'a>>,
}

struct Talking<'a> {
    call: usize,
    voice: Voice<'a>,
    due: Instant,
    late: Duration,
}

impl<'a> Conversation<'a> {
    fn new(socket: &'a Arc<UdpSocket>, script: &'a Script, number: usize) -> Self {
        let calls = (0..number).map(|_| CallTrace::default()).collect();
        Self { socket, script, calls, answered: Vec::new(), voices: Vec::new() }
    }

    /// Sends until every call is over.
    fn hold(&mut self, signals: &Receiver<(usize, CallSignal)>, rate: u32) -> Result<()> {
        let number = self.calls.len();
        let begin = Duration::from_secs((number / rate as usize) as u64);
        let until = Instant::now() + begin + OVER_TIMEOUT;
        let mut over = 0;
        while over < number {
            match signals.recv_timeout(GRAIN) {
                Ok((call, what)) => over += usize::from(self.on_signal(call, what)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.talk();
            if Instant::now() > until {
                return Err(anyhow!("{over} of {number} calls are over in time"));
            }
        }
        Ok(())
    }

    /// Handles an event; whether it is the call's last.
    fn on_signal(&mut self, call: usize, what: CallSignal) -> bool {
        match what {
            CallSignal::Answered(peer) => {
                let voice = Voice::new(self.script, RtpStream::new(Arc::clone(self.socket), peer));
                // Asterisk's packets and the keys of all callers would otherwise keep one distance.
                let phase = Duration::from_millis((call * 7) as u64 % PHASES);
                let due = Instant::now() + phase;
                self.voices.push(Talking { call, voice, due, late: Duration::ZERO });
                self.answered.push((call, peer.port()));
                false
            }
            CallSignal::Informed => false,
            CallSignal::Over(ending) => {
                self.calls[call].ended = ending == Ending::ByThem;
                if let Some(index) = self.voices.iter().position(|voice| voice.call == call) {
                    let Talking { voice, late, .. } = self.voices.swap_remove(index);
                    self.calls[call].interrupted = voice.interrupted;
                    self.calls[call].released = voice.released;
                    self.calls[call].late = late;
                }
                true
            }
        }
    }

    /// Sends everything that is due.
    fn talk(&mut self) {
        let now = Instant::now();
        for Talking { voice, due, late, .. } in &mut self.voices {
            if *due <= now {
                *late = (*late).max(now - *due);
                *due += PACKET;
                voice.speak();
            }
        }
    }
}

/// The receiving half: one thread that only records packets.
struct PacketRecorder {
    gone: Arc<AtomicBool>,
    listener: JoinHandle<Vec<Arrival>>,
}

struct Arrival {
    at: Instant,
    from: u16,
    packet: Vec<u8>,
}

const ULAW: u8 = 0;

impl PacketRecorder {
    fn open(socket: Arc<UdpSocket>) -> Result<Self> {
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let gone = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&gone);
        let listener = thread::spawn(move || listen(&socket, &over));
        Ok(Self { gone, listener })
    }

    /// The streams of each of Asterisk's ports, in the order in which they began: Asterisk uses a
    /// port again after a call.
    fn close(self) -> Result<HashMap<u16, VecDeque<HeardPackets>>> {
        self.gone.store(true, Ordering::Relaxed);
        let arrivals = self.listener.join().map_err(|_| anyhow!("the listener has panicked"))?;
        let mut sources: HashMap<u16, Vec<u8>> = HashMap::new();
        let mut streams: HashMap<u16, VecDeque<HeardPackets>> = HashMap::new();
        for Arrival { at, from, packet } in arrivals {
            let Some((header, payload)) = packet.split_at_checked(HEADER) else { continue };
            if header[1] & !MARKER != ULAW {
                continue;
            }
            let source = header[8..].to_vec();
            let port = streams.entry(from).or_default();
            if sources.insert(from, source.clone()) != Some(source) {
                port.push_back(HeardPackets::new());
            }
            port.back_mut().into_iter().for_each(|stream| stream.push((at, payload.to_vec())));
        }
        Ok(streams)
    }
}

fn listen(socket: &UdpSocket, over: &AtomicBool) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    let mut buffer = [0; 2048];
    while !over.load(Ordering::Relaxed) {
        // Without a packet it checks whether all calls are over. An unreachable port belongs to a
        // call that is over.
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let at = Instant::now();
        let SocketAddr::V4(from) = from else { continue };
        let packet = buffer.get(..length).unwrap_or_default().to_vec();
        arrivals.push(Arrival { at, from: from.port(), packet });
    }
    arrivals
}
