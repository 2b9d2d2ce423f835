//! The server's process: found, initialised, started, ended; as another user if we are root, which
//! PostgreSQL refuses to be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::{Durability, Passwords, Postgres, Shutdown, socket_folder};
use crate::child::Child;
use crate::daemon::write_secret;

/// Where Debian puts each major version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// For root: whom the server runs as.
const AS_POSTGRES: [&str; 3] = ["--reuid=postgres", "--regid=postgres", "--clear-groups"];
/// What lets a process pass folders that are closed to its user, the smaller right first.
const PASSES: [&[&str]; 3] = [
    &[],
    &["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"],
    &["--inh-caps=+dac_override", "--ambient-caps=+dac_override"],
];
const LOOK_EVERY: Duration = Duration::from_millis(10);
const START_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

impl Postgres {
    pub(super) fn new(folder: &Path, passwords: Passwords, durability: Durability) -> Result<Self> {
        let socket = socket_folder()?;
        give_to_server(socket.path())?;
        Ok(Self {
            programs: programs(folder)?,
            folder: folder.to_owned(),
            socket,
            privileges: privileges(folder)?,
            durability,
            settings: Mutex::default(),
            postmaster: Mutex::default(),
            passwords,
            databases: AtomicUsize::new(0),
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

    /// Writes a file among the data that the server alone can read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.data().join(name);
        write_secret(&file, text)?;
        give_to_server(&file)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Makes the cluster, unless it is there; a folder that an interrupted start left is made
    /// again.
    pub(super) fn initialise(&self) -> Result<()> {
        let finished = self.folder.join("initialised");
        if finished.exists() {
            return Ok(());
        }
        let data = self.make_data_folder()?;
        let password_file = self.socket_folder().join("password");
        write_secret(&password_file, &self.passwords[0])?;
        give_to_server(&password_file)?;
        let output = self
            .command("initdb")
            .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"])
            .args(["--locale=C", "--no-instructions", "--no-sync", "--pgdata"])
            .arg(&data)
            .arg("--pwfile")
            .arg(&password_file)
            .output()
            .context("running initdb")?;
        fs::remove_file(&password_file)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "initdb: {}", said.trim());
        fs::write(finished, "")?;
        Ok(())
    }

    /// Makes the cluster a standby: a copy of `primary`, which it follows.
    pub(super) fn copy(&self, primary: &Self) -> Result<()> {
        let data = self.make_data_folder()?;
        let output = self
            .command("pg_basebackup")
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .args(["--username=postgres", "--host"])
            .arg(primary.socket_folder())
            .arg("--pgdata")
            .arg(&data)
            .env("PGPASSWORD", &self.passwords[0])
            .output()
            .context("running pg_basebackup")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "pg_basebackup: {}", said.trim());
        Ok(())
    }

    fn make_data_folder(&self) -> Result<PathBuf> {
        let data = self.data();
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir(&data)?;
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
        give_to_server(&data)?;
        Ok(data)
    }

    /// Starts the postmaster and waits until it takes connections.
    pub fn start(&self) -> Result<()> {
        let mut slot = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(slot.is_none(), "PostgreSQL is running already");
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        let socket = self.socket_folder().display();
        let mut settings = vec![
            "listen_addresses=".to_owned(),
            "port=5432".to_owned(),
            format!("unix_socket_directories={socket}"),
            "max_connections=200".to_owned(),
            // For a standby that is away for a while.
            "wal_keep_size=1GB".to_owned(),
            "hot_standby=on".to_owned(),
            "shared_buffers=64MB".to_owned(),
            // The detail of a refused row would be the row, hash included.
            "log_error_verbosity=terse".to_owned(),
        ];
        if self.durability == Durability::Fast {
            // Nothing that runs by itself: some tests count a database's commits.
            let fast = ["fsync=off", "full_page_writes=off", "autovacuum=off"];
            settings.extend(fast.map(str::to_owned));
        }
        settings.extend(self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone());
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        // A group of its own: Ctrl-C in the terminal is ours to pass on, in order.
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let mut postmaster = Child::spawn("PostgreSQL", command)?;
        let id = postmaster.id().to_string();
        let status = self.data().join("postmaster.pid");
        postmaster
            .wait_for(START_TIMEOUT, || Ok(is_ready(&status, &id)))
            .with_context(|| format!("see {}", self.log().display()))?;
        *slot = Some(postmaster);
        Ok(())
    }

    /// Ends the postmaster and all its processes, and waits until they are gone.
    pub fn stop(&self, shutdown: Shutdown) -> Result<()> {
        let mut slot = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut postmaster) = slot.take() else { return Ok(()) };
        let backends = children_of(postmaster.id());
        match shutdown {
            Shutdown::Fast => postmaster.signal(Signal::INT)?,
            Shutdown::Immediate => postmaster.signal(Signal::QUIT)?,
            Shutdown::Kill => {
                postmaster.kill()?;
                for backend in &backends {
                    let _ = kill_process(*backend, Signal::KILL); // it may have just ended
                }
            }
        }
        let until = Instant::now() + STOP_TIMEOUT;
        while postmaster.exit_status()?.is_none()
            || backends.iter().any(|backend| is_alive(*backend))
        {
            ensure!(Instant::now() < until, "PostgreSQL did not end within {STOP_TIMEOUT:?}");
            sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Whether the postmaster has ended without having been asked to.
    pub fn has_ended(&self) -> Result<bool> {
        let mut slot = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_mut().map_or(Ok(false), |postmaster| Ok(postmaster.exit_status()?.is_some()))
    }

    /// A program of PostgreSQL, as the right user, to end with us, in a plain environment.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]).args(&self.privileges);
        command.arg(self.programs.join(program));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir("/");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let shutdown = match self.durability {
            Durability::Durable => Shutdown::Fast,
            Durability::Fast => Shutdown::Immediate,
        };
        let _ = self.stop(shutdown); // the death signal is still there
    }
}

/// What makes the server a user that is not root and can pass `folder`.
fn privileges(folder: &Path) -> Result<Vec<&'static str>> {
    if !geteuid().is_root() {
        return Ok(Vec::new());
    }
    for passes in PASSES {
        let privileges = [&AS_POSTGRES, passes].concat();
        let mut test = Command::new("setpriv");
        test.args(&privileges).args(["test", "-x"]).arg(folder).stderr(Stdio::null());
        if test.status().context("running setpriv")?.success() {
            return Ok(privileges);
        }
    }
    bail!("{} is closed to the user postgres, or there is none", folder.display())
}

/// Makes the server the owner of a file or folder.
fn give_to_server(path: &Path) -> Result<()> {
    if geteuid().is_root() {
        let status = Command::new("chown").arg("postgres:").arg(path).status()?;
        ensure!(status.success(), "chown: {status}");
    }
    Ok(())
}

/// The folder of the programs: of the cluster's version, else of the newest, else in `PATH`.
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

/// The last line of `postmaster.pid` says `ready` once connections are taken, or `standby`.
fn is_ready(status: &Path, id: &str) -> bool {
    let written = fs::read_to_string(status).unwrap_or_default();
    let is_ours = written.lines().next() == Some(id);
    is_ours && matches!(written.lines().last().map(str::trim), Some("ready" | "standby"))
}

/// The processes that `parent` has started and that are still its own.
fn children_of(parent: u32) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Whether it runs; one that has ended and waits for its new parent does not.
fn is_alive(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    let state = stat.ok().and_then(|stat| stat.rsplit(") ").next()?.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}
