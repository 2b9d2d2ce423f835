//! Why an operation failed, and whether it is worth another attempt.

use std::time::Duration;

/// SQLSTATEs of failures that pass: serialization, deadlock, too many connections, and a
/// transaction that the server ended because we were silent.
const TRANSIENT: [&str; 4] = ["40001", "40P01", "53300", "25P03"];
/// SQLSTATEs of a prepared statement that is no longer valid on its connection: a column's type has
/// changed, or the server's session is another one.
const STALE: [&str; 2] = ["0A000", "26000"];
/// SQLSTATE `insufficient_privilege`.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Nothing was committed: there was no connection, or the server refused.
    #[error("database operation failed: {0}")]
    NotCommitted(DbFailure),
    /// The commit was sent, and its answer never came.
    #[error("the database did not answer the commit: {0}")]
    OutcomeUnknown(DbFailure),
}

/// Why a database operation failed, without any value of a row or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbFailure {
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// Every connection was in use.
    #[error("no free connection within {} s", .0.as_secs())]
    Busy(Duration),
    /// The connection failed or never came about.
    #[error("{0}")]
    Connection(String),
    /// The server refused.
    #[error("{message} (SQLSTATE {code})")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// The primary message; details, which quote rows, are left out.
        message: String,
    },
    /// A column of this name has a value that the schema rules out.
    #[error("the database returned an invalid {0}")]
    Row(&'static str),
}

impl From<tokio_postgres::Error> for DbFailure {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            return Self::Refused {
                code: refusal.code().code().to_owned(),
                message: refusal.message().to_owned(),
            };
        }
        let mut message = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            message = format!("{message}: {source}");
        }
        Self::Connection(message)
    }
}

impl DbError {
    /// Whether the role lacks a privilege.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        match self.failure() {
            DbFailure::Refused { code, .. } => code == INSUFFICIENT_PRIVILEGE,
            DbFailure::TimedOut(_)
            | DbFailure::Busy(_)
            | DbFailure::Connection(_)
            | DbFailure::Row(_) => false,
        }
    }

    pub(super) fn failure(&self) -> &DbFailure {
        match self {
            Self::NotCommitted(failure) | Self::OutcomeUnknown(failure) => failure,
        }
    }

    pub(super) fn into_failure(self) -> DbFailure {
        match self {
            Self::NotCommitted(failure) | Self::OutcomeUnknown(failure) => failure,
        }
    }
}

impl DbFailure {
    /// Whether another attempt may succeed, on another connection or in a moment.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Refused { code, .. } => self.poisons_pool() || TRANSIENT.contains(&code.as_str()),
            Self::TimedOut(_) | Self::Connection(_) => true,
            Self::Busy(_) | Self::Row(_) => false,
        }
    }

    /// Whether an earlier attempt at the same change stands.
    pub(super) fn is_duplicate_key(&self) -> bool {
        match self {
            Self::Refused { code, message } => {
                code == "23505" && message.contains("idempotency_key_pkey")
            }
            Self::TimedOut(_) | Self::Busy(_) | Self::Connection(_) | Self::Row(_) => false,
        }
    }

    /// Whether the pool's other connections are probably broken too: cut, shut down, demoted, or
    /// with statements that are no longer valid.
    pub(super) fn poisons_pool(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Connection(_) => true,
            Self::Refused { code, .. } => {
                self.is_connection_lost() || code == "25006" || STALE.contains(&code.as_str())
            }
            Self::Busy(_) | Self::Row(_) => false,
        }
    }

    /// Whether the connection was lost, so that a commit may or may not stand.
    pub(super) fn is_connection_lost(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Connection(_) => true,
            Self::Refused { code, .. } => code.starts_with("08") || code.starts_with("57P"),
            Self::Busy(_) | Self::Row(_) => false,
        }
    }
}

/// The connection string is invalid. The message does not repeat it, since it holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAConnectionString(pub(super) String);
