//! What the caller is being asked, and what has been keyed for it.

use std::time::Instant;

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
}

impl Asking {
    pub(super) fn new(subscriber: Subscriber) -> Self {
        Self {
            subscriber,
            step: Step::Menu,
            wrong: 0,
            entry: Entry::default(),
            deaf: false,
            terminator_until: None,
        }
    }

    pub(super) fn turn_to(&mut self, step: Step) {
        self.step = step;
        self.entry = Entry::default();
    }

    /// Nothing has been keyed, and what is keyed now counts.
    pub(super) fn begin_again(&mut self) {
        self.entry = Entry::default();
        self.deaf = false;
        self.terminator_until = None;
    }

    /// Whether `key` is the `#` right behind a password's last digit (`P7`).
    pub(super) fn terminates(&mut self, key: Key, now: Instant) -> bool {
        let until = self.terminator_until.take();
        key == Key::Hash && until.is_some_and(|until| now <= until)
    }
}
