//! The current step of a caller, with the keys of its entry.

use std::time::Instant;

use super::Key;
use super::digits::DigitBuffer;
use super::step::{ServedCaller, Step};
use super::type_ahead::TypeAhead;

/// How a key is treated (`P12`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyMode {
    /// It counts, because the guidance has started.
    Accept,
    /// It is kept until the guidance starts: it was typed ahead.
    Keep,
    /// It is ignored until the guidance starts, because the guidance has failed or repeats a step.
    Ignore,
}

/// The progress of one caller in one step.
#[derive(Debug)]
pub(super) struct StepState {
    pub(super) subscriber: ServedCaller,
    pub(super) step: Step,
    /// Wrong entries in this step; a password and its confirmation count as one step (`P10`).
    pub(super) wrong_entries: u8,
    pub(super) digits: DigitBuffer,
    pub(super) key_mode: KeyMode,
    /// A key that went down before that does not count.
    pub(super) accepts_since: Option<Instant>,
    /// The keys that were pressed before the guidance started.
    pub(super) type_ahead: TypeAhead,
    /// Until then a `#` belongs to the password before it (`P7`).
    pub(super) terminator_until: Option<Instant>,
}

impl StepState {
    pub(super) fn new(subscriber: ServedCaller) -> Self {
        Self {
            subscriber,
            step: Step::Menu,
            wrong_entries: 0,
            digits: DigitBuffer::default(),
            key_mode: KeyMode::Keep,
            accepts_since: None,
            type_ahead: TypeAhead::default(),
            terminator_until: None,
        }
    }

    pub(super) fn enter(&mut self, step: Step) {
        self.step = step;
        self.digits = DigitBuffer::default();
        self.key_mode = KeyMode::Keep;
        self.accepts_since = None;
    }

    /// Accepts keys, because the guidance has started. A key that went down before `invalid` never
    /// counts.
    pub(super) fn accept_keys(&mut self, now: Instant) {
        if self.key_mode == KeyMode::Ignore {
            self.accepts_since = Some(now);
        }
        self.key_mode = KeyMode::Accept;
    }

    /// Does not count a key that is held now: silence has ended the entry that it belonged to.
    pub(super) fn drop_held_key(&mut self, now: Instant) {
        self.accepts_since = Some(now);
    }

    /// Drops all keys, and ignores keys until the guidance starts again.
    pub(super) fn ignore_keys(&mut self) {
        self.digits = DigitBuffer::default();
        self.key_mode = KeyMode::Ignore;
        self.type_ahead = TypeAhead::default();
    }

    /// Keeps a key until the guidance starts. More keys than a call needs are all dropped.
    pub(super) fn keep(&mut self, key: Key) {
        if !self.type_ahead.push(key) {
            self.ignore_keys();
        }
    }

    /// Takes `key` as the `#` that may follow a password's last digit (`P7`); `false` if it is
    /// another key.
    pub(super) fn consumes_as_terminator(&mut self, key: Key, now: Instant) -> bool {
        let until = self.terminator_until.take();
        key == Key::Hash && until.is_some_and(|until| now <= until)
    }
}
