//! Logins at a fixed rate, whatever the answers. The client runs at the lowest priority, as if it
//! were on another machine.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::api::{self, Api};
use crate::child::lower_priority;

/// Between two helpings.
const TICK: Duration = Duration::from_millis(10);
/// Logins that the capacity is measured with, and how many at once.
pub const MEASURED: u32 = 200;
const SIDE_BY_SIDE: usize = 6;

/// Logins with a wrong password for one number, which nobody has set one for.
#[derive(Clone)]
pub struct Flood {
    api: Api,
    number: String,
}

/// One that is under way.
pub struct Running {
    over: Arc<AtomicBool>,
    /// Whether a login was refused as busy.
    is_refused: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Counted>>>,
}

/// What came of a flood's logins.
#[derive(Debug, Default)]
pub struct Counted {
    /// Verified, and found wrong.
    pub verified: usize,
    /// Refused, since the site is busy.
    pub busy: usize,
    /// Neither: not connected, cut off, or refused, since the database is out of reach.
    pub failed: usize,
    /// Why the last of these did.
    pub why: Option<String>,
}

/// What is answered to one login.
#[derive(Debug)]
enum Answer {
    Verified,
    Busy,
    Failed(String),
}

impl Flood {
    /// At the site at `site`, such as `https://localhost:8443`, with its certificate in PEM.
    pub fn new(site: &str, certificate: &Path, number: &str) -> Result<Self> {
        // Without a time-out: a client that goes away early makes room, and a slow site would never
        // be full.
        let api = Api::with_client(site, api::client(certificate)?.build()?);
        Ok(Self { api, number: number.to_owned() })
    }

    /// Logins a second that are verified when only a few come at once.
    pub fn capacity(&self) -> Result<f64> {
        let flood = self.clone();
        let measured = on_a_thread(async move {
            let began = Instant::now();
            let mut asking = JoinSet::new();
            let mut asked = 0;
            while asked < MEASURED || !asking.is_empty() {
                if asked < MEASURED && asking.len() < SIDE_BY_SIDE {
                    asking.spawn(flood.clone().ask());
                    asked += 1;
                    continue;
                }
                let answer = asking.join_next().await.context("no login")??;
                ensure!(matches!(answer, Ok(Answer::Verified)), "one of a few logins: {answer:?}");
            }
            Ok(began.elapsed())
        });
        let took = measured.join().map_err(|_| anyhow!("the measuring has panicked"))??;
        Ok(f64::from(MEASURED) / took.as_secs_f64())
    }

    /// So many a second, until it is ended.
    pub fn begin(self, rate: f64) -> Running {
        let over = Arc::new(AtomicBool::new(false));
        let is_refused = Arc::new(AtomicBool::new(false));
        let (until, refused) = (Arc::clone(&over), Arc::clone(&is_refused));
        let thread = on_a_thread(async move {
            let mut ticks = interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut due = 0.0;
            let mut counted = Counted::default();
            let mut asking = JoinSet::new();
            while !until.load(Ordering::Relaxed) {
                ticks.tick().await;
                due += rate * TICK.as_secs_f64();
                while due >= 1.0 {
                    due -= 1.0;
                    asking.spawn(self.clone().ask());
                }
                while let Some(answer) = asking.try_join_next() {
                    match answer?? {
                        Answer::Verified => counted.verified += 1,
                        Answer::Busy => {
                            counted.busy += 1;
                            refused.store(true, Ordering::Relaxed);
                        }
                        Answer::Failed(why) => {
                            counted.failed += 1;
                            counted.why = Some(why);
                        }
                    }
                }
            }
            asking.shutdown().await; // the clients that still wait go away
            Ok(counted)
        });
        Running { over, is_refused, thread: Some(thread) }
    }

    async fn ask(self) -> Result<Answer> {
        Ok(match self.api.log_in(&self.number, "00000000").await {
            Ok((401, _)) => Answer::Verified,
            Ok((503, problem)) if problem["code"] == "busy" => Answer::Busy,
            Ok((503, problem)) => Answer::Failed(problem.to_string()),
            Ok((status, problem)) => bail!("a login of the flood: {status} {problem}"),
            Err(error) => Answer::Failed(format!("{error:?}")),
        })
    }
}

impl Running {
    /// Waits until a login is refused as busy: until then the queue has room.
    pub fn wait_until_refused(&self, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        while !self.is_refused.load(Ordering::Relaxed) {
            ensure!(Instant::now() < until, "no login was refused as busy within {within:?}");
            sleep(TICK);
        }
        Ok(())
    }

    /// Ends it: what came of those that were answered until then.
    pub fn end(mut self) -> Result<Counted> {
        self.over.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("a flood ends once")?;
        thread.join().map_err(|_| anyhow!("the flood has panicked"))?
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// On a thread of its own that takes what is left of the processor.
fn on_a_thread<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> JoinHandle<Result<T>> {
    spawn(move || {
        lower_priority()?;
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
    })
}
