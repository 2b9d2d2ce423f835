//! Which keys were pressed, told apart from a telephone's repeats of them (`P12`).
//!
//! A telephone may send one press as RFC 4733 and as SIP INFO, or its end several times as if each
//! were a press of its own. A repeat is known by its time: no finger can produce it.

use std::fmt;
use std::time::Duration;

use super::{Key, Press};

/// The shortest pause between two digits (Q.24).
const MIN_GAP: Duration = Duration::from_millis(40);

/// The same between two keys that were held equally long, as a machine does: their ends may be told
/// late.
const MIN_MACHINE_GAP: Duration = Duration::from_millis(20);

/// `0` to `9`, `*`, `#`, and the letters as one.
const KEYS: usize = 13;

/// The presses of a call so far.
#[derive(Default)]
pub(super) struct RepeatFilter {
    /// Each key's last.
    of_key: [Option<Press>; KEYS],
    last: Option<Press>,
    durations: Durations,
}

/// What a telephone's durations are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Durations {
    #[default]
    Unknown,
    /// They have told a repeat.
    True,
    /// A telephone that sends SIP INFO alone may give every key the same one.
    MadeUp,
}

impl RepeatFilter {
    /// Whether this is a press of its own.
    pub(super) fn accepts(&mut self, press: Press) -> bool {
        if self.shows_made_up_durations(press) {
            self.durations = Durations::MadeUp;
        }
        let Some(before) = self.of_key.get_mut(place(press.key)) else { return true };
        let held = match self.durations {
            Durations::MadeUp => Duration::ZERO,
            Durations::Unknown | Durations::True => press.held(),
        };
        if before.is_some_and(|before| press.repeats(before, held)) {
            if self.durations == Durations::Unknown {
                self.durations = Durations::True;
            }
            return false;
        }
        *before = Some(press);
        self.last = Some(press);
        true
    }

    fn shows_made_up_durations(&self, press: Press) -> bool {
        self.durations == Durations::Unknown
            && self.last.is_some_and(|last| {
                last.key != press.key
                    && last.held() == press.held()
                    && press.pressed < last.released
            })
    }
}

impl Press {
    /// Whether no finger that was to hold the key for `held` could have let it go so soon after
    /// `before`.
    fn repeats(self, before: Self, held: Duration) -> bool {
        let equal = self.held() == before.held();
        let gap = if equal { MIN_MACHINE_GAP } else { MIN_GAP };
        let since = self.released.checked_duration_since(before.released);
        since.is_some_and(|since| since < held + gap)
    }
}

fn place(key: Key) -> usize {
    match key {
        Key::Digit(digit) => digit.saturating_sub(b'0').into(),
        Key::Star => 10,
        Key::Hash => 11,
        Key::Letter => 12,
    }
}

impl fmt::Debug for RepeatFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presses(…)")
    }
}
