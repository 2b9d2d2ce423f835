//! The daemons, as a service manager and a load balancer treat them. One that has ended by itself
//! is started again at once. Each is polled five times a second for its readiness.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use karipass_lab::child::memory_kib;
use karipass_lab::daemon::{self, Daemon};
use rustix::process::Signal;

/// How long to wait for an expected event. Only a fault takes as long, on any machine; the table
/// shows the real times.
pub const WAIT_TIMEOUT: Duration = Duration::from_mins(1);
const ASKED_EVERY: Duration = Duration::from_millis(200);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How old a good answer may be, without a later one, for requests to be sent to its daemon.
const GOOD_FOR: Duration = Duration::from_secs(10);

/// One daemon.
pub struct Member {
    /// Its application's name.
    pub name: &'static str,
    daemon: Mutex<Daemon>,
    site: String,
    operators: SocketAddr,
    /// Started again when it ends.
    supervised: AtomicBool,
    last_ready: Mutex<Option<Instant>>,
    /// Whether its last answer was good.
    is_ready: AtomicBool,
    /// Calls that its earlier processes refused.
    refused_before: AtomicUsize,
    /// Calls that it refused late: another daemon had taken them.
    refused_late: AtomicUsize,
}

impl Member {
    /// Its process.
    pub fn daemon(&self) -> MutexGuard<'_, Daemon> {
        self.daemon.lock().unwrap()
    }

    /// Its site's base.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The address of its site.
    pub fn address(&self) -> &str {
        self.site.trim_start_matches("https://")
    }

    /// The most memory that its process ever had at once, in MiB.
    pub fn peak_memory(&self) -> Result<u32> {
        Ok(memory_kib(self.daemon().child.id(), "VmHWM")? / 1024)
    }

    /// Its calls under way.
    pub fn calls(&self) -> f64 {
        daemon::calls(self.operators)
    }

    /// The calls that it has refused in time.
    fn refused_calls(&self) -> usize {
        let before = self.refused_before.load(Ordering::Relaxed);
        let late = self.refused_late.load(Ordering::Relaxed);
        (before + daemon::refused_calls(self.operators)).saturating_sub(late)
    }

    /// Adds its count to that of its earlier processes: the next one begins at 0.
    fn keep_refused_calls(&self) {
        let refused = daemon::refused_calls(self.operators);
        self.refused_before.fetch_add(refused, Ordering::Relaxed);
    }

    /// Stops its process for this long; returns how long it then took to be ready. It refuses calls
    /// that were offered to it meanwhile. Calls `stopped` once it stands still.
    pub fn stop_for(&self, time: Duration, stopped: impl FnOnce()) -> Result<Duration> {
        let refused = self.refused_calls();
        self.signal(Signal::STOP)?;
        stopped();
        sleep(time);
        let resumed = Instant::now();
        self.signal(Signal::CONT)?;
        let took = self.wait_until_ready(resumed)?;
        let late = self.refused_calls().saturating_sub(refused);
        self.refused_late.fetch_add(late, Ordering::Relaxed);
        Ok(took)
    }

    /// Kills it (`kill -9`); it is started again.
    pub fn kill(&self) -> Result<()> {
        self.keep_refused_calls();
        self.signal(Signal::KILL)
    }

    /// Ends it as a service manager would, and starts it again; returns how long it took to end.
    pub fn restart(&self, within: Duration) -> Result<Duration> {
        self.supervised.store(false, Ordering::Relaxed);
        self.keep_refused_calls();
        let from = Instant::now();
        self.signal(Signal::TERM)?;
        while self.daemon().child.exit_status()?.is_none() {
            ensure!(from.elapsed() < within, "{} does not end within {within:?}", self.name);
            sleep(POLL_INTERVAL);
        }
        let took = from.elapsed();
        self.daemon().restart_unready()?;
        self.supervised.store(true, Ordering::Relaxed);
        Ok(took)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.daemon().child.signal(signal)
    }

    /// When it was last found ready.
    fn last_ready(&self) -> Option<Instant> {
        *self.last_ready.lock().unwrap()
    }

    /// Whether a load balancer sends it requests.
    pub fn is_in_service(&self) -> bool {
        let is_recent = self.last_ready().is_some_and(|at| at.elapsed() < GOOD_FOR);
        is_recent && self.is_ready.load(Ordering::Relaxed)
    }

    /// Waits until it is found ready after `since`; returns how long that took.
    pub fn wait_until_ready(&self, since: Instant) -> Result<Duration> {
        loop {
            if let Some(at) = self.last_ready().filter(|at| *at > since) {
                return Ok(at - since);
            }
            let said = || daemon::get(self.operators, "/readyz").1;
            ensure!(since.elapsed() < WAIT_TIMEOUT, "{} is not ready: {}", self.name, said());
            sleep(POLL_INTERVAL);
        }
    }

    /// Waits until no load balancer sends it requests.
    pub fn wait_until_out_of_service(&self) -> Result<()> {
        let since = Instant::now();
        while self.is_in_service() {
            ensure!(since.elapsed() < WAIT_TIMEOUT, "{} is still ready", self.name);
            sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn poll_until(&self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let is_ready = daemon::get(self.operators, "/readyz").0 == 200;
            self.is_ready.store(is_ready, Ordering::Relaxed);
            if is_ready {
                *self.last_ready.lock().unwrap() = Some(asked);
            }
            sleep(ASKED_EVERY.saturating_sub(asked.elapsed()));
        }
    }

    /// As systemd does with `Restart=always` and no pause.
    fn keep_running(&self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            sleep(POLL_INTERVAL);
            let mut daemon = self.daemon();
            let ended = daemon.child.exit_status().is_ok_and(|status| status.is_some());
            if ended
                && self.supervised.load(Ordering::Relaxed)
                && let Err(error) = daemon.restart_unready()
            {
                eprintln!("{}: {error:#}", self.name);
            }
        }
    }
}

