//! A private daemon: the built `karipass serve` in its own folder.
//!
//! The folder holds `karipass.toml`, `operator.toml` (the same, with the owner's rights), the
//! secrets that they point to (mode 0600, kept between starts), a self-signed certificate, and the
//! log.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::iter::Sum;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::asterisk::{ARI_USER, AsteriskSetup, CARRIER};
use crate::child::{self, Child};
use crate::postgres::Database;
use crate::{certificate, ports, secret, sounds};

/// Variables that lift the rate limits of logins and connections.
pub const NO_LIMITS: [(&str, &str); 4] = [
    ("KARIPASS_LOGIN_LIMIT", "off"),
    ("KARIPASS_SITE_MAX_CONNECTIONS_PER_ADDRESS", "2048"),
    ("KARIPASS_SITE_CONNECTION_RATE", "off"),
    ("KARIPASS_SITE_HANDSHAKE_RATE", "off"),
];

const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// The way to one Asterisk.
#[derive(Debug, Clone)]
struct Ari {
    /// Its table in a configuration, without the table's name and the password's file.
    settings: String,
    password: String,
}

impl Ari {
    fn from_setup(asterisk: &AsteriskSetup) -> Self {
        let (address, sounds, etc) = (asterisk.ari, sounds::folder(), asterisk.etc());
        let settings = format!(
            "url = \"http://{address}\"\nuser = \"{ARI_USER}\"\n\
             sounds_dir = \"{}\"\nconfig_dir = \"{}\"\n",
            sounds.display(),
            etc.display()
        );
        Self { settings, password: asterisk.ari_password.clone() }
    }
}

/// The options of a private daemon.
#[derive(Debug, Clone)]
pub struct DaemonSetup {
    karipass: PathBuf,
    folder: PathBuf,
    /// The port of its site.
    pub https: u16,
    /// Where its operators' listener is.
    pub operators: SocketAddr,
    asterisks: Vec<Ari>,
    database: Database,
    variables: Vec<(String, String)>,
}

impl DaemonSetup {
    /// The binary `karipass` in `folder`, on free ports, with this Asterisk, which need not run
    /// yet, and this database.
    pub fn new(
        karipass: &Path,
        folder: impl Into<PathBuf>,
        asterisk: &AsteriskSetup,
        database: &Database,
    ) -> Result<Self> {
        Ok(Self {
            karipass: karipass.to_owned(),
            folder: folder.into(),
            https: ports::free_tcp()?,
            operators: (Ipv4Addr::LOCALHOST, ports::free_tcp()?).into(),
            asterisks: vec![Ari::from_setup(asterisk)],
            database: database.clone(),
            variables: Vec::new(),
        })
    }

    /// Adds another Asterisk. The variables of the first are then `KARIPASS_ARI_1_…`.
    #[must_use]
    pub fn another_asterisk(mut self, asterisk: &AsteriskSetup) -> Self {
        self.asterisks.push(Ari::from_setup(asterisk));
        self
    }

    /// Sets variables of its environment, which is otherwise empty.
    #[must_use]
    pub fn variables<N: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        self.variables.extend(variables.map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Writes configuration and secrets.
    pub fn lay_out(&self) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        for (index, ari) in self.asterisks.iter().enumerate() {
            write_secret(&self.folder.join(password_file(index)), &ari.password)?;
        }
        write_secret(&self.folder.join("database.url"), &self.database.daemon_url)?;
        write_secret(&self.folder.join("owner.url"), &self.database.owner_url)?;
        let keys = self.keys();
        if !keys.exists() {
            write_secret(&keys, &format!("lab {}{}\n", secret(), secret()))?;
        }
        certificate::keep_in(&self.folder)?;
        let owner = "owner_url_file = \"owner.url\"\n";
        fs::write(self.folder.join("karipass.toml"), self.configuration(""))?;
        fs::write(self.folder.join("operator.toml"), self.configuration(owner))?;
        Ok(())
    }

    fn configuration(&self, owner: &str) -> String {
        let Self { https, operators, asterisks, .. } = self;
        let name = if asterisks.len() == 1 { "[ari]" } else { "[[ari]]" };
        let table = |(index, Ari { settings, .. }): (usize, &Ari)| {
            format!("{name}\npassword_file = \"{}\"\n{settings}\n", password_file(index))
        };
        let tables: String = asterisks.iter().enumerate().map(table).collect();
        format!(
            "{tables}[database]\nurl_file = \"database.url\"\n{owner}\n\
             [call]\nmedia_networks = [\"carrier={CARRIER}\"]\n\n\
             [hashing]\nkeys_file = \"hash.keys\"\n\n\
             [site]\nlisten = \"127.0.0.1:{https}\"\ncertificate_file = \"certificate.pem\"\n\
             key_file = \"key.pem\"\n\n\
             [operators]\nlisten = \"{operators}\"\n\n\
             [shutdown]\ndrain_s = 0\ncall_grace_s = 10\n"
        )
    }

