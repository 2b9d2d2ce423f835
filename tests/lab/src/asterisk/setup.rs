//! The options of a private Asterisk, and its folder with the samples and local files.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::ops::RangeInclusive;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::child::{self, Child};
use crate::{folder, ports, repository, secret, sounds};

const BOOT_TIMEOUT: Duration = Duration::from_mins(1);
/// Files whose absence Asterisk logs; every PBX has them.
const EMPTY: &str = "acl ccss features indications manager pjproject udptl websocket_client";

/// A demonstration telephone: it registers with its number as user name.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The options of a private Asterisk.
#[derive(Debug)]
pub struct AsteriskSetup {
    program: PathBuf,
    modules: PathBuf,
    data: PathBuf,
    /// The configuration that Asterisk's package came with.
    pub packaged_etc: PathBuf,
    /// All that it writes is below.
    pub folder: PathBuf,
    /// The folder of its sockets.
    run: TempDir,
    /// Where it takes SIP over UDP.
    pub sip: SocketAddr,
    /// Where it takes ARI.
    pub ari: SocketAddr,
    rtp: RangeInclusive<u16>,
    /// The password of [`super::ARI_USER`].
    pub ari_password: String,
    /// Its telephones.
    pub phones: Vec<Phone>,
    snippets: Vec<(String, String)>,
    /// Its folder has a configuration that is not this repository's.
    has_configuration: bool,
}

