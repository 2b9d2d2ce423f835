//! The server's process: found, initialised, started, ended. If we are root, it runs as another
//! user, because PostgreSQL refuses root.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Signal, geteuid, kill_process};

use super::{Durability, Passwords, Postgres, ShutdownMode};
use crate::child::{self, Child};
use crate::daemon::write_secret;
use crate::folder;

/// Where Debian puts each major version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The server's user, if we are root.
const AS_POSTGRES: [&str; 3] = ["--reuid=postgres", "--regid=postgres", "--clear-groups"];
/// Privileges to pass folders that are closed to its user, the smaller one first.
const PASSES: [&[&str]; 3] = [
    &[],
    &["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"],
    &["--inh-caps=+dac_override", "--ambient-caps=+dac_override"],
];
/// Authentication with TLS: over the Unix socket as before, over TCP with TLS only.
const HBA: &str = "local all all scram-sha-256\nhostssl all all 127.0.0.0/8 scram-sha-256\n";
/// Authentication as Debian's package configures it.
const DEBIANS_HBA: &str =
    "local all postgres peer\nlocal all all peer\nhost all all 127.0.0.0/8 scram-sha-256\n";
const START_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

impl Postgres {
    pub(super) fn new(folder: &Path, passwords: Passwords, durability: Durability) -> Result<Self> {
        let socket = folder::for_socket("karipass-")?;
        give_to_server(socket.path())?;
        Ok(Self {
            programs: programs(folder)?,
            folder: folder.to_owned(),
            socket,
            privileges: privileges(folder)?,
            durability,
            postmaster: Mutex::default(),
            passwords,
            temporary: None,
        })
    }

    /// The folder of the socket.
    pub fn socket_folder(&self) -> &Path {
        self.socket.path()
    }

    /// The server's log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn initialise(&self) -> Result<()> {
        let data = self.make_data_folder()?;
        let password_file = self.socket_folder().join("password");
        write_for_server(&password_file, &self.passwords[0])?;
        let mut initdb = self.command("initdb");
        initdb
            .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"])
            .args(["--locale=C", "--no-instructions", "--no-sync", "--pgdata"])
            .arg(&data)
            .arg("--pwfile")
            .arg(&password_file);
        child::run("initdb", &mut initdb)?;
        Ok(fs::remove_file(&password_file)?)
    }

    /// Makes the cluster a standby: a copy of `primary`, which it follows.
    pub(super) fn follow(&self, primary: &Self) -> Result<()> {
        let data = self.make_data_folder()?;
        let mut backup = self.command("pg_basebackup");
        backup
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .args(["--username=postgres", "--host"])
            .arg(primary.socket_folder())
            .arg("--pgdata")
            .arg(&data)
            .env("PGPASSWORD", &self.passwords[0]);
        child::run("pg_basebackup", &mut backup).map(drop)
    }

    fn make_data_folder(&self) -> Result<PathBuf> {
        let data = self.data();
        let _ = fs::remove_dir_all(&data); // an interrupted start's, if there is one
        fs::create_dir(&data)?;
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
        give_to_server(&data)?;
        Ok(data)
    }

    /// Starts the postmaster and waits until it takes connections.
    pub fn start(&self) -> Result<()> {
        self.start_with(&[])
    }

    /// Restarts it with a listener on an address of loopback too, with the certificate and key of
    /// `folder`.
    ///
    /// The address is unique, since the port is the one in the socket's name.
    pub fn demand_tls(&self, folder: &Path) -> Result<Ipv4Addr> {
        for file in ["certificate.pem", "key.pem"] {
            write_for_server(&self.data().join(file), &fs::read_to_string(folder.join(file))?)?;
        }
        let tls = ["ssl=on", "ssl_cert_file=certificate.pem", "ssl_key_file=key.pem"];
        self.restart_with_address(HBA, &tls)
    }

    /// Restarts it with the authentication of Debian's package, and a listener on an address of
    /// loopback. Only the system's users have access over the socket then.
    pub fn authenticate_as_debian(&self) -> Result<Ipv4Addr> {
        self.restart_with_address(DEBIANS_HBA, &[])
    }

    fn restart_with_address(&self, hba: &str, settings: &[&str]) -> Result<Ipv4Addr> {
        write_for_server(&self.data().join("pg_hba.conf"), hba)?;
        let address = Ipv4Addr::new(127, 77, rand::random(), rand::random_range(1..255));
        let listen = format!("listen_addresses={address}");
        self.restart_with(&[&[listen.as_str()], settings].concat())?;
        Ok(address)
    }

    /// Restarts it with further settings, such as `shared_buffers=1GB`.
    pub fn restart_with(&self, settings: &[&str]) -> Result<()> {
        self.stop(ShutdownMode::Fast)?;
        self.start_with(settings)
    }

    fn start_with(&self, settings: &[&str]) -> Result<()> {
        let mut slot = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(slot.is_none(), "PostgreSQL is running already");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        let socket = format!("unix_socket_directories={}", self.socket_folder().display());
        let usual = [
            &socket,
            "listen_addresses=", // unless a further setting says another
            "port=5432",
            "max_connections=200",
            // For a standby that is away for a while.
            "wal_keep_size=1GB",
            "hot_standby=on",
            "shared_buffers=64MB",
            // The detail of a refused row would contain the row with its hash.
            "log_error_verbosity=terse",
        ];
        let fast: &[&str] = match self.durability {
            Durability::Durable => &[],
            // No background work: some tests count a database's commits.
            Durability::Fast => &["fsync=off", "full_page_writes=off", "autovacuum=off"],
        };
        for setting in usual.iter().chain(fast).chain(settings) {
            command.args(["-c", setting]);
        }
        let mut postmaster = Child::spawn_logging("PostgreSQL", command, self.log())?;
        let id = postmaster.id().to_string();
        let status = self.data().join("postmaster.pid");
        postmaster.wait_for(START_TIMEOUT, || Ok(is_ready(&status, &id)))?;
        *slot = Some(postmaster);
        Ok(())
    }

    /// Ends the postmaster and all its processes, and waits until they are gone.
    pub fn stop(&self, shutdown: ShutdownMode) -> Result<()> {
        let mut slot = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut postmaster) = slot.take() else { return Ok(()) };
        let backends = child::descendants(postmaster.id());
        match shutdown {
            ShutdownMode::Fast => postmaster.signal(Signal::INT)?,
            ShutdownMode::Immediate => postmaster.signal(Signal::QUIT)?,
            ShutdownMode::Kill => {
                postmaster.kill()?;
                for backend in &backends {
                    let _ = kill_process(*backend, Signal::KILL); // it may have just ended
                }
            }
        }
        child::wait_until("the end of PostgreSQL", STOP_TIMEOUT, || {
            let has_ended = postmaster.exit_status()?.is_some();
            Ok(has_ended && !backends.iter().any(|backend| child::is_alive(*backend)))
        })
    }

    /// Whether the postmaster has ended by itself.
    pub fn has_ended(&self) -> Result<bool> {
        let mut slot = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_mut().map_or(Ok(false), |postmaster| Ok(postmaster.exit_status()?.is_some()))
    }

    /// A program of PostgreSQL as the right user, in a plain environment; it ends with us.
    fn command(&self, program: &str) -> Command {
        let mut command = child::server("INT", &self.privileges);
        command.arg(self.programs.join(program));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir("/");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let is_kept = self.temporary.is_none();
        let shutdown = if is_kept { ShutdownMode::Fast } else { ShutdownMode::Immediate };
        let _ = self.stop(shutdown); // the death signal is still there
    }
}

