//! Secrets that people key or type: parsed once, never printed, wiped on drop.

use std::fmt;

use strum::{IntoStaticStr, VariantNames};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::common_passwords::CommonPasswords;
use crate::rules::{PASSWORD_LENGTH, TEMPORARY_PASSWORD_DIGITS};

/// A temporary password (仮パスワード): exactly 8 digits, set by phone (`P7`).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TemporaryPassword([u8; TEMPORARY_PASSWORD_DIGITS]);

/// The keyed digits are no temporary password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a temporary password of {TEMPORARY_PASSWORD_DIGITS} digits")]
pub struct InvalidTemporaryPassword;

impl TryFrom<&[u8]> for TemporaryPassword {
    type Error = InvalidTemporaryPassword;

    /// Parses ASCII digits.
    fn try_from(keyed: &[u8]) -> Result<Self, InvalidTemporaryPassword> {
        let digits: [u8; TEMPORARY_PASSWORD_DIGITS] =
            keyed.try_into().map_err(|_| InvalidTemporaryPassword)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(digits))
        } else {
            Err(InvalidTemporaryPassword)
        }
    }
}

impl TemporaryPassword {
    /// Whether both are equal, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The digits, for the hash alone.
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

/// A password exactly as submitted (`W3`), not yet verified.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SubmittedPassword(String);

impl From<String> for SubmittedPassword {
    fn from(typed: String) -> Self {
        Self(typed)
    }
}

impl SubmittedPassword {
    /// The bytes, for the hash alone.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SubmittedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubmittedPassword(…)")
    }
}

/// The result of verifying a submitted password against a stored hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification<Matched = ()> {
    /// It is the password.
    Match(Matched),
    /// It is another password, or there was no hash.
    Mismatch,
    /// The stored hash has an unknown key, or is damaged. Says why.
    Unverifiable(&'static str),
}

impl<Matched> Verification<Matched> {
    /// Whether it is the password.
    #[must_use]
    pub fn is_match(&self) -> bool {
        matches!(self, Self::Match(_))
    }

    /// The same with another value for a match.
    #[must_use]
    pub fn map<Other>(self, matched: impl FnOnce(Matched) -> Other) -> Verification<Other> {
        match self {
            Self::Match(value) => Verification::Match(matched(value)),
            Self::Mismatch => Verification::Mismatch,
            Self::Unverifiable(reason) => Verification::Unverifiable(reason),
        }
    }
}

/// Why a new password is refused (`C5`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Rejection {
    /// Fewer than 8 characters.
    TooShort,
    /// More than 12 characters.
    TooLong,
    /// It has a character other than half-width letters and digits.
    NotAlphanumeric,
    /// Nothing but digits.
    DigitsOnly,
    /// The two entries differ.
    NotSameTwice,
    /// It equals the current one.
    SameAsCurrent,
    /// Many people use it.
    TooCommon,
}

impl Rejection {
    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A password (パスワード) that may be set: 8 to 12 half-width letters and digits, not digits only
/// (`C5`).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct NewPassword(String);

impl NewPassword {
    /// Checks `new`, which replaces `current`. `confirmation` is the second entry of `new`, and
    /// `common` the passwords that are refused besides.
    ///
    /// # Errors
    /// Every reason against `new`, in the order of [`Rejection`]'s variants.
    pub fn check(
        current: &SubmittedPassword,
        new: &SubmittedPassword,
        confirmation: &SubmittedPassword,
        common: &CommonPasswords,
    ) -> Result<Self, Vec<Rejection>> {
        let characters = new.0.chars().count();
        let is_same = |other: &SubmittedPassword| bool::from(new.expose().ct_eq(other.expose()));
        let digits_only = !new.0.is_empty() && new.0.bytes().all(|byte| byte.is_ascii_digit());
        let against = [
            (Rejection::TooShort, characters < *PASSWORD_LENGTH.start()),
            (Rejection::TooLong, characters > *PASSWORD_LENGTH.end()),
            (Rejection::NotAlphanumeric, !new.0.bytes().all(|byte| byte.is_ascii_alphanumeric())),
            (Rejection::DigitsOnly, digits_only),
            (Rejection::NotSameTwice, !is_same(confirmation)),
            (Rejection::SameAsCurrent, is_same(current)),
            (Rejection::TooCommon, common.contains(new.expose())),
        ];
        let reasons: Vec<Rejection> =
            against.into_iter().filter_map(|(reason, holds)| holds.then_some(reason)).collect();
        if reasons.is_empty() { Ok(Self(new.0.clone())) } else { Err(reasons) }
    }

