//! What the caller is being asked, and what has been keyed for it.

use std::time::Instant;

use super::Key;
use super::digits::DigitBuffer;
use super::step::{Step, Subscriber};
use super::type_ahead::TypeAhead;

/// What becomes of a key (`P12`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyMode {
    /// It counts: the guidance plays, or has played.
    Counts,
    /// It is kept until the guidance plays: it was keyed ahead.
    Waits,
    /// It is dropped: the guidance that asks for it has failed, or is a repetition.
    Drops,
}

/// One step of one caller, as far as it has come.
#[derive(Debug)]
pub(super) struct StepState {
    pub(super) subscriber: Subscriber,
    pub(super) step: Step,
    /// Wrong entries in this step, the password and its confirmation being one (`P10`).
    pub(super) wrong: u8,
    pub(super) entry: DigitBuffer,
    pub(super) hearing: KeyMode,
    /// A key that was pressed before does not count.
    pub(super) since: Option<Instant>,
    /// What was keyed before the guidance began.
    pub(super) ahead: TypeAhead,
    /// Until when a `#` belongs to the password before it (`P7`).
    pub(super) terminator_until: Option<Instant>,
}

impl StepState {
    pub(super) fn new(subscriber: Subscriber) -> Self {
        Self {
            subscriber,
            step: Step::Menu,
            wrong: 0,
            entry: DigitBuffer::default(),
            hearing: KeyMode::Waits,
            since: None,
            ahead: TypeAhead::default(),
            terminator_until: None,
        }
    }

    pub(super) fn enter(&mut self, step: Step) {
        self.step = step;
        self.entry = DigitBuffer::default();
        self.hearing = KeyMode::Waits;
        self.since = None;
    }

    /// The guidance begins: keys count from now on, and none that was pressed before an `invalid`.
    pub(super) fn hear(&mut self, now: Instant) {
        if self.hearing == KeyMode::Drops {
            self.since = Some(now);
        }
        self.hearing = KeyMode::Counts;
    }

    /// Nothing has been keyed, and nothing counts until the guidance begins again.
    pub(super) fn ignore_keys(&mut self) {
        self.entry = DigitBuffer::default();
        self.hearing = KeyMode::Drops;
        self.ahead = TypeAhead::default();
    }

    /// Keeps a key until the guidance begins. Of more keys than a call takes none is worth keeping.
    pub(super) fn keep(&mut self, key: Key) {
        if !self.ahead.push(key) {
            self.ignore_keys();
        }
    }

    /// Whether `key` is the `#` right behind a password's last digit (`P7`).
    pub(super) fn consumes_as_terminator(&mut self, key: Key, now: Instant) -> bool {
        let until = self.terminator_until.take();
        key == Key::Hash && until.is_some_and(|until| now <= until)
    }
}
