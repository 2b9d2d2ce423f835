//! Asterisk's samples: what they answer within a call, and that each of their includes has its
//! effect.

mod carrier;

use std::collections::BTreeSet;
use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use karipass_lab::asterisk::{Asterisk, AsteriskSetup, CARRIER, SET_UP_NUMBER};
use karipass_lab::repository;

use crate::system::installation;

const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// What is local, and what the console then shows: the file, its text, the command, and a part of
/// the answer.
const LOCAL: [(&str, &str, &str, &str); 9] = [
    ("asterisk.conf", "maxcalls = 77", "core show settings", "77"),
    ("modules.conf", "load = app_verbose.so", "module show like app_verbose", "Running"),
    (
        "globals.conf",
        "SET_UP_NUMBER = 0120000000",
        "dialplan show globals",
        "SET_UP_NUMBER=0120000000",
    ),
    ("extensions.conf", "[extra]\nexten => 1,1,NoOp()", "dialplan show extra", "NoOp()"),
    ("http.conf", "prefix = pbx", "http show status", "/pbx"),
    ("rtp.conf", "rtcpinterval = 7000\nstrictrtp = no", "rtp show settings", "No"),
    ("transport.conf", "tos = cs3", "pjsip show transport karipass-udp", " 96"),
    ("phones.conf", "[0612345609](karipass-phone)", "pjsip show endpoints", "0612345609"),
    ("ari.conf", "[other]\ntype = user\npassword = x", "ari show users", "other"),
];

/// Requests of telephones and proxies in the middle of a call, and the answers.
const REQUESTS: [(&str, &str, &str, u16); 7] = [
    ("OPTIONS", "", "", 200),
    ("INFO", "", "", 200),
    ("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=16\r\nDuration=100\r\n", 200),
    ("REFER", "Refer-To: <sip:0664806430@x>\r\n", "", 603),
    ("MESSAGE", "Content-Type: text/plain\r\n", "hello", 202),
    ("UPDATE", "", "", 200),
    ("BYE", "", "", 200),
];

#[test]
fn every_include_of_the_samples_has_its_effect() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut setup = AsteriskSetup::new(folder.path())?;
    for (file, text, _, _) in LOCAL {
        setup = setup.snippet(file, &format!("{text}\n"));
    }
    let asterisk = Asterisk::start(installation(), setup)?;
    for (file, _, command, expected) in LOCAL {
        let shown = asterisk.console(command)?;
        ensure!(shown.contains(expected), "{file} has no effect: {command} says {shown}");
    }
    let rtp = asterisk.console("rtp show settings")?;
    ensure!(!rtp.contains("10000") && !rtp.contains("20000"), "rtp.conf: the ports are {rtp}");
    let tried: BTreeSet<String> = LOCAL.iter().map(|(file, ..)| (*file).to_owned()).collect();
    ensure!(included()? == tried, "not all includes are tried: {:?}", included()?);
    Ok(())
}

/// The call has no daemon: the dialplan answers it, which is all that is needed.
#[test]
fn every_request_within_a_call_that_asterisk_can_answer_is_answered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let asterisk = Asterisk::start(installation(), AsteriskSetup::new(folder.path())?)?;
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
    let headers =
        "Content-Type: application/sdp\r\nRequire: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    let mut dialog = SampleDialog::new(&asterisk)?;
    let invited = dialog.request("INVITE", headers, sdp)?;
    ensure!(status(&invited) == Some(200), "INVITE: {invited}");
    ensure!(!invited.contains("Session-Expires"), "the call ends without a refresh: {invited}");
    dialog.acknowledge(&invited)?;
    for (method, headers, body, expected) in REQUESTS {
        let answer = dialog.request(method, headers, body);
        let answer = answer.with_context(|| format!("{method} {headers}is not answered"))?;
        ensure!(status(&answer) == Some(expected), "{method} {headers}: {answer}");
    }
    let answer = SampleDialog::new(&asterisk)?.request(
        "MESSAGE",
        "Content-Type: text/plain\r\n",
        "hello",
    )?;
    ensure!(status(&answer) == Some(404), "MESSAGE outside a call: {answer}");
    Ok(())
}

/// The files of `karipass.d` that the samples include.
fn included() -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for samples in ["asterisk/etc", "dialplan"] {
        for entry in fs::read_dir(repository().join(samples))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "conf") {
                let text = fs::read_to_string(path)?;
                let lines = text.lines().filter(|line| line.starts_with('#'));
                let names = lines.filter_map(|line| line.split_once("karipass.d/"));
                found.extend(names.map(|(_, name)| name.trim_end_matches('"').to_owned()));
            }
        }
    }
    Ok(found)
}

/// A caller's end of a SIP dialog, by hand.
struct SampleDialog {
    socket: UdpSocket,
    here: String,
    to: String,
    target: String,
    sequence: u32,
}

impl SampleDialog {
    fn new(asterisk: &Asterisk) -> Result<Self> {
        let socket = UdpSocket::bind((CARRIER, 0))?;
        socket.connect(asterisk.sip())?;
        socket.set_read_timeout(Some(ANSWERED_WITHIN))?;
        let (here, there) = (socket.local_addr()?.to_string(), asterisk.sip());
        let target = format!("sip:{SET_UP_NUMBER}@{there}");
        Ok(Self { socket, here, to: format!("<{target}>"), target, sequence: 0 })
    }

    /// Sends a request and waits for its final answer.
    fn request(&mut self, method: &str, headers: &str, body: &str) -> Result<String> {
        self.sequence += 1;
        self.send(method, headers, body)?;
        let answers = format!("CSeq: {} {method}", self.sequence);
        let mut buffer = vec![0; 8192];
        loop {
            let length = self.socket.recv(&mut buffer)?;
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            if text.contains(&answers) && status(&text).is_some_and(|status| status >= 200) {
                return Ok(text.into_owned());
            }
        }
    }

    /// The dialog is confirmed; further requests go where its other end wants them.
    fn acknowledge(&mut self, answer: &str) -> Result<()> {
        let header = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name));
        header("To: ").context("no To")?.trim().clone_into(&mut self.to);
        let contact = header("Contact: ").context("no Contact")?;
        let target = contact.trim().trim_start_matches('<').trim_end_matches('>');
        target.clone_into(&mut self.target);
        self.send("ACK", "", "")
    }

    fn send(&self, method: &str, headers: &str, body: &str) -> Result<()> {
        let Self { here, to, target, sequence, .. } = self;
        let length = body.len();
        let request = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{sequence}\r\n\
             From: <sip:caller@{here}>;tag=t\r\nTo: {to}\r\nCall-ID: {here}\r\nCSeq: {sequence} {method}\r\n\
             Contact: <sip:caller@{here}>\r\nMax-Forwards: 70\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.socket.send(request.as_bytes())?;
        Ok(())
    }
}

fn status(message: &str) -> Option<u16> {
    message.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
}
