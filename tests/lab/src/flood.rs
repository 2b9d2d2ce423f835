//! Logins at a fixed rate, whatever the answers. The client runs at the lowest priority, as if it
//! were on another machine.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::api::{self, Api};
use crate::child::{lower_priority, wait_until};

/// Logins that measure the capacity, and how many are concurrent.
pub const MEASURED: u32 = 200;
const SIDE_BY_SIDE: usize = 6;

/// Logins of the same kind, one after the other for each of some numbers.
#[derive(Clone)]
pub struct Flood {
    api: Api,
    numbers: Arc<[String]>,
    password: &'static str,
    /// The status of a verified login.
    verdict: u16,
    next: Arc<AtomicUsize>,
    counted: Arc<Mutex<Counted>>,
}

/// A running flood.
pub struct Running {
    flood: Flood,
    runtime: Runtime,
}

/// The results of a flood's logins.
#[derive(Debug, Default, Clone)]
pub struct Counted {
    /// How long each took that was verified, with the right verdict, in milliseconds.
    pub verified_ms: Vec<f64>,
    /// The same of those that were refused because the site is busy.
    pub busy_ms: Vec<f64>,
    /// Neither: not connected, cut off, or refused because the database is unreachable.
    pub failed: usize,
    /// The reason of the last failure.
    pub why: Option<String>,
    /// An answer that a flood must not get.
    wrong: Option<String>,
}

impl Flood {
    /// Wrong logins for one number without a credential.
    pub fn wrong(site: &str, certificate: &Path, number: String) -> Result<Self> {
        Self::new(site, certificate, vec![number], "00000000", 401)
    }

    /// Logins of these numbers with this password, at the site at `site`, such as
    /// `https://localhost:8443`, with its certificate in PEM.
    pub fn new(
        site: &str,
        certificate: &Path,
        numbers: Vec<String>,
        password: &'static str,
        verdict: u16,
    ) -> Result<Self> {
        // Without a time-out: a client that leaves early would free a place, and a slow site would
        // never be full.
        let api = Api::new(site, api::client(certificate)?)?;
        let (next, counted) = (Arc::default(), Arc::default());
        Ok(Self { api, numbers: numbers.into(), password, verdict, next, counted })
    }

    /// How long logins take, one after the other, in milliseconds.
    pub fn one_by_one(&self, logins: u32) -> Result<Vec<f64>> {
        Ok(self.measure(logins, 1)?.0.verified_ms)
    }

    /// Logins a second that are verified when only a few are concurrent.
    pub fn capacity(&self) -> Result<f64> {
        let (_, took) = self.measure(MEASURED, SIDE_BY_SIDE)?;
        Ok(f64::from(MEASURED) / took.as_secs_f64())
    }

    /// The results of this many logins, which are all verified, and how long it took.
    fn measure(&self, logins: u32, concurrent: usize) -> Result<(Counted, Duration)> {
        let flood = Self { counted: Arc::default(), ..self.clone() };
        let (client, runtime) = (flood.clone(), runtime()?);
        let measured = runtime.spawn(async move {
            let began = Instant::now();
            let mut asking = JoinSet::new();
            for _ in 0..logins {
                asking.spawn(client.clone().ask());
                if asking.len() == concurrent {
                    asking.join_next().await;
                }
            }
            asking.join_all().await;
            began.elapsed()
        });
        let took = runtime.block_on(measured).context("the measuring has panicked")?;
        let counted = flood.counted();
        let verified = counted.verified_ms.len();
        ensure!(verified == logins as usize, "{concurrent} logins at once: {counted:?}");
        Ok((counted, took))
    }

    /// Sends `rate` logins a second until it is ended.
    pub fn begin(self, rate: f64) -> Result<Running> {
        let (client, runtime) = (self.clone(), runtime()?);
        runtime.spawn(async move {
            let mut due = interval(Duration::from_secs_f64(rate.recip())); // late ones in a burst
            loop {
                due.tick().await;
                tokio::spawn(client.clone().ask());
            }
        });
        Ok(Running { flood: self, runtime })
    }

    async fn ask(self) {
        let number = &self.numbers[self.next.fetch_add(1, Ordering::Relaxed) % self.numbers.len()];
        let began = Instant::now();
        let answer = self.api.log_in(number, self.password).await;
        let took_ms = began.elapsed().as_secs_f64() * 1e3;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok((status, _)) if status == self.verdict => counted.verified_ms.push(took_ms),
            Ok((503, problem)) if problem["code"] == "busy" => counted.busy_ms.push(took_ms),
            Ok((status, problem)) if status != 503 => {
                counted.wrong = Some(format!("{status} {problem}"));
            }
            failed => {
                counted.failed += 1;
                counted.why = Some(format!("{failed:?}"));
            }
        }
    }

    fn counted(&self) -> Counted {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Running {
    /// Waits until a login is refused as busy: until then the queue has room.
    pub fn wait_until_refused(&self, within: Duration) -> Result<()> {
        let is_refused = || Ok(!self.flood.counted().busy_ms.is_empty());
        wait_until("a login refused as busy", within, is_refused)
    }

    /// Ends it; returns the results of the logins that were answered by then.
    pub fn end(self) -> Result<Counted> {
        self.runtime.shutdown_background(); // the clients that still wait go away
        let counted = self.flood.counted();
        ensure!(counted.wrong.is_none(), "a login of the flood: {:?}", counted.wrong);
        Ok(counted)
    }
}

/// One thread of the lowest priority.
fn runtime() -> Result<Runtime> {
    let lower = || lower_priority().expect("a thread may lower its own priority");
    let mut builder = Builder::new_multi_thread();
    Ok(builder.worker_threads(1).on_thread_start(lower).enable_all().build()?)
}
