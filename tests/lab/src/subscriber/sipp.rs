//! Signalling by SIPp: one process places one call or many. Cues and reports go over its
//! third-party control socket, where we are the twin.
//!
//! A process ends by itself once its calls are over; it is killed when [`Sipp`] is dropped.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::spawn;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::handset::Pace;
use super::scenario;
use crate::asterisk::{CARRIER, Phone};
use crate::child::{self, Child};
use crate::folder;
use crate::{ports, secret};

/// The end of a message on the control socket.
const ESCAPE: u8 = 0x1b;
/// To connect to us, or to register.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The address to call, and the way of calling.
#[derive(Debug, Clone)]
pub struct Line {
    /// Asterisk's SIP address.
    pub sip: SocketAddr,
    /// The number that is dialled.
    pub number: String,
    pub keying: Keying,
    pub pace: Pace,
    /// Whether T.38 is offered beside the audio.
    pub offers_fax: bool,
    /// Whether the caller's number is withheld.
    pub is_anonymous: bool,
}

impl Line {
    /// With RFC 4733 events at a brisk pace, and audio alone.
    pub fn new(sip: SocketAddr, number: impl Into<String>) -> Self {
        let (keying, pace) = (Keying::Events, Pace::BRISK);
        let (offers_fax, is_anonymous) = (false, false);
        Self { sip, number: number.into(), keying, pace, offers_fax, is_anonymous }
    }
}

/// How digits are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keying {
    /// As RFC 4733 events.
    Events,
    /// The same, but each of an event's last packets has another time stamp.
    OtherStamps,
    /// As events that pause while the key is held, among packets of silence.
    AmongSilence,
    /// By SIP INFO; no events are offered.
    Info,
    /// As tones in the audio; no events are offered.
    Tones,
    /// Each as an event and by SIP INFO.
    Both,
}

/// A report about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallSignal {
    /// Answered; where the other side's RTP is.
    Answered(SocketAddr),
    /// A digit sent by SIP INFO, or a direction of the audio, was accepted.
    Informed,
    /// It is over.
    Over(Ending),
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The other side hung up.
    ByThem,
    /// We hung up.
    ByUs,
    /// It was never answered.
    Refused,
}

/// A SIPp process.
pub struct Sipp {
    _child: Child,
    twin: TcpStream,
    /// The part of its Call-IDs that distinguishes them from another process's.
    token: String,
    folder: TempDir,
}

impl Sipp {
    /// Places calls from `callers`, who share the RTP port `media`, `rate` a second. The callback
    /// gets each call's signals with its index.
    ///
    /// The carrier asserts the callers' numbers, or else a telephone does, which registers first.
    pub fn place(
        line: &Line,
        telephone: Option<&Phone>,
        callers: &[String],
        media: u16,
        rate: u32,
        mut news: impl FnMut(usize, CallSignal) + Send + 'static,
    ) -> Result<Self> {
        if let Some(phone) = telephone {
            register(line.sip, phone)?;
        }
        let folder = folder::temporary("karipass-sipp-")?;
        let numbers = format!("SEQUENTIAL\n{}\n", callers.join("\n"));
        fs::write(folder.path().join("calls.csv"), numbers)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let xml = scenario::call(line, telephone, media);
        // Keys by SIP INFO come from the telephone too, as promptly as its RTP.
        let priority = match line.keying {
            Keying::Info | Keying::Both => child::raised_priority(),
            Keying::Events | Keying::OtherStamps | Keying::AmongSilence | Keying::Tones => &[],
        };
        let mut command = sipp(line.sip, telephone, folder.path(), &xml, priority)?;
        // A late report about a call of another process that had this port before is ignored.
        let token = secret();
        command.args(["-cid_str", &format!("call-%u-{token}"), "-inf", "calls.csv"]);
        command.args(["-s", &line.number, "-r", &rate.to_string()]);
        command.args(["-m", &callers.len().to_string(), "-l", &callers.len().to_string()]);
        command.args(["-3pcc", &listener.local_addr()?.to_string()]);
        let mut child = Child::spawn("SIPp", command)?;
        let twin = accept(&listener, &mut child)
            .with_context(|| format!("SIPp: {}", errors(folder.path())))?;
        let messages = BufReader::new(twin.try_clone()?).split(ESCAPE).map_while(Result::ok);
        let signals = messages.filter_map(|message| parse(&String::from_utf8_lossy(&message)));
        spawn(move || signals.for_each(|(call, signal)| news(call, signal)));
        Ok(Self { _child: child, twin, token, folder })
    }

