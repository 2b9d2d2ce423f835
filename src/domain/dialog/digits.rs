//! One entry: the keys that the caller has pressed in a step, and when they complete it.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Key;
use crate::phone_number::MAX_DIGITS;
use crate::rules::TEMPORARY_PASSWORD_DIGITS;

/// What completes an entry, besides silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Completion {
    /// Any one key (`P3`).
    OneKey,
    /// `#` (`P5`).
    UntilHash,
    /// The last digit of a temporary password, or `#` before it (`P7`).
    Password,
}

/// The digits of an entry; wiped on drop.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(super) struct DigitBuffer {
    digits: [u8; MAX_DIGITS],
    len: usize,
    invalid: bool,
}

impl DigitBuffer {
    /// Adds a key; `true` if it completes the entry.
    ///
    /// A key that cannot be right makes the entry invalid but does not end it. So one slip is one
    /// wrong entry, not two.
    pub(super) fn accept(&mut self, key: Key, completion: Completion) -> bool {
        match key {
            Key::Digit(digit) => self.push(digit),
            Key::Star | Key::Letter => self.invalid = true,
            Key::Hash => {}
        }
        match completion {
            Completion::OneKey => true,
            Completion::UntilHash => key == Key::Hash,
            Completion::Password => key == Key::Hash || self.len == TEMPORARY_PASSWORD_DIGITS,
        }
    }

    /// Whether no key has been accepted, apart from `#`.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0 && !self.invalid
    }

    /// How many digits the entry has.
    pub(super) fn count(&self) -> usize {
        self.len
    }

    /// The digits, unless the entry is invalid.
    pub(super) fn digits(&self) -> Option<&[u8]> {
        if self.invalid { None } else { self.digits.get(..self.len) }
    }

    fn push(&mut self, digit: u8) {
        match self.digits.get_mut(self.len) {
            Some(slot) => {
                *slot = digit;
                self.len += 1;
            }
            None => self.invalid = true,
        }
    }
}

impl fmt::Debug for DigitBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigitBuffer(…)")
    }
}
