//! A server process of the lab: named, watched while it starts, ended by its own id.
//!
//! It ends with this process (`setpriv --pdeathsig`). The kernel sends that signal when the
//! *thread* that started the child ends. So one thread, which lives as long as the process, starts
//! them all.

use std::path::Path;
use std::process::{self, Command, ExitStatus};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How often a condition of a starting or ending process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A command to start, and where to report what came of it.
type StartRequest = (Command, Sender<io::Result<process::Child>>);

/// A process; killed when dropped.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    process: process::Child,
}

impl Child {
    /// Starts it.
    pub fn spawn(name: &'static str, command: Command) -> Result<Self> {
        let process = spawn(command).with_context(|| format!("starting {name}"))?;
        Ok(Self { name, process })
    }

    /// What it is called in messages.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// Waits until `ready` says so; an error if the process ends before, or after `within`.
    pub fn wait_for(
        &mut self,
        within: Duration,
        mut ready: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let until = Instant::now() + within;
        while !ready()? {
            if let Some(status) = self.exit_status()? {
                bail!("{} ended while starting: {status}", self.name);
            }
            if Instant::now() >= until {
                bail!("{} is not ready within {within:?}", self.name);
            }
            sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Sends a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.exit_status()?.is_none() {
            kill_process(Pid::from_child(&self.process), signal)?;
        }
        Ok(())
    }

    /// Waits until it has ended; an error if it has not `within` that time.
    pub fn wait_for_end(&mut self, within: Duration) -> Result<ExitStatus> {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.exit_status()? {
                return Ok(status);
            }
            ensure!(Instant::now() < until, "{} did not end within {within:?}", self.name);
            sleep(LOOK_EVERY);
        }
    }

    /// Asks it to end (SIGTERM) and waits; an error, and `kill -9`, if it does not `within`.
    pub fn stop(&mut self, within: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let status = self.wait_for_end(within);
        self.kill()?;
        status
    }

    /// Ends it without a word and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        if self.exit_status()?.is_none() {
            self.process.kill()?;
            self.process.wait()?;
        }
        Ok(())
    }
}

/// Starts `command` on the thread that outlives every other.
fn spawn(command: Command) -> io::Result<process::Child> {
    static STARTER: OnceLock<Sender<StartRequest>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (requests, received) = channel::<StartRequest>();
        std::thread::spawn(move || {
            for (mut command, reply) in received {
                drop(reply.send(command.spawn()));
            }
        });
        requests
    });
    let (reply, child) = channel();
    starter.send((command, reply)).map_err(io::Error::other)?;
    child.recv().map_err(io::Error::other)?
}

/// Gives the calling thread the least right to the processor, which is a thread's on Linux: for
/// clients that would be on machines of their own elsewhere.
pub fn lower_priority() -> io::Result<()> {
    Ok(rustix::process::nice(19).map(drop)?)
}

/// The last lines of a log, for a message.
pub(crate) fn last_lines(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.kill(); // nothing can be done if even this fails
    }
}
