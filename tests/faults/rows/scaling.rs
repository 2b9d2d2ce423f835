//! One machine outgrown: two Asterisks behind Kamailio, two daemons that serve both behind HAProxy,
//! a primary and a standby that its commits wait for. One of each kind is lost.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use karipass_lab::asterisk::{Asterisk, AsteriskSetup, CARRIER};
use karipass_lab::child::wait_until;
use karipass_lab::postgres::{Replication, ShutdownMode};
use karipass_lab::{folder, repository};

use crate::checks::{apology_delay, check_new_calls};
use crate::fleet::WAIT_TIMEOUT;
use crate::front::{self, Kamailio};
use crate::ledger::{AllowedEffects, USUAL_EFFECTS};
use crate::load::CALL_EVERY;
use crate::logins::CLIENT;
use crate::recovery::note_recovery;
use crate::row::{Check, FaultScene, Row};
use crate::system::{Front, SystemOptions};

/// Calls that complete while one Asterisk is down.
const WITHOUT_ONE: usize = 3;
const WITHOUT_ONE_TIMEOUT: Duration = Duration::from_mins(3);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
const KILL_EVERY: Duration = Duration::from_secs(8);
/// The operators need some time to decide on the promotion.
const DECISION_TIMEOUT: Duration = Duration::from_secs(3);
/// Neither the carrier nor anyone else that Kamailio knows.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

#[test]
fn scaled_callers_are_served_while_one_asterisk_is_killed() -> Result<()> {
    // Its calls die with it. Logins need none.
    let allowed = AllowedEffects { lost_calls: true, ..AllowedEffects::default() };
    scaled("scaled, an Asterisk killed -9, in turn", allowed, &[note_recovery], asterisk_killed)
        .run()
}

#[test]
fn scaled_new_callers_are_served_while_a_daemon_is_killed() -> Result<()> {
    let checks = &[check_new_calls as Check, note_recovery];
    scaled("scaled, a daemon killed -9, in turn", USUAL_EFFECTS, checks, daemon_killed).run()
}

#[test]
fn scaled_no_password_is_lost_with_the_primary() -> Result<()> {
    let checks = &[apology_delay as Check, note_recovery];
    scaled("scaled, primary lost, standby promoted", USUAL_EFFECTS, checks, primary_lost).run()
}

#[test]
fn the_documented_commands_take_an_asterisk_out_and_back() -> Result<()> {
    let folder = folder::temporary("karipass-kamcmd-")?;
    let setup = AsteriskSetup::new(folder.path().join("asterisk"))?;
    let asterisk = Asterisk::start(setup.snippet("phones.conf", &front::trunk()?))?;
    let sip = asterisk.setup.sip;
    let kamailio = Kamailio::start(&folder.path().join("kamailio"), &[sip])?;
    let guide = fs::read_to_string(repository().join("docs/scaling.md"))?;
    for (command, is_active) in [
        ("kamcmd dispatcher.list", true),
        ("kamcmd dispatcher.set_state dp", false),
        ("kamcmd dispatcher.set_state ap", true),
    ] {
        let line = guide.lines().find(|line| line.starts_with(command)).context(command)?;
        let arguments = line.trim_start_matches("kamcmd ").split(" #").next().unwrap_or_default();
        kamailio.command(&arguments.replace("192.0.2.31:5060", &sip.to_string()))?;
        ensure!(kamailio.is_active(sip)? == is_active, "after {line}");
    }
    Ok(())
}

fn scaled(
    fault: &'static str,
    allowed: AllowedEffects,
    checks: &'static [Check],
    inject: fn(&FaultScene) -> Result<()>,
) -> Row {
    let standby = Some(Replication::Synchronous);
    let options = SystemOptions { scaled: true, standby, ..SystemOptions::default() };
    Row { fault, options, call_every: CALL_EVERY, allowed, checks, inject }
}

fn front(scene: &FaultScene) -> Result<&Front> {
    scene.system.front.as_ref().context("nothing in front")
}