/// Options for a server that is not root and can pass `folder`.
fn privileges(folder: &Path) -> Result<Vec<&'static str>> {
    if !geteuid().is_root() {
        return Ok(Vec::new());
    }
    let passes = |privileges: &Vec<&str>| {
        let mut test = Command::new("setpriv");
        test.args(privileges).arg("stat").arg(folder.join("."));
        child::run("setpriv", &mut test).is_ok()
    };
    let mut choices = PASSES.iter().map(|passes| [&AS_POSTGRES, *passes].concat());
    choices.find(passes).with_context(|| {
        format!("{} is closed to the user postgres, or there is none", folder.display())
    })
}

/// Changes the owner of a file or folder to the server's user.
fn give_to_server(path: &Path) -> Result<()> {
    if geteuid().is_root() {
        child::run("chown", Command::new("chown").arg("postgres:").arg(path))?;
    }
    Ok(())
}

/// Writes a file that only the server can read.
fn write_for_server(file: &Path, text: &str) -> Result<()> {
    write_secret(file, text)?;
    give_to_server(file)
}

/// The folder of the programs: of the cluster's version, or the newest, or from `PATH`.
fn programs(folder: &Path) -> Result<PathBuf> {
    let of_cluster = fs::read_to_string(folder.join("data/PG_VERSION")).ok();
    let of_cluster = of_cluster.and_then(|version| version.trim().parse().ok());
    let installed = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let newest = installed.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).max();
    let versions: [Option<u32>; 2] = [of_cluster, newest];
    let packaged = versions.into_iter().flatten();
    let packaged = packaged.map(|version| Path::new(DEBIAN).join(format!("{version}/bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = packaged.chain(std::env::split_paths(&path));
    folders
        .find(|folder| folder.join("initdb").exists())
        .context("no PostgreSQL found: install the package postgresql")
}

/// The last line of `postmaster.pid` says `ready` or `standby` once connections are accepted.
fn is_ready(status: &Path, id: &str) -> bool {
    let written = fs::read_to_string(status).unwrap_or_default();
    let is_ours = written.lines().next() == Some(id);
    is_ours && matches!(written.lines().last().map(str::trim), Some("ready" | "standby"))
}
