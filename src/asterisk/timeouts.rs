//! How long the telephone line waits and how often it looks. None of these is a rule of the
//! service.

use std::time::Duration;

use crate::{config, machine};

/// New calls a second at first, for each core of the machine. At that rate hashing takes a tenth to
/// a fifth of a core.
const CALLS_PER_SECOND_PER_CORE: f64 = 5.0;

/// Deadlines and intervals towards each Asterisk.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// The deadline of each request.
    pub request: Duration,
    /// The deadline of connecting the WebSocket.
    pub connect: Duration,
    /// Between two pings; also how long a pong may take.
    pub ping_interval: Duration,
    /// Between two polls of Asterisk's health; shorter than Asterisk keeps an idle connection.
    pub poll_interval: Duration,
    /// How long a call's first event may lag behind a list of channels.
    pub event_lag: Duration,
    /// The shortest wait before a new connection.
    pub min_backoff: Duration,
    /// The longest wait before a new connection.
    pub max_backoff: Duration,
    /// How long calls may go on after the signal to stop.
    pub shutdown_grace: Duration,
    /// New calls a second that each Asterisk may send at first. An overload lowers the rate, and
    /// quick reactions raise it.
    pub initial_calls_per_second: f64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(2),
            connect: Duration::from_secs(3),
            ping_interval: Duration::from_secs(4),
            poll_interval: Duration::from_secs(5),
            event_lag: Duration::from_secs(1),
            min_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(3),
            shutdown_grace: config::DEFAULT_CALL_GRACE,
            initial_calls_per_second: initial_calls_per_second(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no machine has that many cores")]
fn initial_calls_per_second() -> f64 {
    CALLS_PER_SECOND_PER_CORE * machine::cores() as f64
}
