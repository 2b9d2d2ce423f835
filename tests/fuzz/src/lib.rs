//! Generated input from outside: one file per target, each an ordinary function over bytes.
//!
//! `make fuzz` lets libFuzzer generate the bytes; `tests/replay.rs` replays the stored corpora
//! without it. A target fails by panicking: at a bug in the code under test, or when a property
//! does not hold that should hold for any bytes.
#![expect(clippy::missing_panics_doc, reason = "a target fails by panicking")]

pub mod body;
pub mod config;
pub mod csv;
pub mod dialog;
pub mod event;
pub mod site;

use std::future::Future;

/// A target: its name, which is also its corpus's, and its function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [FuzzTarget; 6] = [
    ("event", event::run),
    ("dialog", dialog::run),
    ("body", body::run),
    ("site", site::run),
    ("csv", csv::run),
    ("config", config::run),
];

/// Runs a future to its end.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
