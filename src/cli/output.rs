//! What a command prints, and what it complains of.

use std::io::{self, ErrorKind, Write as _};

use serde::Serialize;

/// Where and how results are printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    /// One JSON document a line instead of text.
    pub(super) json: bool,
}

impl Output {
    /// Prints one result: as text for people, as a line of JSON for programs. Says whether somebody
    /// still reads: a reader that has gone away wants no more.
    pub(super) fn print<T: Serialize>(self, result: &T, text: &str) -> anyhow::Result<bool> {
        let line = if self.json { serde_json::to_string(result)? } else { text.to_owned() };
        match writeln!(io::stdout().lock(), "{line}") {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Writes a message to standard error; there is nowhere to say that this failed.
pub(super) fn print_error(message: &str) {
    drop(writeln!(io::stderr().lock(), "{message}"));
}
