//! Errors of requests to Asterisk.

use std::error::Error;
use std::fmt;

use reqwest::StatusCode;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The channel, playback or application is gone or going (404, 409, 412).
    #[error("not found in Asterisk")]
    NotFound,
    /// Asterisk refused.
    #[error("Asterisk refused: {0}")]
    Refused(StatusCode),
    /// There was no connection; Asterisk has not received the request.
    #[error("could not reach Asterisk")]
    NotSent(#[source] reqwest::Error),
    /// The request was sent and not answered; it may have been carried out.
    #[error("Asterisk did not answer")]
    OutcomeUnknown(#[source] reqwest::Error),
    /// The response is not what ARI documents.
    #[error("unexpected response from Asterisk")]
    UnexpectedResponse(#[source] reqwest::Error),
}

impl RestError {
    /// Whether a second attempt may succeed. The first one may have been carried out.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::OutcomeUnknown(_) | Self::NotSent(_) => true,
            Self::NotFound | Self::Refused(_) | Self::UnexpectedResponse(_) => false,
        }
    }

    /// Its name in metrics.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Refused(_) => "refused",
            Self::NotSent(_) => "not_sent",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::UnexpectedResponse(_) => "unexpected_response",
        }
    }
}

/// Leaves the URL out: it may spell a number in sounds.
pub(super) fn from_transport(error: reqwest::Error) -> RestError {
    if error.is_connect() || error.is_builder() {
        RestError::NotSent(error.without_url())
    } else {
        RestError::OutcomeUnknown(error.without_url())
    }
}

/// The line cannot be built from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The HTTP client cannot be built.
    #[error("cannot build the HTTP client")]
    Client(#[source] reqwest::Error),
    /// A header cannot hold the user or the password.
    #[error("the ARI user or password cannot be sent in a header")]
    Credentials,
    /// The certificate authorities cannot be used.
    #[error("{0}")]
    Tls(String),
    /// The URL is not that of an HTTP server.
    #[error("not the URL of an HTTP server")]
    Url,
}

/// Shows an error and its causes on one line.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
