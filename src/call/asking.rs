//! What the caller is being asked, and what has been keyed for it.

use std::time::Instant;

use zeroize::Zeroizing;

use super::Key;
use super::entry::Entry;
use super::step::{Step, Subscriber};

/// One step of one caller, as far as it has come.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) subscriber: Subscriber,
    pub(super) step: Step,
    /// Wrong entries in this step, the password and its confirmation being one (`P10`).
    pub(super) wrong: u8,
    pub(super) entry: Entry,
    /// Keys do not count until the guidance starts (`P12`).
    pub(super) deaf: bool,
    /// Until when a `#` belongs to the password before it (`P7`).
    pub(super) terminator_until: Option<Instant>,
    /// Keys from before the first step, the next one last.
    pub(super) ahead: Zeroizing<Vec<Key>>,
}

impl Asking {
    pub(super) fn new(subscriber: Subscriber, ahead: Zeroizing<Vec<Key>>) -> Self {
        Self {
            subscriber,
            step: Step::Menu,
            wrong: 0,
            entry: Entry::default(),
            deaf: false,
            terminator_until: None,
            ahead,
        }
    }

    pub(super) fn turn_to(&mut self, step: Step) {
        self.step = step;
        self.entry = Entry::default();
    }

    /// Whether `key` is the `#` right behind a password's last digit (`P7`).
    pub(super) fn terminates(&mut self, key: Key, now: Instant) -> bool {
        let until = self.terminator_until.take();
        key == Key::Hash && until.is_some_and(|until| now <= until)
    }

    /// Whether keys are left that count for this step.
    pub(super) fn has_ahead(&mut self) -> bool {
        if self.ahead.last().is_some_and(|key| self.terminator_until.is_some() && *key == Key::Hash)
        {
            self.terminator_until = None;
            self.ahead.pop();
        }
        !self.ahead.is_empty()
    }
}
