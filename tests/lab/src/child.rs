//! A server process of the lab, with its name and id.
//!
//! It ends with this process (`setpriv --pdeathsig`). The kernel sends that signal when the
//! *thread* that started the child ends. So one thread, which lives as long as the process, starts
//! them all.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{self, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// The interval of polls of a starting or ending process.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A command to start, and the receiver of its result.
type StartRequest = (Command, Sender<io::Result<process::Child>>);

/// A process; killed when dropped.
#[derive(Debug)]
pub struct Child {
    /// Its name in messages.
    pub name: &'static str,
    process: process::Child,
    log: Option<PathBuf>,
}

impl Child {
    /// Starts it.
    pub fn spawn(name: &'static str, command: Command) -> Result<Self> {
        let process = spawn(command).with_context(|| format!("starting {name}"))?;
        Ok(Self { name, process, log: None })
    }

    /// Starts it without input; appends its output to `log`.
    pub fn spawn_logging(name: &'static str, mut command: Command, log: PathBuf) -> Result<Self> {
        let file = File::options().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut child = Self::spawn(name, command)?;
        child.log = Some(log);
        Ok(child)
    }

    /// Its process id.
    pub fn id(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// Waits until `ready`; an error if the process ends before, or after `within`.
    pub fn wait_for(
        &mut self,
        within: Duration,
        mut ready: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let name = self.name;
        let awaited = wait_until(&format!("{name} to be ready"), within, || {
            let is_ready = ready()?;
            match self.exit_status()? {
                Some(status) if !is_ready => bail!("{name} ended while starting: {status}"),
                _ => Ok(is_ready),
            }
        });
        awaited.with_context(|| format!("{name} said:\n{}", self.last_lines()))
    }

    /// Sends a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.exit_status()?.is_none() {
            kill_process(self.id(), signal)?;
        }
        Ok(())
    }

    /// Waits until it has ended; an error after `within`.
    pub fn wait_for_end(&mut self, within: Duration) -> Result<ExitStatus> {
        let end = format!("the end of {}", self.name);
        wait_until(&end, within, || Ok(self.exit_status()?.is_some()))?;
        Ok(self.process.wait()?)
    }

    /// Asks it to end (SIGTERM) and waits; after 30 s kills it, and returns an error.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let status = self.wait_for_end(STOP_TIMEOUT);
        self.kill()?;
        status
    }

    /// Kills it and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        if self.exit_status()?.is_none() {
            self.process.kill()?;
            self.process.wait()?;
        }
        Ok(())
    }

    fn last_lines(&self) -> String {
        let log = self.log.as_ref().and_then(|log| fs::read_to_string(log).ok());
        let log = log.unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.kill(); // nothing can be done if even this fails
    }
}

/// Starts `command` on the thread that lives as long as this process.
fn spawn(command: Command) -> io::Result<process::Child> {
    static STARTER: LazyLock<Sender<StartRequest>> = LazyLock::new(|| {
        let (requests, received) = channel::<StartRequest>();
        std::thread::spawn(move || {
            for (mut command, reply) in received {
                drop(reply.send(command.spawn()));
            }
        });
        requests
    });
    let (reply, child) = channel();
    STARTER.send((command, reply)).map_err(io::Error::other)?;
    child.recv().map_err(io::Error::other)?
}

/// A command to which a program and its arguments are added: a server, or a machine elsewhere. It
/// ends with this process, by `signal`; `options` are further ones of `setpriv`.
///
/// It has a separate session, like a service: Linux divides processor time among sessions. So
/// neither the tests nor other work on this machine take it from a server.
pub fn server(signal: &str, options: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal]).args(options).arg("setsid");
    command
}

/// Gives the calling thread real-time priority, for a telephone, which has a processor to itself.
/// Without the right to that, nothing changes.
pub fn raise_priority() {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
}

/// The same for a command's process: what stands before its program.
pub fn raised_priority() -> &'static [&'static str] {
    const RAISED: &[&str] = &["chrt", "--rr", "1"];
    static ALLOWED: LazyLock<bool> = LazyLock::new(|| {
        run("chrt", Command::new(RAISED[0]).args(&RAISED[1..]).arg("true")).is_ok()
    });
    if *ALLOWED { RAISED } else { &[] }
}

/// Gives the calling thread the lowest priority (on Linux, priority is a thread's), for clients
/// that would run on other machines.
pub fn lower_priority() -> io::Result<()> {
    Ok(rustix::process::nice(19).map(drop)?)
}

/// Runs a command to its end. Returns its output, or an error with its error output.
pub fn run(name: &str, command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("running {name}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {}: {}", output.status, complaint.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Polls until the condition holds; an error after `within`.
pub fn wait_until(
    what: &str,
    within: Duration,
    mut is_so: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let until = Instant::now() + within;
    while !is_so()? {
        ensure!(Instant::now() < until, "waited in vain for {what} for {within:?}");
        sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// The child processes of this process, with all their descendants.
pub fn descendants(parent: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")));
    // Each process has a space behind it.
    let lists: String = lists.map(Result::unwrap_or_default).collect();
    let children = lists.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?));
    children.flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

/// How much memory it has, in KiB, by a name of `proc_pid_status(5)`: `VmRSS` now, `VmHWM` at most.
pub fn memory_kib(process: Pid, name: &str) -> Result<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let memory = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = memory.and_then(|memory| memory.trim().strip_suffix(" kB"));
    Ok(kib.with_context(|| format!("no {name}"))?.parse()?)
}

/// Whether it runs; a zombie does not.
pub fn is_alive(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    let state = stat.ok().and_then(|stat| stat.rsplit(") ").next()?.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}
