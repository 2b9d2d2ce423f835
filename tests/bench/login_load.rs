//! Right logins over kept-alive TLS: as many as can be verified, beside bare hashing on all cores;
//! and three times as many.

use std::thread::{self, available_parallelism, sleep};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use argon2::{Block, Params};
use argon2id::{HashInput, Implementation};
use domain::rules;
use karipass_lab::daemon;
use karipass_lab::flood::{Counted, Flood};

use crate::accounts::Accounts;
use crate::figure::{Figure, quantile};
use crate::system::{BenchSystem, PASSWORD, callers};

const SUBSCRIBERS: usize = 200;
/// Hashes of each core.
const HASHES: u32 = 200;
/// How many times the logins that can be verified are offered, and for how long.
const OVERLOAD: f64 = 3.0;
const LASTS: Duration = Duration::from_secs(20);
/// Between two looks at `/livez`.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How soon logins are normal after an overload, and how many logins show it.
const RECOVERY: Duration = Duration::from_secs(1);
const USUAL: u32 = 20;

/// The rate, and the effects of an overload.
pub fn measure() -> Result<Vec<Figure>> {
    let subscribers = callers(SUBSCRIBERS);
    let system = BenchSystem::start(&subscribers, &[])?;
    Accounts::create(&system)?;
    let (site, certificate) = (system.daemon.site(), system.daemon.certificate());
    let flood = Flood::new(&site, &certificate, subscribers, PASSWORD, 200)?;
    let hashes = hashes_a_second()?;
    let usual = usual(&flood)?;
    let capacity = flood.capacity()?;
    let running = flood.clone().begin(OVERLOAD * capacity)?;
    let mut looks = looks(&system)?;
    let counted = running.end()?;
    sleep(RECOVERY);
    let afterwards = self::usual(&flood)?;
    let Counted { failed, mut verified_ms, mut busy_ms, why, .. } = counted;
    let (verified, busy) = (verified_ms.len(), busy_ms.len());
    eprintln!(
        "{OVERLOAD} times {capacity:.1} logins a second: {verified} accepted, {busy} refused"
    );
    ensure!(failed == 0, "{failed} logins failed: {why:?}");
    let rate = count(verified) / LASTS.as_secs_f64();
    Ok(vec![
        Figure::new("logins accepted a second", capacity, "/s")
            .with_baseline(hashes)
            .ratio_at_least(0.92),
        Figure::new("the same, x 3", rate, "/s").with_baseline(capacity).ratio_at_least(0.9),
        Figure::new("login p99, x 3", quantile(&mut verified_ms, 0.99), "ms").at_most(700.0),
        Figure::new("refusal p99, x 3", quantile(&mut busy_ms, 0.99), "ms").at_most(5.0),
        Figure::new("/livez p99, x 3", quantile(&mut looks, 0.99), "ms").at_most(5.0),
        Figure::new("login 1 s after", afterwards, "ms").with_baseline(usual).ratio_at_most(2.0),
    ])
}

/// The median of logins one after the other, in milliseconds.
fn usual(flood: &Flood) -> Result<f64> {
    Ok(quantile(&mut flood.one_by_one(USUAL)?, 0.5))
}

/// How long `/livez` takes, again and again, in milliseconds.
fn looks(system: &BenchSystem) -> Result<Vec<f64>> {
    let (began, mut looks) = (Instant::now(), Vec::new());
    while began.elapsed() < LASTS {
        let asked = Instant::now();
        let (status, _) = daemon::get(system.daemon.setup.operators, "/livez");
        ensure!(status == 200, "/livez: {status}");
        looks.push(asked.elapsed().as_secs_f64() * 1e3);
        sleep(LOOK_INTERVAL);
    }
    Ok(looks)
}

/// Hashes a second on all cores, without logins around them.
pub fn hashes_a_second() -> Result<f64> {
    let (memory_kib, passes) = (rules::ARGON2_MEMORY_KIB, rules::ARGON2_PASSES);
    let params = Params::new(memory_kib, passes, rules::ARGON2_LANES, None)
        .map_err(|error| anyhow!("{error}"))?;
    let cores = available_parallelism()?.get();
    let hash = || {
        let mut memory = vec![Block::default(); params.block_count()];
        let input = HashInput { password: PASSWORD.as_bytes(), salt: &[7; 16], secret: &[7; 32] };
        (0..HASHES).try_for_each(|_| {
            Implementation::detect().hash(&params, input, &mut memory, &mut [0; 32])
        })
    };
    let began = Instant::now();
    let done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(hash)).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    ensure!(done.iter().all(|done| matches!(done, Ok(Ok(())))), "a hash failed");
    Ok(count(cores) * f64::from(HASHES) / began.elapsed().as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "some thousand logins")]
fn count(logins: usize) -> f64 {
    logins as f64
}
