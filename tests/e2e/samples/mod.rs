//! Asterisk's samples: their answers within a call, and the effect of each of their includes.

mod carrier;

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use karipass_lab::asterisk::{Asterisk, AsteriskSetup, CARRIER, SET_UP_NUMBER};
use karipass_lab::repository;

use crate::attacks::agent::Agent;

/// Local settings and how the console shows them: the file, its text, the command, and a part of
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
    let asterisk = Asterisk::start(setup)?;
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

/// The call has no daemon: the dialplan answers it, which is enough.
#[test]
fn every_request_within_a_call_that_asterisk_can_answer_is_answered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let asterisk = Asterisk::start(AsteriskSetup::new(folder.path())?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut caller = Agent::new(Agent::socket(CARRIER)?, asterisk.setup.sip)?;
        let timer = "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n";
        let mut call = caller.invite(SET_UP_NUMBER, "caller", timer).await?;
        let answer = caller.expect_answer(&mut call).await?;
        let expires = answer.header("Session-Expires");
        ensure!(expires.is_empty(), "the call ends without a refresh: {expires}");
        for (method, headers, body, expected) in REQUESTS {
            let status = caller.request(method, &mut call, headers, body).await?;
            ensure!(status == expected, "{method} {headers}: {status}");
        }
        let mut outside = caller.begin(SET_UP_NUMBER, "caller");
        let text = "Content-Type: text/plain\r\n";
        let status = caller.request("MESSAGE", &mut outside, text, "hello").await?;
        ensure!(status == 404, "MESSAGE outside a call: {status}");
        Ok(())
    })
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