/// All daemons.
pub struct Fleet {
    members: Vec<Arc<Member>>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    certificate: PathBuf,
}

impl Fleet {
    /// Daemons that are ready.
    pub fn new(daemons: Vec<Daemon>, names: &[&'static str]) -> Result<Self> {
        ensure!(!daemons.is_empty(), "no daemons");
        let certificate = daemons[0].certificate();
        let over = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        let mut members = Vec::new();
        for (daemon, name) in daemons.into_iter().zip(names) {
            let member = Arc::new(Member {
                name,
                site: daemon.site(),
                operators: daemon.setup.operators,
                daemon: Mutex::new(daemon),
                supervised: AtomicBool::new(true),
                last_ready: Mutex::new(None),
                is_ready: AtomicBool::new(false),
                refused_before: AtomicUsize::new(0),
                refused_late: AtomicUsize::new(0),
            });
            for watch in [Member::poll_until, Member::keep_running] {
                let (member, over) = (Arc::clone(&member), Arc::clone(&over));
                threads.push(spawn(move || watch(&member, &over)));
            }
            members.push(member);
        }
        Ok(Self { members, over, threads, certificate })
    }

    /// Each of them.
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// The index of the one with the most calls, once it has any, and their number.
    pub fn busiest(&self) -> Result<(usize, f64)> {
        const SOME: f64 = 3.0;
        let until = Instant::now() + WAIT_TIMEOUT;
        loop {
            let calls = self.members.iter().map(|member| member.calls()).enumerate();
            let busiest = calls.max_by(|(_, one), (_, other)| one.total_cmp(other));
            let (place, calls) = busiest.context("no daemons")?;
            if calls >= SOME {
                return Ok((place, calls));
            }
            ensure!(Instant::now() < until, "no daemon has {SOME} calls");
            sleep(ASKED_EVERY);
        }
    }

    /// The calls that they have refused.
    pub fn refused_calls(&self) -> usize {
        self.members.iter().map(|member| member.refused_calls()).sum()
    }

    /// The certificate of all.
    pub fn certificate(&self) -> PathBuf {
        self.certificate.clone()
    }

    /// Waits until all are ready after `since`; returns the longest time that took.
    pub fn wait_until_ready(&self, since: Instant) -> Result<Duration> {
        let mut longest = Duration::ZERO;
        for member in &self.members {
            longest = longest.max(member.wait_until_ready(since)?);
        }
        Ok(longest)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for member in &self.members {
            // A stopped one would not answer the polling thread.
            drop(member.daemon().child.kill());
        }
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}
