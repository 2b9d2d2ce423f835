//! Milliseconds per hash, through the daemon's own workers, beside C libargon2 with the same cost.
//!
//! The two take turns of a few hashes each, so that other load on the machine affects both alike.
//! Except at the start of a turn, each finds its memory as it left it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use domain::password::TemporaryPassword;
use karipass::hashing::{Cost, Dummy, Hasher, Keys, Salt};
use karipass_lab::folder;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::figure::{Figure, quantile};

const TURNS: usize = 25;
const HASHES_PER_TURN: usize = 8;

/// Ours beside libargon2's.
pub fn measure() -> Result<Vec<Figure>> {
    let mut yardstick = Yardstick::start(Cost::LIVE)?;
    let (runtime, hasher) = workers()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        for _ in 0..HASHES_PER_TURN {
            ours.push(one(&runtime, &hasher)?);
        }
        for _ in 0..HASHES_PER_TURN {
            theirs.push(yardstick.hash()?);
        }
    }
    let (ours, theirs) = (quantile(&mut ours, 0.5), quantile(&mut theirs, 0.5));
    Ok(vec![Figure::new("hash median", ours, "ms").with_baseline(theirs).ratio_at_most(0.5)])
}

/// The milliseconds of hashes while nothing else runs.
pub fn alone() -> Result<Vec<f64>> {
    let (runtime, hasher) = workers()?;
    (0..TURNS * HASHES_PER_TURN).map(|_| one(&runtime, &hasher)).collect()
}

fn workers() -> Result<(Runtime, Hasher)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let keys = Keys::parse("bench AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")?;
    let hasher = Hasher::start(keys, Cost::LIVE, &Dummy::draw(&mut rand::rng()))?;
    Ok((runtime, hasher))
}

/// One hash for the telephone line, with the way to the worker and back.
fn one(runtime: &Runtime, hasher: &Hasher) -> Result<f64> {
    let password = TemporaryPassword::try_from(b"27182818".as_slice())?;
    let salt = Salt::draw(&mut rand::rng());
    let began = Instant::now();
    runtime.block_on(hasher.hash_for_call(password, salt))?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// `libargon2.c`: a line in, the milliseconds of one hash out.
struct Yardstick {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    _folder: TempDir,
}

impl Yardstick {
    fn start(cost: Cost) -> Result<Self> {
        let folder = folder::temporary("karipass-bench-")?;
        let program = folder.path().join("libargon2");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/libargon2.c");
        let mut compile = Command::new("cc");
        compile.arg("-O2").arg(source).arg("-o").arg(&program).arg("-largon2");
        ensure!(compile.status()?.success(), "libargon2.c was not compiled");
        let cost = [cost.memory_kib, cost.passes, cost.lanes].map(|cost| cost.to_string());
        let mut child = Command::new(program)
            .args(cost)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (ask, answers) = child.stdin.take().zip(child.stdout.take()).context("no pipes")?;
        Ok(Self { child, ask, answers: BufReader::new(answers), _folder: folder })
    }

    fn hash(&mut self) -> Result<f64> {
        self.ask.write_all(b"\n")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        answer.trim().parse().with_context(|| format!("libargon2 says {answer:?}"))
    }
}

impl Drop for Yardstick {
    fn drop(&mut self) {
        // It has no state to lose.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