    /// Loads contracts from a CSV file, as an operator does.
    pub fn import(&self, contracts: &Path) -> Result<()> {
        let mut import = self.operator();
        import.args(["contracts", "import"]).arg(contracts);
        child::run("karipass contracts import", &mut import).map(drop)
    }

    /// Loads a contract for each of these numbers, which has the service and no other number.
    pub fn import_numbers(&self, numbers: impl IntoIterator<Item = String>) -> Result<()> {
        let rows = numbers.into_iter().map(|number| format!("{number},{number},yes"));
        let rows = rows.collect::<Vec<_>>().join("\n");
        let file = self.folder.join("contracts.csv");
        fs::write(&file, format!("contract_number,number,service\n{rows}\n"))?;
        self.import(&file)
    }

    /// `karipass` with the owner's rights, for `migrate`, `contracts` and `audit`.
    pub fn operator(&self) -> Command {
        self.command("KILL", "operator.toml")
    }

    fn command(&self, signal: &str, configuration: &str) -> Command {
        let mut command = child::server(signal, &[]);
        command.arg(&self.karipass).arg("--config").arg(self.folder.join(configuration));
        command.env_clear().envs(self.variables.iter().cloned());
        command
    }

    /// The file with its hash keys.
    pub fn keys(&self) -> PathBuf {
        self.folder.join("hash.keys")
    }

    /// Its self-signed certificate in PEM, beside `key.pem`.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// The log file.
    pub fn log(&self) -> PathBuf {
        self.folder.join("karipass.log")
    }

    fn spawn(&self) -> Result<Child> {
        let mut command = self.command("TERM", "karipass.toml");
        command.arg("serve");
        Child::spawn_logging("karipass", command, self.log())
    }
}

/// A running private daemon; killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    /// Its options.
    pub setup: DaemonSetup,
    /// Its process.
    pub child: Child,
}

impl Daemon {
    /// Starts one and waits until `/readyz` says 200.
    pub fn start(setup: DaemonSetup) -> Result<Self> {
        let mut daemon = Self::start_unready(setup)?;
        daemon.wait_until_ready()?;
        Ok(daemon)
    }

    /// Starts one that may not become ready yet.
    pub fn start_unready(setup: DaemonSetup) -> Result<Self> {
        setup.lay_out()?;
        let child = setup.spawn()?;
        Ok(Self { setup, child })
    }

    /// Waits until `/readyz` says 200.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let operators = self.setup.operators;
        let ready = self.child.wait_for(READY_TIMEOUT, || Ok(get(operators, "/readyz").0 == 200));
        ready.with_context(|| get(operators, "/readyz").1)
    }

    /// Kills it (`kill -9`), unless it has ended, and starts it again with the same configuration.
    pub fn restart(&mut self) -> Result<()> {
        self.restart_unready()?;
        self.wait_until_ready()
    }

    /// Like [`Daemon::restart`], without waiting.
    pub fn restart_unready(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child = self.setup.spawn()?;
        Ok(())
    }

    /// Ends it as a service manager would, and checks its exit status.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.child.stop()?;
        ensure!(status.success(), "karipass ended badly: {status}");
        Ok(())
    }

    /// The site's base, such as `https://localhost:8443`.
    pub fn site(&self) -> String {
        format!("https://localhost:{}", self.setup.https)
    }

    /// Its self-signed certificate in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.setup.certificate()
    }
}

fn password_file(asterisk: usize) -> String {
    format!("ari.{}.password", asterisk + 1)
}

/// Writes a file that only its owner can read.
pub fn write_secret(file: &Path, text: &str) -> Result<()> {
    let mut options = File::options();
    let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(file)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Status and body of a plain HTTP GET; status 0 without an answer.
pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let asked = || -> Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = asked().unwrap_or_default();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, body.to_owned())
}

/// The calls under way at the daemon of this operators' listener; none if nobody answers.
pub fn calls(operators: SocketAddr) -> f64 {
    metric(operators, "karipass_calls ")
}

/// The calls that the daemon of this operators' listener has refused; none if nobody answers.
pub fn refused_calls(operators: SocketAddr) -> usize {
    metric(operators, "karipass_calls_refused_total{")
}

/// The sum of the metrics whose lines begin so; none if nobody answers.
pub fn metric<N: FromStr + Sum>(operators: SocketAddr, name: &str) -> N {
    let (_, metrics) = get(operators, "/metrics");
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<N>().ok()).sum()
}
