//! How long a client may take to send a request.

use std::time::Duration;

/// How long a client may take to send.
#[derive(Debug, Clone, Copy)]
pub struct RequestTimeouts {
    /// A handshake, and a request's head: so an idle connection ends too.
    pub head: Duration,
    /// A request's body.
    pub body: Duration,
}

impl Default for RequestTimeouts {
    fn default() -> Self {
        Self { head: Duration::from_secs(10), body: Duration::from_secs(10) }
    }
}
