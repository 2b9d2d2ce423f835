//! What the caller is being asked, and what has been keyed for it.

use std::time::Instant;

use super::Key;
use super::ahead::Ahead;
use super::entry::Entry;
use super::step::{Step, Subscriber};

/// What becomes of a key (`P12`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearing {
    /// It counts: the guidance plays, or has played.
    Counts,
    /// It is kept until the guidance plays: it was keyed ahead.
    Waits,
    /// It is dropped: the guidance that asks for it has failed, or is a repetition.
    Drops,
}

/// One step of one caller, as far as it has come.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) subscriber: Subscriber,
    pub(super) step: Step,
    /// Wrong entries in this step, the password and its confirmation being one (`P10`).
    pub(super) wrong: u8,
    pub(super) entry: Entry,
    pub(super) hearing: Hearing,
    /// A key that was pressed before does not count.
    pub(super) since: Option<Instant>,
    /// What was keyed before the guidance began.
    pub(super) ahead: Ahead,
    /// Until when a `#` belongs to the password before it (`P7`).
    pub(super) terminator_until: Option<Instant>,
}

impl Asking {
    pub(super) fn new(subscriber: Subscriber) -> Self {
        Self {
            subscriber,
            step: Step::Menu,
            wrong: 0,
            entry: Entry::default(),
            hearing: Hearing::Waits,
            since: None,
            ahead: Ahead::default(),
            terminator_until: None,
        }
    }

    pub(super) fn turn_to(&mut self, step: Step) {
        self.step = step;
        self.entry = Entry::default();
        self.hearing = Hearing::Waits;
        self.since = None;
    }

    /// The guidance begins: keys count from now on, and none that was pressed before an `invalid`.
    pub(super) fn hear(&mut self, now: Instant) {
        if self.hearing == Hearing::Drops {
            self.since = Some(now);
        }
        self.hearing = Hearing::Counts;
    }

    /// Nothing has been keyed, and nothing counts until the guidance begins again.
    pub(super) fn ignore_keys(&mut self) {
        self.entry = Entry::default();
        self.hearing = Hearing::Drops;
        self.ahead = Ahead::default();
    }

    /// Keeps a key until the guidance begins. Of more keys than a call takes none is worth keeping.
    pub(super) fn keep(&mut self, key: Key) {
        if !self.ahead.push(key) {
            self.ignore_keys();
        }
    }

    /// Whether `key` is the `#` right behind a password's last digit (`P7`).
    pub(super) fn terminates(&mut self, key: Key, now: Instant) -> bool {
        let until = self.terminator_until.take();
        key == Key::Hash && until.is_some_and(|until| now <= until)
    }
}
