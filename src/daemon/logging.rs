//! Where log lines go: standard error, as text or one JSON object a line.
//!
//! Whatever the filter, other crates' lines end at `info`: below it they quote what they carry
//! (`tokio-postgres` its parameters, `tungstenite` its messages, digits among them).

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Starts logging for the rest of the process.
///
/// # Errors
/// If `log.filter` is not a filter, or logging was started before.
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

/// Whether a line is ours, which are written with care, or above what others' quote in.
fn quotes_nothing(line: &Metadata<'_>) -> bool {
    let ours = line.target() == "karipass" || line.target().starts_with("karipass::");
    ours || *line.level() <= Level::INFO
}
