//! Progress of a long command, on one line of standard error. Nothing is shown unless standard
//! error is a terminal.

use std::io::Read;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const COUNTED: &str = "{msg:<10} {bar:40} {percent:>3} %  {elapsed}";
const BYTES: &str = "{msg:<10} {decimal_bytes}  {elapsed}";
const WAITING: &str = "{msg:<10} {elapsed}";
/// How often the line is redrawn while nothing is counted.
const TICK_INTERVAL: Duration = Duration::from_millis(200);

/// The progress line. Dropping it clears the line.
pub(super) struct ProgressLine(ProgressBar);

impl ProgressLine {
    /// Counts up to `end`.
    pub(super) fn to(end: u64, doing: &'static str) -> Self {
        Self(ProgressBar::new(end).with_style(style(COUNTED)).with_message(doing))
    }

    /// Counts bytes.
    pub(super) fn for_bytes(doing: &'static str) -> Self {
        Self(ProgressBar::no_length().with_style(style(BYTES)).with_message(doing))
    }

    pub(super) fn add(&self, count: usize) {
        self.0.inc(count as u64);
    }

    /// Counts the bytes that are read.
    pub(super) fn wrap_reader(&self, reader: impl Read) -> impl Read {
        self.0.wrap_read(reader)
    }

    /// Shows an activity whose progress cannot be counted.
    pub(super) fn wait(&self, doing: &'static str) {
        self.0.set_style(style(WAITING));
        self.0.set_message(doing);
        self.0.enable_steady_tick(TICK_INTERVAL);
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
