//! Prints results and messages, and the status of the exit.

use std::io::{self, ErrorKind, Write as _};

use serde::Serialize;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExitStatus {
    /// It did what was asked.
    Success,
    /// It refused, or found an error. The output says why.
    Failure,
}

/// Where and how results are printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printer {
    /// One JSON document a line instead of text.
    pub(super) json: bool,
}

impl Printer {
    /// Prints one result as text or as a line of JSON. Returns whether the reader is still there.
    pub(super) fn print<T: Serialize>(self, result: &T, text: &str) -> anyhow::Result<bool> {
        if self.json { print_line(&serde_json::to_string(result)?) } else { print_line(text) }
    }
}

/// Prints a line. Returns whether the reader is still there.
pub(super) fn print_line(line: &str) -> anyhow::Result<bool> {
    match writeln!(io::stdout().lock(), "{line}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Prints a message to standard error. A failure to do so is ignored.
pub(super) fn print_error(message: &str) {
    drop(writeln!(io::stderr().lock(), "{message}"));
}
