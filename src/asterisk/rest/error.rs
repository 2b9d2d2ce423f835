//! Why Asterisk did not do what was asked.

use reqwest::StatusCode;

/// Asterisk did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// What the request is about is no more, or is going (404, 409, 412).
    #[error("Asterisk does not have it, or no longer")]
    Gone,
    /// Asterisk said no.
    #[error("Asterisk refused: {0}")]
    Refused(StatusCode),
    /// Asterisk has not heard of it: no connection.
    #[error("Asterisk was not reached")]
    NotSent(#[source] reqwest::Error),
    /// It was sent and no answer came in time, or at all: done or not.
    #[error("Asterisk did not answer")]
    OutcomeUnknown(#[source] reqwest::Error),
    /// The answer is not what ARI documents.
    #[error("Asterisk's answer was not understood")]
    NotUnderstood(#[source] reqwest::Error),
}

impl RestError {
    /// Whether the same request may be answered another time, and may have been carried out.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::OutcomeUnknown(_) | Self::NotSent(_) => true,
            Self::Gone | Self::Refused(_) | Self::NotUnderstood(_) => false,
        }
    }

    /// Its name in metrics.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Refused(_) => "refused",
            Self::NotSent(_) => "not_sent",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::NotUnderstood(_) => "not_understood",
        }
    }
}

/// ARI could not be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The HTTP client did not come about.
    #[error("no HTTP client")]
    Client(#[source] reqwest::Error),
    /// User or password cannot be sent.
    #[error("the ARI user or password cannot be sent in a header")]
    Credentials,
    /// The authorities of certificates cannot be used.
    #[error("{0}")]
    Tls(String),
    /// The URL is not one of an HTTP server.
    #[error("not the URL of an HTTP server")]
    Url,
}

/// The URL is left out: it may spell a number in sounds.
pub(super) fn unanswered(error: reqwest::Error) -> RestError {
    if error.is_connect() || error.is_builder() {
        RestError::NotSent(error.without_url())
    } else {
        RestError::OutcomeUnknown(error.without_url())
    }
}
