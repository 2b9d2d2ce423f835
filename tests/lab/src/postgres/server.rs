//! The server's process: found, initialised, started, ended; as another user if we are root, which
//! PostgreSQL refuses to be.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::host::{User, closed_folder_capability, programs};
use super::{Durability, Shutdown};
use crate::child::Child;

/// Whom the server runs as if we are root.
const SERVER_USER: &str = "postgres";
const LOOK_EVERY: Duration = Duration::from_millis(10);
const START_WITHIN: Duration = Duration::from_mins(1);
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A cluster's folder and, while it runs, its postmaster.
pub(super) struct Server {
    programs: PathBuf,
    folder: PathBuf,
    socket: PathBuf,
    user: Option<User>,
    durability: Durability,
    /// Settings that win over the usual ones.
    more: Mutex<Vec<String>>,
    postmaster: Mutex<Option<Child>>,
}

impl Server {
    pub(super) fn new(folder: &Path, socket: &Path, durability: Durability) -> Result<Self> {
        let user = if geteuid().is_root() { Some(User::named(SERVER_USER)?) } else { None };
        if let Some(user) = &user {
            chown(socket, Some(user.uid), Some(user.gid))?;
        }
        Ok(Self {
            programs: programs(folder)?,
            folder: folder.to_owned(),
            socket: socket.to_owned(),
            user,
            durability,
            more: Mutex::default(),
            postmaster: Mutex::new(None),
        })
    }

    pub(super) fn socket_folder(&self) -> &Path {
        &self.socket
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    /// Sets these from the next start on.
    pub(super) fn set(&self, settings: &[String]) {
        *self.more.lock().unwrap_or_else(PoisonError::into_inner) = settings.to_vec();
    }

    /// Writes a file among the data that the server alone can read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.data().join(name);
        if file.exists() {
            fs::remove_file(&file)?;
        }
        write_private(&file, text)?;
        if let Some(user) = &self.user {
            chown(&file, Some(user.uid), Some(user.gid))?;
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Makes the cluster, unless it is there; a folder that an interrupted start left is made anew.
    pub(super) fn initialise(&self, password: &str) -> Result<()> {
        let finished = self.folder.join("initialised");
        if finished.exists() {
            return Ok(());
        }
        let data = self.make_data_folder()?;
        let password_file = self.socket.join("password");
        write_private(&password_file, password)?;
        if let Some(user) = &self.user {
            chown(&password_file, Some(user.uid), Some(user.gid))?;
        }
        let output = self
            .command("initdb")?
            .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"])
            .args(["--locale=C", "--no-instructions", "--no-sync", "--pgdata"])
            .arg(&data)
            .arg("--pwfile")
            .arg(&password_file)
            .output()
            .context("running initdb")?;
        fs::remove_file(&password_file)?;
        ensure!(
            output.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        fs::write(finished, "")?;
        Ok(())
    }

    /// Makes the cluster a standby: a copy of the one whose socket is in `primary`, which it follows.
    pub(super) fn copy(&self, primary: &Path, password: &str) -> Result<()> {
        let data = self.make_data_folder()?;
        let output = self
            .command("pg_basebackup")?
            .args([
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                "--username=postgres",
            ])
            .arg("--host")
            .arg(primary)
            .arg("--pgdata")
            .arg(&data)
            .env("PGPASSWORD", password)
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
        if let Some(user) = &self.user {
            chown(&data, Some(user.uid), Some(user.gid))?;
        }
        Ok(data)
    }

    /// Starts the postmaster and waits until it takes connections.
    pub(super) fn start(&self) -> Result<()> {
        let mut slot = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(slot.is_none(), "PostgreSQL is running already");
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = self.command("postgres")?;
        command.arg("-D").arg(self.data());
        let socket = self.socket.display();
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
        settings.extend(self.more.lock().unwrap_or_else(PoisonError::into_inner).clone());
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        // A group of its own: Ctrl-C in the terminal is ours to pass on, in order.
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let mut postmaster = Child::spawn("PostgreSQL", command)?;
        let id = postmaster.id().to_string();
        let status = self.data().join("postmaster.pid");
        postmaster
            .wait_for(START_WITHIN, || Ok(is_ready(&status, &id)))
            .with_context(|| format!("see {}", self.log().display()))?;
        *slot = Some(postmaster);
        Ok(())
    }

    /// Ends the postmaster and all its processes, and waits until they are gone.
    pub(super) fn stop(&self, shutdown: Shutdown) -> Result<()> {
        let mut slot = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut postmaster) = slot.take() else { return Ok(()) };
        let backends = children_of(postmaster.id());
        match shutdown {
            Shutdown::Fast => postmaster.signal(Signal::INT)?,
            Shutdown::Immediate => postmaster.signal(Signal::QUIT)?,
            Shutdown::Kill => {
                postmaster.kill()?;
                for backend in &backends {
                    // One that has just ended is as good as killed.
                    let _ = kill_process(*backend, Signal::KILL);
                }
            }
        }
        let until = Instant::now() + STOP_WITHIN;
        while postmaster.ended()?.is_none() || backends.iter().any(|backend| is_alive(*backend)) {
            ensure!(Instant::now() < until, "PostgreSQL did not end within {STOP_WITHIN:?}");
            sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Whether the postmaster has ended without having been asked to.
    pub(super) fn ended(&self) -> Result<bool> {
        let mut slot = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_mut().map_or(Ok(false), |postmaster| Ok(postmaster.ended()?.is_some()))
    }

    /// A program of PostgreSQL, as the right user, to end with us, in a plain environment.
    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]);
        if let Some(user) = &self.user {
            command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid));
            command.arg("--clear-groups");
            if !user.may_traverse(&self.folder)? {
                let capability = closed_folder_capability()?;
                command.arg(format!("--inh-caps=+{capability}"));
                command.arg(format!("--ambient-caps=+{capability}"));
            }
        }
        command.arg(self.programs.join(program));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir("/");
        Ok(command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let shutdown = match self.durability {
            Durability::Durable => Shutdown::Fast,
            Durability::Fast => Shutdown::Immediate,
        };
        // Nothing to be done if even this fails; the death signal is still there.
        drop(self.stop(shutdown));
    }
}

/// Writes a file that only we can read.
pub(super) fn write_private(file: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())?;
    Ok(())
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

/// Whether it runs; one that has ended and waits for whoever inherited it does not.
fn is_alive(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    let state = stat.ok().and_then(|stat| stat.rsplit(") ").next()?.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}
