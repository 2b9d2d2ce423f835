//! A private Asterisk in a folder of its own, with this repository's samples, dialplan and sounds.
//!
//! The folder holds `etc` (the samples as they are, and `karipass.d` with ports and secrets), `log`,
//! and what Asterisk writes. [`Asterisk::start`] returns once it takes calls; dropping it kills it.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::ops::RangeInclusive;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::child::Child;
use crate::{ports, repository, secret};

/// The user of `asterisk/etc/ari.conf`.
pub const ARI_USER: &str = "karipass";
/// The set-up number of `dialplan/extensions.conf`.
pub const SET_UP_NUMBER: &str = "0664806430";
/// The address that the samples' carrier trunk is known by.
pub const CARRIER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Asterisk complains in its log about each of these that is missing; every PBX has them.
const EMPTY: [&str; 8] = [
    "acl.conf",
    "ccss.conf",
    "features.conf",
    "indications.conf",
    "manager.conf",
    "pjproject.conf",
    "udptl.conf",
    "websocket_client.conf",
];

const BOOT_WITHIN: Duration = Duration::from_mins(1);
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Where an Asterisk program is installed.
#[derive(Debug, Clone)]
pub struct Installation {
    program: PathBuf,
    modules: PathBuf,
    data: PathBuf,
}

impl Installation {
    /// Asks `asterisk/get`, which unpacks a private one into `$ASTERISK_ROOT`, or `var/asterisk-root`
    /// of this repository, if the machine has none.
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

/// A demonstration telephone: it registers with its number as user name.
#[derive(Debug, Clone)]
pub struct Phone {
    /// User name and fixed identity.
    pub number: String,
    /// For its registration and calls.
    pub password: String,
}

impl Phone {
    /// One with a fresh password.
    pub fn new(number: &str) -> Self {
        Self { number: number.to_owned(), password: secret() }
    }
}

/// What a private Asterisk is to be like.
#[derive(Debug, Clone)]
pub struct Setup {
    folder: PathBuf,
    sip: u16,
    ari: u16,
    rtp: RangeInclusive<u16>,
    ari_password: String,
    phones: Vec<Phone>,
    snippets: Vec<(String, String)>,
}

impl Setup {
    /// One in `folder`, on free ports, with fresh secrets and no telephones.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self {
            folder: folder.into(),
            sip: ports::free_udp()?,
            ari: ports::free_tcp()?,
            rtp: ports::rtp_range(),
            ari_password: secret(),
            phones: Vec::new(),
            snippets: Vec::new(),
        })
    }

    /// Takes these ports instead of free ones.
    #[must_use]
    pub fn ports(mut self, sip: u16, ari: u16) -> Self {
        (self.sip, self.ari) = (sip, ari);
        self
    }

    /// Adds telephones.
    #[must_use]
    pub fn phones(mut self, phones: impl IntoIterator<Item = Phone>) -> Self {
        self.phones.extend(phones);
        self
    }

    /// Adds `text` to a file of `karipass.d`, which the sample of the same name includes at its
    /// end: `modules.conf`, `extensions.conf`, `globals.conf`, `http.conf`, `rtp.conf`, `phones.conf`.
    #[must_use]
    pub fn snippet(mut self, file: &str, text: &str) -> Self {
        self.snippets.push((file.to_owned(), text.to_owned()));
        self
    }

    fn etc(&self) -> PathBuf {
        self.folder.join("etc")
    }

    /// Lays out the folder; `run` is short enough for a socket's name.
    fn lay_out(&self, installation: &Installation, run: &Path) -> Result<()> {
        let etc = self.etc();
        if etc.exists() {
            fs::remove_dir_all(&etc)?;
        }
        for folder in ["etc/karipass.d", "lib", "spool", "log", "data/sounds/ja"] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        fs::set_permissions(&etc, fs::Permissions::from_mode(0o700))?;
        for samples in ["asterisk/etc", "dialplan"] {
            copy_samples(&repository().join(samples), &etc)?;
        }
        for name in EMPTY {
            fs::write(etc.join(name), "")?;
        }
        let options = fs::read_to_string(repository().join("asterisk/etc/asterisk.conf"))?;
        let directories = self.directories(installation, run);
        fs::write(etc.join("asterisk.conf"), format!("{directories}\n{options}"))?;
        self.write_local()?;
        self.link_data(installation)
    }

    fn directories(&self, installation: &Installation, run: &Path) -> String {
        let own = |name: &str| self.folder.join(name).display().to_string();
        format!(
            "[directories]\nastetcdir = {}\nastmoddir = {}\nastvarlibdir = {lib}\nastdbdir = {lib}\n\
             astkeydir = {lib}\nastdatadir = {}\nastagidir = {lib}\nastspooldir = {}\nastrundir = {}\n\
             astlogdir = {}\nastsbindir = {lib}\n",
            own("etc"),
            installation.modules.display(),
            own("data"),
            own("spool"),
            run.display(),
            own("log"),
            lib = own("lib"),
        )
    }

    fn write_local(&self) -> Result<()> {
        let mut files = vec![
            ("ari.conf", format!("password = {}\n", self.ari_password)),
            ("http.conf", format!("bindport = {}\n", self.ari)),
            ("transport.conf", format!("bind = 127.0.0.1:{}\n", self.sip)),
            ("rtp.conf", format!("rtpstart = {}\nrtpend = {}\n", self.rtp.start(), self.rtp.end())),
            ("phones.conf", phones_conf(&self.phones)?),
        ];
        for (file, text) in &self.snippets {
            match files.iter_mut().find(|(name, _)| name == file) {
                Some((_, whole)) => whole.push_str(text),
                None => files.push((file, text.clone())),
            }
        }
        for (name, text) in files {
            fs::write(self.etc().join("karipass.d").join(name), text)?;
        }
        Ok(())
    }

    /// The installation's data with this repository's sounds.
    fn link_data(&self, installation: &Installation) -> Result<()> {
        let data = self.folder.join("data");
        for entry in fs::read_dir(&installation.data)? {
            let entry = entry?;
            if entry.file_name() != "sounds" {
                link(&entry.path(), &data.join(entry.file_name()))?;
            }
        }
        link(&repository().join("asterisk/sounds/ja/karipass"), &data.join("sounds/ja/karipass"))
    }
}

