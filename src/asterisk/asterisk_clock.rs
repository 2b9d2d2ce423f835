//! When a key was pressed, by Asterisk's clock: keys that arrive together may have been pressed
//! apart.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::events::KeyEvent;
use domain::dialog::Press;

/// Translates Asterisk's time of day into this machine's monotonic time, for one call.
#[derive(Debug, Default)]
pub(super) struct AsteriskClock {
    /// The call's first timestamp, and when it arrived.
    first: Option<(Timestamp, Instant)>,
}

impl AsteriskClock {
    /// The key press of an event that arrived at `arrived`.
    pub(super) fn press(&mut self, event: KeyEvent, arrived: Instant) -> Press {
        let released = self.instant(event.released_at, arrived);
        let pressed = released.checked_sub(event.held).unwrap_or(released);
        Press { key: event.key, pressed, released }
    }

    /// Keeps the distance between two of Asterisk's times. Without a time, or after Asterisk's
    /// clock was set back, uses the time of arrival.
    fn instant(&mut self, at: Option<Timestamp>, arrived: Instant) -> Instant {
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
    fn late_events_keep_their_distance() {
        let mut time = AsteriskClock::default();
        let (now, ms) = (clock::now(), Duration::from_millis);
        let at = |ms| Some(Timestamp::from_millisecond(ms).unwrap());
        assert_eq!(time.instant(at(5_000), now), now);
        assert_eq!(time.instant(at(5_200), now + ms(900)), now + ms(200));
        assert_eq!(time.instant(at(5_350), now + ms(900)), now + ms(350));
        assert_eq!(time.instant(at(1_000), now + ms(950)), now + ms(950));
        assert_eq!(time.instant(None, now + ms(990)), now + ms(990));
    }
}
