//! Logins at a rate that does not care what becomes of them, from a client that takes no more of the
//! machine than is left over: elsewhere it would be on machines of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::api::Api;

/// Between two helpings.
const TICK: Duration = Duration::from_millis(10);
/// Logins that the capacity is measured with, and how many at once.
const MEASURED: usize = 200;
const SIDE_BY_SIDE: usize = 6;
/// The least right to the processor.
const NICE: i32 = 19;

/// Logins with a wrong password for one number, which nobody has set one for.
#[derive(Clone)]
pub struct Flood {
    api: Arc<Api>,
    number: Arc<str>,
}

/// One that is under way.
pub struct Running {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<(usize, usize)>>,
}

impl Flood {
    /// At the site at `site`, such as `https://localhost:8443`, with its certificate in PEM.
    pub fn of(site: &str, certificate: &Path, number: &str) -> Result<Self> {
        Ok(Self { api: Arc::new(Api::new(site, certificate)?), number: number.into() })
    }

    /// Logins a second that are verified when only a few come at once.
    pub fn capacity(&self) -> Result<f64> {
        let flood = self.clone();
        let measured = on_a_thread(async move {
            let began = Instant::now();
            let mut asking = JoinSet::new();
            for _ in 0..MEASURED {
                if asking.len() >= SIDE_BY_SIDE {
                    asking.join_next().await;
                }
                asking.spawn(flood.clone().ask());
            }
            asking.join_all().await;
            Ok(began.elapsed())
        });
        let took = measured.join().map_err(|_| anyhow!("the measuring has panicked"))??;
        Ok(f64::from(u32::try_from(MEASURED)?) / took.as_secs_f64())
    }

    /// So many a second, until it is ended.
    pub fn begin(self, rate: f64) -> Running {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = on_a_thread(async move {
            let mut ticks = interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut due = 0.0;
            let (mut verified, mut busy) = (0, 0);
            let mut asking = JoinSet::new();
            while !until.load(Ordering::Relaxed) {
                ticks.tick().await;
                due += rate * TICK.as_secs_f64();
                while due >= 1.0 {
                    due -= 1.0;
                    asking.spawn(self.clone().ask());
                }
                while let Some(status) = asking.try_join_next() {
                    match status? {
                        Some(401) => verified += 1,
                        Some(503) | None => busy += 1,
                        Some(other) => bail!("a login of the flood answers {other}"),
                    }
                }
            }
            // Whoever still waits goes away.
            asking.shutdown().await;
            Ok((verified, busy))
        });
        Running { over, thread }
    }

    /// The answer's status; none if the connection was refused.
    async fn ask(self) -> Option<u16> {
        let answer = self.api.login(&self.number, "00000000").await;
        answer.ok().map(|(status, _)| status)
    }
}

impl Running {
    /// Ends it: how many were verified, and how many refused.
    pub fn end(self) -> Result<(usize, usize)> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the flood has panicked"))?
    }
}

/// On a thread of its own with the least right to the processor, which is a thread's on Linux.
fn on_a_thread<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> JoinHandle<Result<T>> {
    spawn(move || {
        rustix::process::nice(NICE)?;
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
    })
}