impl AsteriskSetup {
    /// An Asterisk in `folder`, on free ports, with fresh secrets and no telephones.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self> {
        let [program, modules, data, packaged_etc] = installation()?;
        Ok(Self {
            program,
            modules,
            data,
            packaged_etc,
            folder: folder.into(),
            run: folder::for_socket("karipass-")?,
            sip: (Ipv4Addr::LOCALHOST, ports::free_udp(Ipv4Addr::LOCALHOST)?).into(),
            ari: (Ipv4Addr::LOCALHOST, ports::free_tcp()?).into(),
            rtp: ports::rtp_range(),
            ari_password: secret(),
            phones: Vec::new(),
            snippets: Vec::new(),
            has_configuration: false,
        })
    }

    /// Adds `text` to a file of `karipass.d`, which the sample of the same name includes at its
    /// end: `modules.conf`, `extensions.conf`, `globals.conf`, `http.conf`, `rtp.conf`,
    /// `phones.conf`, and others.
    #[must_use]
    pub fn snippet(mut self, file: &str, text: &str) -> Self {
        self.snippets.push((file.to_owned(), text.to_owned()));
        self
    }

    /// Copies the configuration in `from`, in place of the samples. Ports, secrets and telephones
    /// are then what its files say.
    pub fn with_configuration(mut self, from: &Path) -> Result<Self> {
        self.make_folders()?;
        let etc = self.etc();
        child::run("cp", Command::new("cp").arg("-r").arg(from.join(".")).arg(&etc))?;
        self.write_options(&fs::read_to_string(etc.join("asterisk.conf"))?)?;
        self.link_data()?;
        self.has_configuration = true;
        Ok(self)
    }

    /// The folder of its configuration.
    pub fn etc(&self) -> PathBuf {
        self.folder.join("etc")
    }

    fn command(&self) -> Command {
        let mut command = child::server("TERM", &[]);
        command.arg(&self.program).arg("-C").arg(self.etc().join("asterisk.conf"));
        command
    }

    pub(super) fn console(&self, words: &str) -> Result<String> {
        child::run(words, self.command().args(["-rx", words]).stderr(Stdio::null()))
    }

    /// Creates the files, and starts Asterisk in the folder.
    pub(super) fn boot(&self) -> Result<Child> {
        if !self.has_configuration {
            self.lay_out()?;
        }
        let sip = || UdpSocket::bind(self.sip).with_context(|| format!("SIP at {}", self.sip));
        drop(sip()?);
        let mut command = self.command();
        // As Debian's unit starts it: with real-time priority, if we are root.
        command.arg("-fp");
        let log = self.folder.join("log");
        let mut child = Child::spawn_logging("Asterisk", command, log.join("output.log"))?;
        child
            .wait_for(BOOT_TIMEOUT, || Ok(self.console("core waitfullybooted").is_ok()))
            .with_context(|| format!("see {}", log.join("messages.log").display()))?;
        ensure!(sip().is_err(), "Asterisk does not take SIP at {}", self.sip);
        TcpStream::connect(self.ari).with_context(|| format!("ARI at {}", self.ari))?;
        Ok(child)
    }

    fn make_folders(&self) -> Result<()> {
        for old in ["etc", "data"] {
            let _ = fs::remove_dir_all(self.folder.join(old)); // the first time there is none
        }
        for folder in ["etc", "lib", "spool", "log", "data/sounds/ja"] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        Ok(fs::set_permissions(self.etc(), fs::Permissions::from_mode(0o700))?)
    }

    fn lay_out(&self) -> Result<()> {
        self.make_folders()?;
        let etc = self.etc();
        copy_samples(&etc)?;
        for name in EMPTY.split(' ') {
            fs::write(etc.join(name).with_extension("conf"), "")?;
        }
        let options = fs::read_to_string(etc.join("asterisk.conf"))?;
        // Asterisk looks for files that this one includes in its built-in folder.
        let local = format!("\"{}/", etc.join("karipass.d").display());
        self.write_options(&options.replace("\"karipass.d/", &local))?;
        self.write_local()?;
        self.link_data()
    }

    /// Writes `asterisk.conf`: the folders, and these options.
    fn write_options(&self, options: &str) -> Result<()> {
        let (own, run) = (self.folder.display(), self.run.path().display());
        let modules = self.modules.display();
        let text = format!(
            "[directories]\nastetcdir = {own}/etc\nastmoddir = {modules}\nastvarlibdir = {own}/lib\n\
             astdbdir = {own}/lib\nastkeydir = {own}/lib\nastdatadir = {own}/data\n\
             astagidir = {own}/lib\nastspooldir = {own}/spool\nastrundir = {run}\n\
             astlogdir = {own}/log\nastsbindir = {own}/lib\n\n{options}"
        );
        Ok(fs::write(self.etc().join("asterisk.conf"), text)?)
    }

    fn write_local(&self) -> Result<()> {
        let files = [
            ("ari.conf", format!("password = {}\n", self.ari_password)),
            ("http.conf", format!("bindport = {}\n", self.ari.port())),
            ("transport.conf", format!("bind = {}\n", self.sip)),
            ("rtp.conf", format!("rtpstart = {}\nrtpend = {}\n", self.rtp.start(), self.rtp.end())),
            ("phones.conf", phones_conf(&self.phones)),
        ];
        let snippets = self.snippets.iter().map(|(name, text)| (name.as_str(), text.clone()));
        for (name, text) in files.into_iter().chain(snippets) {
            let file = self.etc().join("karipass.d").join(name);
            File::options().create(true).append(true).open(file)?.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    /// The installation's data with this repository's sounds.
    fn link_data(&self) -> Result<()> {
        let data = self.folder.join("data");
        for entry in fs::read_dir(&self.data)? {
            let entry = entry?;
            if entry.file_name() != "sounds" {
                symlink(entry.path(), data.join(entry.file_name()))?;
            }
        }
        Ok(symlink(sounds::folder(), data.join("sounds/ja/karipass"))?)
    }
}

/// Asterisk's program, modules, data and packaged configuration, as `asterisk/get` finds them. If
/// the machine has no Asterisk, that unpacks a private one into `$ASTERISK_ROOT`, or
/// `var/asterisk-root` of this repository.
fn installation() -> Result<[PathBuf; 4]> {
    let mut get = Command::new(repository().join("asterisk/get"));
    let said = child::run("asterisk/get", get.stderr(Stdio::inherit()))?;
    let value = |name: &str| {
        said.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(PathBuf::from)
            .with_context(|| format!("asterisk/get did not say {name}"))
    };
    Ok([value("asterisk")?, value("modules")?, value("data")?, value("etc")?])
}

/// Copies the samples and the dialplan into `etc`, with an empty folder for local files.
pub fn copy_samples(etc: &Path) -> Result<()> {
    let samples = ["asterisk/etc/.", "dialplan/."].map(|samples| repository().join(samples));
    child::run("cp", Command::new("cp").arg("-r").args(samples).arg(etc))?;
    Ok(fs::create_dir(etc.join("karipass.d"))?)
}

fn phones_conf(phones: &[Phone]) -> String {
    let conf = |Phone { number, password }: &Phone| {
        format!(
            "[{number}](karipass-phone)\naors = {number}\nauth = {number}\ncallerid = <{number}>\n\
             [{number}](karipass-phone-auth)\nusername = {number}\npassword = {password}\n\
             [{number}](karipass-phone-aor)\n\n"
        )
    };
    phones.iter().map(conf).collect()
}
