//! Log lines on standard error, as text or as JSON.
//!
//! Other crates log at `info` and above, whatever the filter. Below `info` they quote secrets:
//! `tokio-postgres` its parameters, `tungstenite` its messages with keyed digits.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Starts logging for the rest of the process.
///
/// # Errors
/// `log.filter` is invalid, or logging has started before.
pub(super) fn start(log: &Log) -> anyhow::Result<()> {
    let filter: Targets = log.filter.parse()?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(quotes_nothing));
    match log.format {
        LogFormat::Json => registry.with(lines.json()).try_init()?,
        LogFormat::Text => registry.with(lines).try_init()?,
    }
    Ok(())
}

/// Whether a line is our own, or of a level at which other crates quote nothing.
fn quotes_nothing(line: &Metadata<'_>) -> bool {
    let ours = line.target() == "karipass" || line.target().starts_with("karipass::");
    ours || *line.level() <= Level::INFO
}
