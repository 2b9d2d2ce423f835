//! A private Asterisk in a folder of its own, with this repository's samples, dialplan and sounds.
//!
//! The folder holds `etc` (the samples as they are, and `karipass.d` with ports and secrets),
//! `log`, and what Asterisk writes. [`Asterisk::start`] returns once it takes calls; dropping it
//! kills it.

mod setup;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::child::{Child, last_lines};
use crate::folder;
use crate::repository;

pub use setup::{AsteriskSetup, Phone, copy_samples};

/// The user of `asterisk/etc/ari.conf`.
pub const ARI_USER: &str = "karipass";
/// The set-up number of `dialplan/extensions.conf`.
pub const SET_UP_NUMBER: &str = "0664806430";
/// The address that the samples' carrier trunk is known by.
pub const CARRIER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const BOOT_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Where an Asterisk program is installed.
#[derive(Debug, Clone)]
pub struct Installation {
    program: PathBuf,
    modules: PathBuf,
    data: PathBuf,
}

impl Installation {
    /// Asks `asterisk/get`, which unpacks a private one into `$ASTERISK_ROOT`, or
    /// `var/asterisk-root` of this repository, if the machine has none.
    pub fn find() -> Result<Self> {
        let output = Command::new(repository().join("asterisk/get"))
            .stderr(Stdio::inherit())
            .output()
            .context("asterisk/get")?;
        ensure!(output.status.success(), "asterisk/get: {}", output.status);
        let said = String::from_utf8(output.stdout)?;
        let value = |name: &str| {
            said.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .map(PathBuf::from)
                .with_context(|| format!("asterisk/get did not say {name}"))
        };
        Ok(Self { program: value("asterisk")?, modules: value("modules")?, data: value("data")? })
    }
}

/// A running private Asterisk.
#[derive(Debug)]
pub struct Asterisk {
    installation: Installation,
    setup: AsteriskSetup,
    run: TempDir,
    child: Child,
}

impl Asterisk {
    /// Starts one and waits until it has booted and listens.
    pub fn start(installation: &Installation, setup: AsteriskSetup) -> Result<Self> {
        let run = folder::temporary("karipass-")?;
        setup.lay_out(installation, run.path())?;
        let child = boot(installation, &setup)?;
        Ok(Self { installation: installation.clone(), setup, run, child })
    }

    /// Starts it again in the same folder, on the same ports, after [`Asterisk::stop`] or
    /// [`Asterisk::kill`].
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.setup.lay_out(&self.installation, self.run.path())?;
        self.child = boot(&self.installation, &self.setup)?;
        Ok(())
    }

    /// Ends it as a service manager would.
    pub fn stop(&mut self) -> Result<()> {
        self.child.stop(STOP_TIMEOUT).map(drop)
    }

    /// Ends it without a word (`kill -9`).
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()
    }

    /// Its process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// What the console answers to one command.
    pub fn console(&self, command: &str) -> Result<String> {
        let output = console(&self.installation, &self.setup, command)?;
        ensure!(output.status.success(), "asterisk -rx {command:?}: {}", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Where it takes SIP over UDP.
    pub fn sip(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.setup.sip).into()
    }

    /// ARI's base, such as `http://127.0.0.1:8088`.
    pub fn ari_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.setup.ari)
    }

    /// The password of [`ARI_USER`].
    pub fn ari_password(&self) -> &str {
        &self.setup.ari_password
    }

    /// Its telephones.
    pub fn phones(&self) -> &[Phone] {
        &self.setup.phones
    }

    /// Its folder; all that it writes is below.
    pub fn folder(&self) -> &Path {
        &self.setup.folder
    }
}

fn command(installation: &Installation, setup: &AsteriskSetup) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(&installation.program);
    command.arg("-C").arg(setup.etc().join("asterisk.conf")).stdin(Stdio::null());
    command
}

fn console(installation: &Installation, setup: &AsteriskSetup, words: &str) -> Result<Output> {
    let mut command = command(installation, setup);
    command.args(["-rx", words]).stderr(Stdio::null()).output().context("asterisk -rx")
}

fn boot(installation: &Installation, setup: &AsteriskSetup) -> Result<Child> {
    drop(
        UdpSocket::bind((Ipv4Addr::LOCALHOST, setup.sip))
            .with_context(|| format!("SIP port {}", setup.sip))?,
    );
    let output = setup.folder.join("log/output.log");
    let file = fs::File::options().create(true).append(true).open(&output)?;
    let mut command = command(installation, setup);
    command.arg("-f").stdout(file.try_clone()?).stderr(file).process_group(0);
    let mut child = Child::spawn("Asterisk", command)?;
    let booted = child.wait_for(BOOT_TIMEOUT, || {
        Ok(console(installation, setup, "core waitfullybooted")?.status.success())
    });
    booted.with_context(|| {
        let messages = last_lines(&setup.folder.join("log/messages.log"));
        format!("Asterisk did not boot:\n{}\n{messages}", last_lines(&output))
    })?;
    if UdpSocket::bind((Ipv4Addr::LOCALHOST, setup.sip)).is_ok() {
        bail!("Asterisk does not listen on SIP port {}", setup.sip);
    }
    TcpStream::connect((Ipv4Addr::LOCALHOST, setup.ari))
        .with_context(|| format!("Asterisk does not listen on ARI port {}", setup.ari))?;
    Ok(child)
}
