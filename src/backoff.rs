//! Exponential back-off.
//!
//! Crates such as `backon` wrap the whole retry. Here each caller decides what is worth a retry,
//! and needs the wait alone.

use std::time::Duration;

/// The wait before another attempt: `first`, and twice as long after each retry, `max` at most.
#[must_use]
pub(crate) fn exponential(first: Duration, retries: u32, max: Duration) -> Duration {
    let factor = 1_u32.checked_shl(retries).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let wait = |retries| {
            exponential(Duration::from_millis(25), retries, Duration::from_millis(400)).as_millis()
        };
        assert_eq!([0, 1, 2, 4, 5, 32, u32::MAX].map(wait), [25, 50, 100, 400, 400, 400, 400]);
    }
}
