//! What `make bench` measures: a hash beside C libargon2, the start of a daemon, and 200 calls
//! beside the same flow in plain dialplan. Also how many calls a second all succeed, logins on a
//! machine without idle time, and the clean-up of tables of millions of rows. Prints a table and
//! writes it to `target/bench.json`.
//!
//! That an aim is not held is a figure like any other; only what cannot be measured is an error.
//! Both sides of each comparison run on the same machine in the same run, but a machine that is
//! busy with something else still shows in the last hundredth of the calls.

#![expect(unreachable_pub, reason = "in a binary `pub` marks what one module offers to the others")]
#![expect(clippy::print_stdout, reason = "it prints its figures")]
#![expect(clippy::indexing_slicing, reason = "a measurement fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "it measures by the clock")]

mod calls;
mod capacity;
mod clean_up;
mod figure;
mod hash;
mod line;
mod logins;
mod reaction;
mod script;
mod start;
mod system;
mod usage;

use std::path::Path;
use std::{env, fs};

use anyhow::{Result, ensure};

use figure::Figure;

/// Measures something.
type Measure = fn() -> Result<Vec<Figure>>;

/// What there is to measure, by the names that choose it.
const MEASURES: [(&str, Measure); 6] = [
    ("hash", hash::measure),
    ("start", start::measure),
    ("calls", line::measure),
    ("capacity", capacity::measure),
    ("logins", logins::measure),
    ("clean_up", clean_up::measure),
];

/// Measures what the arguments name; everything, if they name nothing.
fn main() -> Result<()> {
    // Cargo adds options of its own.
    let chosen: Vec<String> = env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let known = MEASURES.map(|(name, _)| name);
    ensure!(
        chosen.iter().all(|name| known.contains(&name.as_str())),
        "there is {}",
        known.join(", ")
    );
    let mut figures = Vec::new();
    for (name, measure) in MEASURES {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            println!("{name}…");
            figures.extend(measure()?);
        }
    }
    println!("\n{}", figure::table(&figures));
    if chosen.is_empty() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench.json");
        fs::write(&file, figure::json(&figures)?)?;
        println!("\nwritten to {}", file.display());
    }
    Ok(())
}
