//! Logins on a machine without idle time: a thread of ordinary priority turns on each core.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, available_parallelism};

use anyhow::Result;
use karipass_lab::flood::MEASURED;

use crate::figure::Figure;
use crate::system::{BenchSystem, callers};
use crate::usage::{HASHING, Process};

/// The least share of a core's time for verifying logins.
const SHARE: f64 = 0.1;

/// The share of a core that verifies logins, from the logins with a verdict and the cost of each.
pub fn measure() -> Result<Vec<Figure>> {
    let system = BenchSystem::start(&callers(1), &[])?;
    let flood = system.flood()?;
    let daemon = Process(system.daemon.child.id());
    let before = daemon.time_of(HASHING)?;
    let quiet = flood.capacity()?;
    let spent = daemon.time_of(HASHING)?.saturating_sub(before);
    let each = spent.as_secs_f64() / f64::from(MEASURED);
    let loaded = beside_spinning_threads(|| flood.capacity())?;
    eprintln!(
        "{:.1} ms of a core for each login; {quiet:.1} a second, and {loaded:.1} on busy cores",
        each * 1e3
    );
    Ok(vec![
        Figure::new("logins, cores busy", loaded, "/s").with_baseline(quiet),
        Figure::new("cores for logins, cores busy", loaded * each, "cores")
            .with_baseline(quiet * each)
            .at_least(SHARE),
    ])
}

/// Runs `doing` while no core has idle time.
fn beside_spinning_threads<T>(doing: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    let cores = available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    black_box(());
                }
            });
        }
        let done = doing();
        is_over.store(true, Ordering::Relaxed);
        done
    })
}
