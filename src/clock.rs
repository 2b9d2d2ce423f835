//! The only place that reads a clock; everything else is told the time.

use std::time::Instant;

use jiff::Timestamp;

/// The monotonic time now, for deadlines and durations.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// This machine's time of day, for what ends by a calendar; credentials end by the database's.
#[must_use]
pub fn wall_clock() -> Timestamp {
    Timestamp::now()
}

/// Clocks that are further apart than this spoil what is compared by them.
const APART_S: f64 = 2.0;

/// By how many seconds another clock is ahead of this machine's, if the two are apart for certain: it
/// showed a time from `earliest` to `latest`, in seconds since 1970, at some moment from `asked` to `told`.
#[must_use]
pub fn ahead_s(earliest: f64, latest: f64, asked: Timestamp, told: Timestamp) -> Option<f64> {
    let seconds = |time: Timestamp| time.as_duration().as_secs_f64();
    let (ahead, behind) = (earliest - seconds(told), latest - seconds(asked));
    if ahead > APART_S { Some(ahead) } else { (behind < -APART_S).then_some(behind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_apart_only_if_the_wait_for_an_answer_cannot_explain_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ahead = |earliest, latest| ahead_s(earliest, latest, at(100), at(104));
        for near in [(98.0, 98.0), (97.5, 98.5), (102.0, 102.0), (106.0, 106.0)] {
            assert_eq!(ahead(near.0, near.1), None, "{near:?}");
        }
        assert_eq!(ahead(107.0, 108.0), Some(3.0));
        assert_eq!(ahead(96.0, 97.0), Some(-3.0));
    }
}
