//! Secrets that people key or type: parsed once, never shown, wiped on drop.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::rules::TEMPORARY_PASSWORD_DIGITS;

/// A temporary password (仮パスワード): exactly 8 digits, set by phone (`P7`).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TemporaryPassword([u8; TEMPORARY_PASSWORD_DIGITS]);

/// What was keyed is not a temporary password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a temporary password of {TEMPORARY_PASSWORD_DIGITS} digits")]
pub struct NotATemporaryPassword;

impl TryFrom<&[u8]> for TemporaryPassword {
    type Error = NotATemporaryPassword;

    /// Takes ASCII digits.
    fn try_from(keyed: &[u8]) -> Result<Self, NotATemporaryPassword> {
        let digits: [u8; TEMPORARY_PASSWORD_DIGITS] =
            keyed.try_into().map_err(|_| NotATemporaryPassword)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(digits))
        } else {
            Err(NotATemporaryPassword)
        }
    }
}

impl TemporaryPassword {
    /// Whether both are the same, in a time that does not tell where they differ.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The digits, for the hash and nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TemporaryPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TemporaryPassword(…)")
    }
}

/// A password exactly as typed at a login (`W3`), not yet known to be anyone's.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TypedPassword(String);

impl From<String> for TypedPassword {
    fn from(typed: String) -> Self {
        Self(typed)
    }
}

impl TypedPassword {
    /// The bytes, for the hash and nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for TypedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedPassword(…)")
    }
}

/// A stored hash as a PHC string (`C7`).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PhcString(String);

impl From<String> for PhcString {
    fn from(phc: String) -> Self {
        Self(phc)
    }
}

impl PhcString {
    /// The string, for the credential's row and the verification and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PhcString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhcString(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(digits: &[u8]) -> Result<TemporaryPassword, NotATemporaryPassword> {
        TemporaryPassword::try_from(digits)
    }

    #[test]
    fn p7_exactly_eight_digits() {
        assert!(temporary(b"12345678").is_ok());
        for wrong in [&b"1234567"[..], b"123456789", b"1234567*", b""] {
            assert_eq!(temporary(wrong).err(), Some(NotATemporaryPassword));
        }
    }

    #[test]
    fn p8_two_entries_agree_only_if_every_digit_does() {
        let first = temporary(b"12345678").unwrap();
        assert!(first.agrees_with(&temporary(b"12345678").unwrap()));
        assert!(!first.agrees_with(&temporary(b"12345679").unwrap()));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!(
            "{:?} {:?} {:?}",
            temporary(b"12345678").unwrap(),
            TypedPassword::from("abc123xyz".to_owned()),
            PhcString::from("$argon2id$".to_owned())
        );
        assert_eq!(shown, "TemporaryPassword(…) TypedPassword(…) PhcString(…)");
    }
}
