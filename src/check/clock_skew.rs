//! How far another machine's clock is from this one's.

use jiff::Timestamp;

/// A larger difference makes expiry times and logs misleading.
const MAX_SKEW_S: f64 = 2.0;

/// Returns by how many seconds another clock is ahead, if the difference certainly exceeds
/// [`MAX_SKEW_S`]. The other clock showed a time from `earliest` to `latest`, in seconds since
/// 1970, at some moment from `before` to `after`.
pub(super) fn skew_seconds(
    earliest: f64,
    latest: f64,
    before: Timestamp,
    after: Timestamp,
) -> Option<f64> {
    let seconds = |time: Timestamp| time.as_duration().as_secs_f64();
    let (ahead, behind) = (earliest - seconds(after), latest - seconds(before));
    if ahead > MAX_SKEW_S { Some(ahead) } else { (behind < -MAX_SKEW_S).then_some(behind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_differ_only_if_the_time_of_the_query_cannot_explain_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let skew = |earliest, latest| skew_seconds(earliest, latest, at(100), at(104));
        for near in [(98.0, 98.0), (97.5, 98.5), (102.0, 102.0), (106.0, 106.0)] {
            assert_eq!(skew(near.0, near.1), None, "{near:?}");
        }
        assert_eq!(skew(107.0, 108.0), Some(3.0));
        assert_eq!(skew(96.0, 97.0), Some(-3.0));
    }
}
