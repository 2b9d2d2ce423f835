//! What `make bench` measures: a hash beside C libargon2, 200 calls beside the same flow in plain
//! dialplan, and how many calls a second all succeed. Prints a table and writes it to
//! `target/bench.json`.
//!
//! That an aim is not held is a figure like any other; only what cannot be measured is an error.
//! Both sides of each comparison run on the same machine in the same run, but a machine that is busy
//! with something else still shows in the last hundredth of the calls.

#![expect(unreachable_pub, reason = "in a binary `pub` marks what one module offers to the others")]
#![expect(clippy::print_stdout, reason = "it prints its figures")]
#![expect(clippy::indexing_slicing, reason = "a measurement fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "it measures by the clock")]

mod calls;
mod capacity;
mod figure;
mod hash;
mod reaction;
mod script;
mod system;
mod usage;

use std::fs;
use std::path::Path;

use anyhow::Result;

fn main() -> Result<()> {
    println!("hashing…");
    let mut figures = vec![hash::measure()?];
    figures.extend(system::measure()?);
    println!("\n{}", figure::table(&figures));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench.json");
    fs::write(&file, figure::json(&figures)?)?;
    println!("\nwritten to {}", file.display());
    Ok(())
}
