//! A server process of the lab: named, watched while it starts, ended by its own id.

use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How often a condition of a starting or ending process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A process; killed when dropped.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    process: std::process::Child,
}

impl Child {
    /// Starts it.
    pub fn spawn(name: &'static str, command: Command) -> Result<Self> {
        let process = crate::process::spawn(command).with_context(|| format!("starting {name}"))?;
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
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
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
            if let Some(status) = self.ended()? {
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
        if self.ended()?.is_none() {
            kill_process(Pid::from_child(&self.process), signal)?;
        }
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits; an error, and `kill -9`, if it does not `within`.
    pub fn stop(&mut self, within: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        let until = Instant::now() + within;
        while self.ended()?.is_none() {
            if Instant::now() >= until {
                self.kill()?;
                bail!("{} did not end within {within:?}", self.name);
            }
            sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Ends it without a word and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        if self.ended()?.is_none() {
            self.process.kill()?;
            self.process.wait()?;
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Nothing to be done if even this fails.
        drop(self.kill());
    }
}
