//! What comes from outside, made up: one file a target, each an ordinary function over bytes.
//!
//! `make fuzz` lets libFuzzer make the bytes up; `tests/replay.rs` feeds every target what was
//! worth keeping, without it. A target fails by panicking: at a bug of what it tries, or where
//! something does not hold that should hold for any bytes.
#![expect(clippy::missing_panics_doc, reason = "a target fails by panicking")]

pub mod body;
pub mod config;
pub mod csv;
pub mod dialog;
pub mod event;
pub mod site;

use std::future::Future;

/// A target: its name, which is its corpus's too, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 6] = [
    ("event", event::run),
    ("dialog", dialog::run),
    ("body", body::run),
    ("site", site::run),
    ("csv", csv::run),
    ("config", config::run),
];

/// Waits for what needs a runtime.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