fn copy_samples(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "conf") {
            fs::copy(&path, to.join(path.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

fn link(target: &Path, name: &Path) -> Result<()> {
    if name.symlink_metadata().is_ok() {
        fs::remove_file(name)?;
    }
    symlink(target, name).with_context(|| name.display().to_string())
}

fn phones_conf(phones: &[Phone]) -> Result<String> {
    let mut text = String::new();
    for Phone { number, password } in phones {
        write!(
            text,
            "[{number}](karipass-phone)\naors = {number}\nauth = {number}\ncallerid = <{number}>\n\
             [{number}](karipass-phone-auth)\nusername = {number}\npassword = {password}\n\
             [{number}](karipass-phone-aor)\n\n"
        )?;
    }
    Ok(text)
}

/// A running private Asterisk.
#[derive(Debug)]
pub struct Asterisk {
    installation: Installation,
    setup: Setup,
    run: TempDir,
    child: Child,
}

impl Asterisk {
    /// Starts one and waits until it has booted and listens.
    pub fn start(installation: &Installation, setup: Setup) -> Result<Self> {
        let run = tempfile::Builder::new().prefix("karipass-").tempdir()?;
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
        self.child.stop(STOP_WITHIN)
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

    /// Its logs.
    pub fn logs(&self) -> PathBuf {
        self.setup.folder.join("log")
    }
}

fn command(installation: &Installation, setup: &Setup) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(&installation.program);
    command.arg("-C").arg(setup.etc().join("asterisk.conf")).stdin(Stdio::null());
    command
}

fn console(
    installation: &Installation,
    setup: &Setup,
    words: &str,
) -> Result<std::process::Output> {
    command(installation, setup)
        .args(["-rx", words])
        .stderr(Stdio::null())
        .output()
        .context("asterisk -rx")
}

fn boot(installation: &Installation, setup: &Setup) -> Result<Child> {
    drop(
        UdpSocket::bind((Ipv4Addr::LOCALHOST, setup.sip))
            .with_context(|| format!("SIP port {}", setup.sip))?,
    );
    let output = setup.folder.join("log/output.log");
    let file = fs::File::options().create(true).append(true).open(&output)?;
    let mut command = command(installation, setup);
    command.arg("-f").stdout(file.try_clone()?).stderr(file).process_group(0);
    let mut child = Child::spawn("Asterisk", command)?;
    let booted = child.wait_for(BOOT_WITHIN, || {
        Ok(console(installation, setup, "core waitfullybooted")?.status.success())
    });
    booted.with_context(|| tail(&output, &setup.folder.join("log/messages.log")))?;
    if UdpSocket::bind((Ipv4Addr::LOCALHOST, setup.sip)).is_ok() {
        bail!("Asterisk does not listen on SIP port {}", setup.sip);
    }
    TcpStream::connect((Ipv4Addr::LOCALHOST, setup.ari))
        .with_context(|| format!("Asterisk does not listen on ARI port {}", setup.ari))?;
    Ok(child)
}

fn tail(output: &Path, messages: &Path) -> String {
    let mut text = String::from("Asterisk did not boot:");
    for file in [output, messages] {
        let whole = fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<&str> = whole.lines().rev().take(10).collect();
        for line in lines.iter().rev() {
            text.push('\n');
            text.push_str(line);
        }
    }
    text
}