    /// The bytes, for the hash alone.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(…)")
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
    /// The string, for the credential's row and the verification alone.
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

    fn temporary(digits: &[u8]) -> Result<TemporaryPassword, InvalidTemporaryPassword> {
        TemporaryPassword::try_from(digits)
    }

    #[test]
    fn p7_exactly_eight_digits() {
        assert!(temporary(b"12345678").is_ok());
        for wrong in [&b"1234567"[..], b"123456789", b"1234567*", b""] {
            assert_eq!(temporary(wrong).err(), Some(InvalidTemporaryPassword));
        }
    }

    #[test]
    fn p8_two_entries_agree_only_if_every_digit_does() {
        let first = temporary(b"12345678").unwrap();
        assert!(first.matches(&temporary(b"12345678").unwrap()));
        assert!(!first.matches(&temporary(b"12345679").unwrap()));
    }

    fn check(current: &str, new: &str, again: &str) -> Result<NewPassword, Vec<Rejection>> {
        let typed = |text: &str| SubmittedPassword::from(text.to_owned());
        let common = CommonPasswords::from_lines(b"password1\n");
        NewPassword::check(&typed(current), &typed(new), &typed(again), &common)
    }

    #[test]
    fn c5_a_new_password_is_8_to_12_half_width_letters_and_digits_and_not_digits_only() {
        for good in ["abcdefgh", "1234567a", "abcdefghijkl", "ABCdef123456"] {
            assert_eq!(check("48151623", good, good).unwrap().expose(), good.as_bytes());
        }
        for (new, reason) in [
            ("abc1234", Rejection::TooShort),
            ("abcdefghijklm", Rejection::TooLong),
            ("abcd 1234", Rejection::NotAlphanumeric),
            ("abcd-1234", Rejection::NotAlphanumeric),
            ("ａｂｃｄ１２３４", Rejection::NotAlphanumeric),
            ("パスワード1234", Rejection::NotAlphanumeric),
            ("12345678", Rejection::DigitsOnly),
            ("123456789012", Rejection::DigitsOnly),
        ] {
            assert_eq!(check("48151623", new, new).unwrap_err(), [reason], "{new}");
        }
    }

    #[test]
    fn c5_a_new_password_is_entered_twice_alike_and_is_not_the_current_one() {
        let refused = |current, new, again| check(current, new, again).unwrap_err();
        assert_eq!(refused("48151623", "abcd1234", "abcd1235"), [Rejection::NotSameTwice]);
        assert_eq!(refused("48151623", "abcd1234", ""), [Rejection::NotSameTwice]);
        assert_eq!(refused("abcd1234", "abcd1234", "abcd1234"), [Rejection::SameAsCurrent]);
        assert!(check("ABCD1234", "abcd1234", "abcd1234").is_ok());
    }

    #[test]
    fn c5_a_new_password_is_none_that_the_operator_refuses_as_common() {
        let refused = |new| check("48151623", new, new).unwrap_err();
        assert_eq!(refused("password1"), [Rejection::TooCommon]);
        assert_eq!(refused("Password1"), [Rejection::TooCommon]);
        assert!(check("48151623", "password12", "password12").is_ok());
    }

    #[test]
    fn c5_every_reason_is_reported_at_once() {
        use Rejection::{
            DigitsOnly, NotAlphanumeric, NotSameTwice, SameAsCurrent, TooLong, TooShort,
        };
        let refused = |current, new, again| check(current, new, again).unwrap_err();
        assert_eq!(
            refused("1234", "1234", "12"),
            [TooShort, DigitsOnly, NotSameTwice, SameAsCurrent]
        );
        assert_eq!(
            refused("x", "パスワードパスワードパスワード", "x"),
            [TooLong, NotAlphanumeric, NotSameTwice]
        );
        assert_eq!(refused("x", "", ""), [TooShort]);
        assert_eq!(refused("", "", ""), [TooShort, SameAsCurrent]);
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!(
            "{:?} {:?} {:?} {:?}",
            temporary(b"12345678").unwrap(),
            SubmittedPassword::from("abc123xyz".to_owned()),
            check("", "abcd1234", "abcd1234").unwrap(),
            PhcString::from("$argon2id$".to_owned())
        );
        let hidden = "TemporaryPassword(…) SubmittedPassword(…) NewPassword(…) PhcString(…)";
        assert_eq!(shown, hidden);
    }
}