    /// SIPp's error messages.
    pub fn errors(&self) -> String {
        errors(self.folder.path())
    }

    /// Sends SIPp a cue of the scenario for its first call; wait for [`CallSignal::Informed`] after
    /// a digit or a direction.
    pub fn cue(&self, cue: &str) -> Result<()> {
        // SIPp reads one message at a time, so it is sent in one piece.
        let mut message = format!("Call-ID: call-1-{}\r\n{cue}\r\n", self.token).into_bytes();
        message.push(ESCAPE);
        (&self.twin).write_all(&message).context("SIPp is gone")
    }
}

/// The source address of a caller's SIP and media.
pub(super) fn address(telephone: Option<&Phone>) -> Ipv4Addr {
    if telephone.is_some() { Ipv4Addr::LOCALHOST } else { CARRIER }
}

/// Registers a telephone.
fn register(sip: SocketAddr, phone: &Phone) -> Result<()> {
    let folder = folder::temporary("karipass-sipp-")?;
    let xml = scenario::register(&phone.number);
    let mut command = sipp(sip, Some(phone), folder.path(), &xml, &[])?;
    command.args(["-m", "1"]);
    let status = Child::spawn("SIPp", command)?.wait_for_end(START_TIMEOUT)?;
    let said = || format!("{} cannot register: {}", phone.number, errors(folder.path()));
    ensure!(status.success(), said());
    Ok(())
}

fn sipp(
    sip: SocketAddr,
    telephone: Option<&Phone>,
    folder: &Path,
    scenario: &str,
    priority: &[&str],
) -> Result<Command> {
    let address = address(telephone);
    fs::write(folder.join("scenario.xml"), scenario)?;
    let mut command = child::server("KILL", &[]);
    command.args(priority).args(["sipp", &sip.to_string(), "-sf", "scenario.xml"]);
    command.args(["-i", &address.to_string(), "-bind_local", "-nostdin", "-trace_err"]);
    command.args(["-error_file", "errors.log"]);
    // By default SIPp tries ports from one on, which others may hold.
    command.args(["-mp", &ports::free_media(address)?.to_string()]);
    if let Some(Phone { number, password }) = telephone {
        command.args(["-au", number, "-ap", password]);
    }
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

fn accept(listener: &TcpListener, child: &mut Child) -> Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let mut accepted = None;
    child.wait_for(START_TIMEOUT, || {
        accepted = listener.accept().ok();
        Ok(accepted.is_some())
    })?;
    let (stream, _) = accepted.context("SIPp did not connect")?;
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A report from the scenario, or from SIPp when it gives up a call.
fn parse(message: &str) -> Option<(usize, CallSignal)> {
    let words: Vec<&str> = message.split_whitespace().collect();
    let [_call_id, call, what @ ..] = &*words else { return None };
    let (call, _token) = call.strip_prefix("call-")?.split_once('-')?;
    let call = call.parse::<usize>().ok()?.checked_sub(1)?;
    let signal = match what {
        ["Event:", "answered", peer, ..] => CallSignal::Answered(peer.parse().ok()?),
        ["Event:", "informed", ..] => CallSignal::Informed,
        ["Event:", "hung-up", ..] | ["internal-cmd:", ..] => CallSignal::Over(Ending::ByUs),
        ["Event:", "ended", ..] => CallSignal::Over(Ending::ByThem),
        ["Event:", "refused", ..] => CallSignal::Over(Ending::Refused),
        _ => return None,
    };
    Some((call, signal))
}

fn errors(folder: &Path) -> String {
    fs::read_to_string(folder.join("errors.log")).unwrap_or_else(|_| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sipp_reports_is_assigned_to_its_call() {
        let parsed =
            |event: &str| parse(&format!("Call-ID: call-7-0a1b\r\nEvent: {event}\r\n\r\n\x1b"));
        let answered = CallSignal::Answered((Ipv4Addr::LOCALHOST, 17_570).into());
        assert_eq!(parsed("answered 127.0.0.1:17570"), Some((6, answered)));
        assert_eq!(parsed("ended"), Some((6, CallSignal::Over(Ending::ByThem))));
        assert_eq!(parsed("sneezed"), None);
        let aborted = "call-id: call-1-0a1b\r\ninternal-cmd: abort_call\r\n\r\n\x1b";
        assert_eq!(parse(aborted), Some((0, CallSignal::Over(Ending::ByUs))));
    }
}
