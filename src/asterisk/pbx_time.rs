//! When something happened, by Asterisk's clock: what arrives together may have happened apart.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Asterisk's time of day as this machine's time that never steps.
#[derive(Debug, Default)]
pub(crate) struct PbxTime {
    first: Option<(Timestamp, Instant)>,
}

impl PbxTime {
    /// When it happened, told at `arrived`. Times of one clock keep their distance; where that
    /// clock has been set back, or tells no time, it is when it arrived.
    pub(crate) fn instant(&mut self, at: Option<Timestamp>, arrived: Instant) -> Instant {
        let Some(at) = at else { return arrived };
        let (first, first_arrived) = *self.first.get_or_insert((at, arrived));
        let since = Duration::try_from(at.duration_since(first)).ok();
        since.and_then(|since| first_arrived.checked_add(since)).unwrap_or(arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn what_arrives_late_keeps_its_distance() {
        let mut time = PbxTime::default();
        let (now, ms) = (clock::now(), Duration::from_millis);
        let at = |ms| Some(Timestamp::from_millisecond(ms).unwrap());
        assert_eq!(time.instant(at(5_000), now), now);
        assert_eq!(time.instant(at(5_200), now + ms(900)), now + ms(200));
        assert_eq!(time.instant(at(5_350), now + ms(900)), now + ms(350));
        assert_eq!(time.instant(at(1_000), now + ms(950)), now + ms(950));
        assert_eq!(time.instant(None, now + ms(990)), now + ms(990));
    }
}
