//! How soon a started daemon is ready, with all servers up, and how large its program is.

use std::fs;
use std::time::Instant;

use anyhow::Result;

use crate::figure::{Figure, quantile};
use crate::system::{BenchSystem, callers};

const STARTS: usize = 9;
const MAX_MIB: f64 = 16.0;

/// The median of several starts, and the program's size.
pub fn measure() -> Result<Vec<Figure>> {
    let mut system = BenchSystem::start(&callers(1), &[])?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        system.daemon.restart()?;
        starts.push(began.elapsed().as_secs_f64() * 1e3);
    }
    #[expect(clippy::cast_precision_loss, reason = "some MiB")]
    let size = fs::metadata(env!("CARGO_BIN_EXE_karipass"))?.len() as f64 / f64::from(1 << 20);
    Ok(vec![
        Figure::new("start to ready", quantile(&mut starts, 0.5), "ms").at_most(300.0),
        Figure::new("release binary", size, "MiB").at_most(MAX_MIB),
    ])
}
