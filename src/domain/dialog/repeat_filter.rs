//! Filters out a telephone's repetitions of a key press (`P12`).
//!
//! A telephone may send one press both by RFC 4733 and by SIP INFO, or report its end several
//! times. The time gives a repetition away: no finger is that quick.

use std::fmt;
use std::time::Duration;

use super::Press;

/// The shortest pause between two digits (Q.24).
const MIN_GAP: Duration = Duration::from_millis(40);

/// The same between two keys that were held equally long, as by a machine, whose ends may arrive
/// late.
const MIN_MACHINE_GAP: Duration = Duration::from_millis(20);

/// The last press of each key, and of any.
#[derive(Default)]
pub(super) struct RepeatFilter {
    /// Only of the keys that have been pressed. The letters are one key.
    last_by_key: Vec<Press>,
    last: Option<Press>,
    durations: Durations,
}

/// Whether a telephone's durations can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Durations {
    #[default]
    Unknown,
    /// They have identified a repetition.
    Measured,
    /// A telephone that sends only SIP INFO may give every key the same duration.
    Constant,
}

impl RepeatFilter {
    /// Takes note of a press; `false` if it is a repetition.
    pub(super) fn accept(&mut self, press: Press) -> bool {
        if self.shows_constant_durations(press) {
            self.durations = Durations::Constant;
        }
        let held = match self.durations {
            Durations::Constant => Duration::ZERO,
            Durations::Unknown | Durations::Measured => press.held(),
        };
        match self.last_by_key.iter_mut().find(|before| before.key == press.key) {
            Some(before) if press.repeats(*before, held) => {
                if self.durations == Durations::Unknown {
                    self.durations = Durations::Measured;
                }
                return false;
            }
            Some(before) => *before = press,
            None => self.last_by_key.push(press),
        }
        self.last = Some(press);
        true
    }

    fn shows_constant_durations(&self, press: Press) -> bool {
        self.durations == Durations::Unknown
            && self.last.is_some_and(|last| {
                last.key != press.key
                    && last.held() == press.held()
                    && press.pressed < last.released
            })
    }
}

impl Press {
    /// Whether this came up too soon after `before` for a finger that held the key for `held`.
    fn repeats(self, before: Self, held: Duration) -> bool {
        let equal = self.held() == before.held();
        let gap = if equal { MIN_MACHINE_GAP } else { MIN_GAP };
        let since = self.released.checked_duration_since(before.released);
        since.is_some_and(|since| since < held + gap)
    }
}

impl fmt::Debug for RepeatFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RepeatFilter(…)")
    }
}
