//! The measurements of `make bench`, in two kinds. Real calls, logins, pages and tables are
//! compared with a plain dialplan, bare hashing, C libargon2, or themselves at another size. A fake
//! Asterisk is enough for events a second and for ten thousand calls at once. A simulated busy hour
//! gives the sizes of `docs/performance.md`.
//!
//! Prints a table, and writes it to `target/bench.json`, and the machine to
//! `target/bench-machine.json`.
//!
//! A missed target is a figure like any other; only a failed measurement is an error. Both sides of
//! each comparison run on the same machine in the same run. Other load on the machine still shows
//! in the slowest hundredth of the calls.

#![expect(unreachable_pub, reason = "in a binary `pub` marks what one module offers to the others")]
#![expect(clippy::print_stdout, reason = "it prints its figures")]
#![expect(clippy::indexing_slicing, reason = "a measurement fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "it measures by the clock")]

mod accounts;
mod busy_hour;
mod calls;
mod capacity;
mod clean_up;
mod contracts;
mod events;
mod fake_system;
mod figure;
mod growth;
mod hash;
mod keep_alive;
mod line;
mod login_load;
mod logins;
mod machine;
mod many_calls;
mod pages;
mod plot;
mod reaction;
mod requests;
mod scale;
mod script;
mod start;
mod system;
mod unit_change;
mod usage;

use std::path::Path;
use std::{env, fs};

use anyhow::{Result, ensure};

use figure::Figure;

/// Measures something.
type Measure = fn() -> Result<Vec<Figure>>;

/// The measurements, by their names.
const MEASURES: [(&str, Measure); 16] = [
    ("hash", hash::measure),
    ("start", start::measure),
    ("calls", line::measure),
    ("capacity", capacity::measure),
    ("events", events::measure),
    ("many_calls", many_calls::measure),
    ("requests", requests::measure),
    ("logins", logins::measure),
    ("login_load", login_load::measure),
    ("unit_change", unit_change::measure),
    ("scale", scale::measure),
    ("growth", growth::measure),
    ("busy_hour", busy_hour::measure),
    ("clean_up", clean_up::measure),
    ("contracts", contracts::measure),
    ("pages", pages::measure),
];

/// Runs the measurements that the arguments name, or all of them. Progress goes to the standard
/// error; the result is a table, or with `--json` an object with the machine and versions too.
fn main() -> Result<()> {
    // Cargo adds more options.
    let (options, chosen): (Vec<String>, Vec<String>) =
        env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let known = MEASURES.map(|(name, _)| name);
    ensure!(
        chosen.iter().all(|name| known.contains(&name.as_str())),
        "there is {}",
        known.join(", ")
    );
    let mut figures = Vec::new();
    for (name, measure) in MEASURES {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            eprintln!("{name}…");
            figures.extend(measure()?);
        }
    }
    if options.iter().any(|option| option == "--json") {
        let mut report = machine::describe()?;
        report["figures"] = serde_json::to_value(&figures)?;
        println!("{report:#}");
    } else {
        println!("\n{}", figure::table(&figures));
    }
    if chosen.is_empty() {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        let file = target.join("bench.json");
        fs::write(&file, figure::json(&figures)?)?;
        fs::write(target.join("bench-machine.json"), format!("{:#}\n", machine::describe()?))?;
        eprintln!("\nwritten to {}", file.display());
    }
    Ok(())
}
