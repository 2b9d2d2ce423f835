//! One entry: the keys that the caller has pressed for the step at hand, and when they are enough.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Key;
use crate::phone_number::MAX_DIGITS;
use crate::rules::TEMPORARY_PASSWORD_DIGITS;

/// What completes an entry, silence apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Completion {
    /// Any one key (`P3`).
    OneKey,
    /// `#` (`P5`).
    UntilHash,
    /// The last digit of a temporary password, or `#` before it (`P7`).
    Password,
}

/// The digits keyed so far; wiped on drop.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(super) struct DigitBuffer {
    digits: [u8; MAX_DIGITS],
    len: usize,
    spoilt: bool,
}

impl DigitBuffer {
    /// Takes a key; whether the entry is complete with it.
    ///
    /// A key that cannot be right spoils the entry but does not end it, so that one slip is one
    /// wrong entry and not two.
    pub(super) fn key(&mut self, key: Key, shape: Completion) -> bool {
        match key {
            Key::Digit(digit) => self.push(digit),
            Key::Star | Key::Letter => self.spoilt = true,
            Key::Hash => {}
        }
        match shape {
            Completion::OneKey => true,
            Completion::UntilHash => key == Key::Hash,
            Completion::Password => key == Key::Hash || self.len == TEMPORARY_PASSWORD_DIGITS,
        }
    }

    /// The digits, unless something else was among them.
    pub(super) fn digits(&self) -> Option<&[u8]> {
        if self.spoilt { None } else { self.digits.get(..self.len) }
    }

    fn push(&mut self, digit: u8) {
        match self.digits.get_mut(self.len) {
            Some(slot) => {
                *slot = digit;
                self.len += 1;
            }
            None => self.spoilt = true,
        }
    }
}

impl fmt::Debug for DigitBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry(…)")
    }
}
