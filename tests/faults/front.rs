//! Kamailio and HAProxy in front of several Asterisks and daemons, with the files of
//! `docs/scaling`: only their example addresses and folders are replaced.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use karipass_lab::asterisk::{CARRIER, SET_UP_NUMBER};
use karipass_lab::child::{self, Child, raised_priority};
use karipass_lab::daemon::{DaemonSetup, write_secret};
use karipass_lab::{folder, ports, repository};
use tempfile::TempDir;

/// Kamailio's address.
pub const DISPATCHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
/// Kamailio's address in the files.
const EXAMPLE: &str = "192.0.2.20";
/// Where Debian installs them; not every user has it in `PATH`.
const PROGRAMS: &str = "/usr/sbin";
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// The lines of `pjsip.conf` with which an Asterisk trusts this Kamailio.
pub fn trunk() -> Result<String> {
    filled("pjsip.conf", &[(EXAMPLE, &DISPATCHER.to_string())])
}

/// A private Kamailio, which takes calls from [`CARRIER`]; ended when dropped.
#[derive(Debug)]
pub struct Kamailio {
    /// Where it takes SIP over UDP.
    pub sip: SocketAddr,
    /// The folder of its socket.
    run: TempDir,
    child: Child,
}

impl Kamailio {
    /// Starts one in `folder` for these Asterisks, and waits until it gives them calls.
    pub fn start(folder: &Path, asterisks: &[SocketAddr]) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let sip = SocketAddr::from((DISPATCHER, ports::free_udp(DISPATCHER)?));
        let example = format!("{EXAMPLE}:5060");
        let own = folder.display().to_string();
        let places = [(example.as_str(), sip.to_string()), ("/etc/kamailio", own)];
        let places = places.each_ref().map(|(example, here)| (*example, here.as_str()));
        fs::write(folder.join("kamailio.cfg"), filled("kamailio.cfg", &places)?)?;
        let line = |asterisk: &SocketAddr| format!("1 sip:{SET_UP_NUMBER}@{asterisk}\n");
        let list: String = asterisks.iter().map(line).collect();
        fs::write(folder.join("dispatcher.list"), list)?;
        fs::write(folder.join("address.list"), format!("1 {CARRIER} 32\n"))?;
        let run = folder::for_socket("karipass-")?;
        // As if it had a machine to itself.
        let mut command = debian("kamailio", raised_priority());
        command.args(["-DD", "-E", "-m", "32", "-M", "4", "-Y"]).arg(run.path());
        command.arg("-f").arg(folder.join("kamailio.cfg"));
        let child = Child::spawn_logging("Kamailio", command, folder.join("kamailio.log"))?;
        let mut kamailio = Self { sip, run, child };
        let Self { run, child, .. } = &mut kamailio;
        child.wait_for(READY_TIMEOUT, || {
            Ok(active(run.path()).is_ok_and(|active| active.len() == asterisks.len()))
        })?;
        Ok(kamailio)
    }

    /// Whether it gives calls to this Asterisk.
    pub fn is_active(&self, asterisk: SocketAddr) -> Result<bool> {
        Ok(active(self.run.path())?.contains(&asterisk))
    }

    /// What `kamcmd` says to these arguments.
    pub fn command(&self, arguments: &str) -> Result<String> {
        kamcmd(self.run.path(), arguments)
    }
}

impl Drop for Kamailio {
    /// Only a signal that it can handle ends all its processes.
    fn drop(&mut self) {
        let _ = self.child.stop(); // nothing can be done if even this fails
    }
}

/// The Asterisks that the Kamailio with this run folder gives calls to.
fn active(run: &Path) -> Result<Vec<SocketAddr>> {
    let said = kamcmd(run, "dispatcher.list")?;
    let value = |line: &str, name: &str| line.trim().strip_prefix(name).map(str::to_owned);
    let addresses = said.lines().filter_map(|line| value(line, "URI: "));
    let flags = said.lines().filter_map(|line| value(line, "FLAGS: "));
    let active = addresses.zip(flags).filter(|(_, flags)| flags.starts_with('A'));
    let address = |uri: &str| uri.rsplit('@').next()?.parse().ok();
    active.map(|(uri, _)| address(&uri).with_context(|| uri.clone())).collect()
}

fn kamcmd(run: &Path, arguments: &str) -> Result<String> {
    let mut command = Command::new(format!("{PROGRAMS}/kamcmd"));
    let socket = format!("unix:{}", run.join("kamailio_ctl").display());
    child::run("kamcmd", command.args(["-s", &socket]).args(arguments.split_whitespace()))
}

/// A private HAProxy; killed when dropped.
#[derive(Debug)]
pub struct HaProxy {
    /// The base of the site.
    pub site: String,
    _child: Child,
}

impl HaProxy {
    /// Starts one in `folder` for the sites of two daemons, whose certificate it has too.
    pub fn start(folder: &Path, daemons: [&DaemonSetup; 2]) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free_tcp()?));
        let certificate = daemons[0].certificate();
        let authority = fs::read_to_string(&certificate)?;
        let key = fs::read_to_string(certificate.with_file_name("key.pem"))?;
        write_secret(&folder.join("site.pem"), &format!("{authority}{key}"))?;
        fs::write(folder.join("ca.pem"), authority)?;
        let mut text = filled(
            "haproxy.cfg",
            &[
                ("192.0.2.40:443", &address.to_string()),
                ("/etc/haproxy", &folder.display().to_string()),
            ],
        )?;
        for (example, daemon) in ["192.0.2.51", "192.0.2.52"].iter().zip(daemons) {
            let example = format!("{example}:8443 addr {example} port 9464");
            let operators = daemon.operators;
            let (ip, port) = (operators.ip(), operators.port());
            ensure!(text.contains(&example), "no {example} in haproxy.cfg");
            text = text.replace(&example, &format!("{ip}:{} addr {ip} port {port}", daemon.https));
        }
        let configuration = folder.join("haproxy.cfg");
        fs::write(&configuration, text)?;
        let mut command = debian("haproxy", &[]);
        command.arg("-db").arg("-f").arg(&configuration);
        let mut child = Child::spawn_logging("HAProxy", command, folder.join("haproxy.log"))?;
        child.wait_for(READY_TIMEOUT, || Ok(TcpStream::connect(address).is_ok()))?;
        Ok(Self { site: format!("https://localhost:{}", address.port()), _child: child })
    }
}

/// A server of Debian's, behind what stands before its program.
fn debian(program: &str, before: &[&str]) -> Command {
    let mut command = child::server("TERM", &[]);
    command.args(before).arg(format!("{PROGRAMS}/{program}"));
    command
}

/// A file of `docs/scaling` with each of these examples replaced.
fn filled(file: &str, places: &[(&str, &str)]) -> Result<String> {
    let path = repository().join("docs/scaling").join(file);
    let mut text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    for (example, here) in places {
        ensure!(text.contains(example), "no {example} in {file}");
        text = text.replace(example, here);
    }
    Ok(text)
}
