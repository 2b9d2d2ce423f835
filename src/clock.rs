//! The only place that reads a clock; everything else gets the time as an argument.

use std::time::Instant;

use jiff::Timestamp;

/// The monotonic time now, for deadlines and durations.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// This machine's time of day, for anything that ends at a calendar time; credentials end by the
/// database's clock.
#[must_use]
pub fn wall_clock() -> Timestamp {
    Timestamp::now()
}