/// Once Kamailio knows, no call may be lost, and the return of the Asterisk costs none.
fn asterisk_killed(scene: &FaultScene) -> Result<()> {
    for one in scene.system.asterisks() {
        let sip = one.lock().unwrap().setup.sip;
        let known = scene.fault(|from| {
            one.lock().unwrap().child.kill()?;
            scene.strike();
            wait_for_kamailio(scene, sip, false)?;
            anyhow::Ok(from.elapsed())
        })?;
        scene.remark(format!("out after {:.1} s", known.as_secs_f64()));
        scene.load.wait_until_completed(WITHOUT_ONE, Instant::now(), WITHOUT_ONE_TIMEOUT)?;
        one.lock().unwrap().restart()?;
        scene.note_ready(scene.system.fleet.wait_until_ready(Instant::now())?);
        wait_for_kamailio(scene, sip, true)?;
    }
    expect_all_used(scene)
}

/// Waits until Kamailio gives calls to this Asterisk, or no more.
fn wait_for_kamailio(scene: &FaultScene, asterisk: SocketAddr, active: bool) -> Result<()> {
    let kamailio = &front(scene)?.kamailio;
    wait_until(&format!("Kamailio to note {asterisk}"), WAIT_TIMEOUT, || {
        sleep(POLL_INTERVAL);
        Ok(kamailio.is_active(asterisk)? == active)
    })
}

fn daemon_killed(scene: &FaultScene) -> Result<()> {
    expect_only_the_carrier(front(scene)?.kamailio.sip)?;
    for member in scene.system.fleet.members() {
        let took = scene.fault(|from| {
            member.kill()?;
            scene.strike();
            member.wait_until_ready(from + Duration::from_millis(100))
        })?;
        scene.note_ready(took);
        sleep(KILL_EVERY);
    }
    expect_all_used(scene)
}

fn primary_lost(scene: &FaultScene) -> Result<()> {
    let took = scene.fault(|_| {
        scene.system.postgres.stop(ShutdownMode::Kill)?;
        scene.strike();
        sleep(DECISION_TIMEOUT);
        let promoted = Instant::now();
        scene.system.promote()?;
        scene.system.fleet.wait_until_ready(promoted)
    })?;
    scene.note_ready(took);
    expect_all_used(scene)
}

/// Each Asterisk has had calls, and the audit has the client's address, not the proxy's.
fn expect_all_used(scene: &FaultScene) -> Result<()> {
    const ADDRESSES: &str =
        "SELECT DISTINCT host(address) FROM audit_log WHERE event = 'login' ORDER BY 1";
    for asterisk in scene.system.asterisks() {
        wait_until("a call at each Asterisk", WAIT_TIMEOUT, || {
            let said = asterisk.lock().unwrap().console("core show calls")?;
            Ok(!said.contains("\n0 calls processed"))
        })?;
    }
    let rows = scene.system.runtime.block_on(async {
        anyhow::Ok(scene.system.database().owner().await?.query(ADDRESSES, &[]).await?)
    })?;
    let addresses: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    ensure!(addresses == [CLIENT.to_string()], "logins from {addresses:?}");
    Ok(())
}

/// A stranger who asserts a subscriber's number is refused. The answers to the carrier's calls go
/// to the carrier, though `maddr` names another address. Nobody has the number that is called.
fn expect_only_the_carrier(kamailio: SocketAddr) -> Result<()> {
    for (caller, via, expected) in [(STRANGER, "", "403"), (CARRIER, ";maddr=127.0.0.5", "404")] {
        let socket = UdpSocket::bind((caller, 0))?;
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        send_invite(&socket, kamailio, via)?;
        let status = final_status(&socket)?;
        ensure!(status == expected, "{caller} gets {status}, not {expected}");
    }
    Ok(())
}

fn send_invite(socket: &UdpSocket, kamailio: SocketAddr, via: &str) -> Result<()> {
    let here = socket.local_addr()?;
    let message = format!(
        "INVITE sip:0600000000@{kamailio} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {here};branch=z9hG4bK1{via}\r\n\
         From: <sip:0000000000@{here}>;tag=a\r\nTo: <sip:0600000000@{kamailio}>\r\n\
         Call-ID: {here}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@{here}>\r\n\
         P-Asserted-Identity: <sip:0664806431@carrier.example>\r\nContent-Length: 0\r\n\r\n"
    );
    socket.send_to(message.as_bytes(), kamailio)?;
    Ok(())
}

fn final_status(socket: &UdpSocket) -> Result<String> {
    loop {
        let mut response = [0; 2048];
        let length = socket.recv(&mut response).context("no response")?;
        let response = String::from_utf8_lossy(&response[..length]);
        let status = response.split(' ').nth(1).unwrap_or_default();
        if !status.starts_with('1') {
            return Ok(status.to_owned());
        }
    }
}
