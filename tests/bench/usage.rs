//! The resources that a process has used: processor time and memory, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use karipass_lab::child::memory_kib;
use rustix::process::Pid;

/// Linux counts processor time for programs in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// The daemon's threads that hash.
pub const HASHING: &str = "hash-";

/// A process, by its id.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub Pid);

impl Process {
    /// Processor time of all its threads, those that have ended included.
    pub fn time(self) -> Result<Duration> {
        ticks(&fs::read_to_string(format!("/proc/{}/stat", self.0))?)
    }

    /// Processor time of the living threads whose name begins so.
    pub fn time_of(self, threads: &str) -> Result<Duration> {
        let mut time = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{}/task", self.0))? {
            let stat = fs::read_to_string(thread?.path().join("stat"))?;
            if stat.split_once('(').is_some_and(|(_, name)| name.starts_with(threads)) {
                time += ticks(&stat)?;
            }
        }
        Ok(time)
    }

    /// Its peak memory, in MiB.
    pub fn peak_memory(self) -> Result<f64> {
        Ok(f64::from(memory_kib(self.0, "VmHWM")?) / 1024.0)
    }
}

/// `utime` and `stime`, the 14th and 15th field of a `stat` file (`proc_pid_stat(5)`); the second
/// field, the name, may contain spaces.
fn ticks(stat: &str) -> Result<Duration> {
    let (_, fields) = stat.rsplit_once(')').context("not a stat file")?;
    let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(TICK * times.sum::<Result<u32, _>>()?)
}
