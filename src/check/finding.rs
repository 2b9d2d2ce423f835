//! What a check has found.

use super::conf::Conf;
use crate::asterisk::rest::{ErrorChain, RestError};

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The service does not work, or leaks digits or hashes.
    Error,
    /// It may be intended, or not.
    Warning,
}

impl Severity {
    /// The word that stands before a finding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Something that the operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub message: String,
    /// What corrects it, if lines at the end of a file do.
    pub remedy: Option<Remedy>,
}

/// Lines for the end of one of Asterisk's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// The file's name, such as `http.conf`.
    pub file: String,
    /// One or more sections.
    pub lines: String,
}

impl Finding {
    pub(super) fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), remedy: None }
    }

    pub(super) fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, message: message.into(), remedy: None }
    }

    /// Adds the lines that correct it.
    pub(super) fn remedied_in(self, conf: &Conf, lines: impl Into<String>) -> Self {
        let (file, lines) = (conf.place().to_owned(), lines.into());
        Self { remedy: Some(Remedy { file, lines }), ..self }
    }

    /// Asterisk did not give an answer.
    pub(super) fn query_failed(subject: &str, error: &RestError) -> Self {
        Self::error(format!("could not query Asterisk's {subject}: {}", ErrorChain(error)))
    }

    pub(super) fn about(self, subject: &str) -> Self {
        Self { message: format!("{subject}: {}", self.message), ..self }
    }
}
