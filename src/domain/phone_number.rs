//! A telephone number in national digits, parsed once where it enters.
//!
//! `Debug` masks it, so logs show the first six digits. [`PhoneNumber::as_str`] gives it whole.

use std::fmt;
use std::str::FromStr;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use crate::numbering_plan;

/// Digits of a national number, the leading `0` included.
pub const DIGITS: std::ops::RangeInclusive<usize> = 10..=11;
/// The most digits of a national number.
pub const MAX_DIGITS: usize = *DIGITS.end();
/// Japan's country code.
const COUNTRY_CODE: &str = "81";
/// The most digits that a person types: the country code and a national number.
const MAX_TYPED_DIGITS: usize = COUNTRY_CODE.len() + MAX_DIGITS;

/// A national number: `0`, an area or service code, 10 or 11 digits in all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber {
    digits: [u8; MAX_DIGITS],
    len: u8,
}

/// The text is no national number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a national telephone number of 10 or 11 digits with a leading 0")]
pub struct InvalidPhoneNumber;

impl FromStr for PhoneNumber {
    type Err = InvalidPhoneNumber;

    /// Parses national digits and nothing else: the form of the dialplan and the database (`P1`).
    fn from_str(text: &str) -> Result<Self, InvalidPhoneNumber> {
        let bytes = text.as_bytes();
        let national = DIGITS.contains(&bytes.len())
            && bytes.iter().all(u8::is_ascii_digit)
            && bytes.starts_with(b"0")
            && !bytes.starts_with(b"00");
        if !national {
            return Err(InvalidPhoneNumber);
        }
        let mut digits = [0; MAX_DIGITS];
        let mut len = 0;
        for (slot, byte) in digits.iter_mut().zip(bytes) {
            *slot = *byte;
            len += 1;
        }
        Ok(Self { digits, len })
    }
}

impl PhoneNumber {
    /// Parses what people type and their telephones fill in (`W3`, `W13`): half- or full-width
    /// digits, with separators and invisible characters anywhere.
    ///
    /// The country code `81` may stand in the place of the leading `0` or before it, with or
    /// without `+`. A number that begins with `8` is no national one, so no text is ambiguous.
    ///
    /// # Errors
    /// [`InvalidPhoneNumber`] for any other character, and if the digits are no Japanese number.
    pub fn from_typed(text: &str) -> Result<Self, InvalidPhoneNumber> {
        let mut digits = String::with_capacity(MAX_TYPED_DIGITS);
        let mut has_plus = false;
        for typed in text.chars() {
            match half_width(typed) {
                Some(digit) if digits.len() < MAX_TYPED_DIGITS => digits.push(digit),
                None if is_plus(typed) && digits.is_empty() && !has_plus => has_plus = true,
                None if is_separator(typed) => {}
                Some(_) | None => return Err(InvalidPhoneNumber),
            }
        }
        match digits.strip_prefix(COUNTRY_CODE) {
            Some(national) if national.starts_with('0') => national.parse(),
            Some(subscriber) => format!("0{subscriber}").parse(),
            None if has_plus => Err(InvalidPhoneNumber),
            None => digits.parse(),
        }
    }

    /// The digits, the leading `0` included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let digits = self.digits.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }

    /// The groups of the numbering plan: area code, exchange, subscriber number. One group, if the
    /// plan does not know the number.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        numbering_plan::groups(self.as_str()).unwrap_or_else(|| vec![self.as_str().to_owned()])
    }

    /// With hyphens between its groups: `06-6480-6430`.
    #[must_use]
    pub fn hyphenated(&self) -> String {
        self.groups().join("-")
    }
}

/// The half-width form of a half- or full-width digit.
fn half_width(typed: char) -> Option<char> {
    match typed {
        '0'..='9' => Some(typed),
        '０'..='９' => char::from_digit(u32::from(typed) - u32::from('０'), 10),
        _ => None,
    }
}

/// The plus sign before a country code.
fn is_plus(typed: char) -> bool {
    matches!(typed, '+' | '\u{fe62}' | '\u{ff0b}')
}

/// What stands between the groups of a number: dashes, brackets, spaces, invisible characters, and
/// the signs that keyboards give in their place.
fn is_separator(typed: char) -> bool {
    let by_category = matches!(
        typed.general_category(),
        GeneralCategory::DashPunctuation
            | GeneralCategory::OpenPunctuation
            | GeneralCategory::ClosePunctuation
            | GeneralCategory::Format
    );
    by_category || typed.is_whitespace() || is_stand_in(typed)
}

/// Minus signs, lines, long-vowel marks, tildes, dots and slashes.
fn is_stand_in(typed: char) -> bool {
    matches!(
        typed,
        '\u{2212}'
            | '\u{207b}'
            | '\u{208b}'
            | '\u{2043}'
            | '\u{2500}'
            | '\u{2501}'
            | 'ー'
            | 'ｰ'
            | '~'
            | '\u{223c}'
            | '～'
            | '.'
            | '．'
            | '。'
            | '｡'
            | '・'
            | '･'
            | '\u{b7}'
            | '\u{2022}'
            | '\u{2027}'
            | '/'
            | '／'
            | '\u{2044}'
            | '\u{2215}'
    )
}

impl fmt::Debug for PhoneNumber {
    /// The first six digits, the rest masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str().get(..6).unwrap_or_default())?;
        f.write_str("****")
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Every separator that the rule names, and some that are of its kind.
    const SEPARATORS: [char; 39] = [
        '-', '‐', '‑', '‒', '–', '—', '―', '−', '－', '﹣', '⁃', 'ー', 'ｰ', '〜', '～', '─', ' ',
        '\u{a0}', '\u{2009}', '\u{202f}', '\u{3000}', '\t', '\n', '(', ')', '（', '）', '[', '】',
        '.', '．', '・', '/', '／', '\u{200b}', '\u{200e}', '\u{202d}', '\u{2066}', '\u{feff}',
    ];

    #[test]
    fn w3_every_spelling_is_one_number() {
        let number: PhoneNumber = "0664806430".parse().unwrap();
        // As keyboards, spreadsheets and address books write it.
        for spelling in [
            "0664806430",
            "06-6480-6430",
            "０６６４８０６４３０",
            "０６－６４８０－６４３０",
            "０６－６４８０ー６４３０",
            " 06 6480 6430 ",
            "06ー6480ー6430",
            "06ｰ6480\u{2212}6430",
            "06\u{2010}6480\u{2015}6430\t",
            "\u{3000}０6\u{3000}6４80\u{3000}６430\u{3000}",
            "06‐6480−6430",
            "(06) 6480-6430",
            "（０６）６４８０－６４３０",
            "06.6480.6430",
            "06/6480/6430",
            "06\u{a0}6480\u{a0}6430",
            "\u{202d}06-6480-6430\u{202c}",
        ] {
            assert_eq!(PhoneNumber::from_typed(spelling), Ok(number), "{spelling}");
        }
    }

    #[test]
    fn w13_the_country_code_stands_for_the_leading_0_or_before_it() {
        for (national, spellings) in [
            (
                "0664806430",
                [
                    "+81664806430",
                    "+81 6-6480-6430",
                    "＋８１（０）６－６４８０－６４３０",
                    "81664806430",
                ],
            ),
            (
                "09012345678",
                ["(+81) 90-1234-5678", "+81(0)9012345678", "\u{200e}+819012345678", "819012345678"],
            ),
            // An area code that looks like the country code.
            ("0811234567", ["+81811234567", "081-123-4567", "81 81 123 4567", "+81 081 123 4567"]),
        ] {
            let number: PhoneNumber = national.parse().unwrap();
            for spelling in spellings {
                assert_eq!(PhoneNumber::from_typed(spelling), Ok(number), "{spelling}");
            }
        }
    }

    #[test]
    fn a_text_that_is_no_national_number_is_refused() {
        for wrong in [
            "",
            "-",
            "664806430",
            "0066480643",
            "066480643",
            "066480643012",
            "06648o6430",
            "00664806430",
            "06648064300000",
            "06一6480一6430",
            "٠٦٦٤٨٠٦٤٣٠",
            "0664806430;",
            "0664806430\u{0}",
            "066480+6430",
            "++81664806430",
            "+0664806430",
            "+82664806430",
            "+8166480643",
            "+8100664806430",
            "0081664806430",
            "01081664806430",
        ] {
            assert_eq!(wrong.parse::<PhoneNumber>(), Err(InvalidPhoneNumber), "{wrong}");
            assert_eq!(PhoneNumber::from_typed(wrong), Err(InvalidPhoneNumber), "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn w13_a_number_is_itself_however_it_is_written(
            national in "0[1-9][0-9]{8,9}",
            prefix in select(vec!["0", "81", "+81", "＋81", "810", "+810"]),
            full_width in vec(any::<bool>(), 16),
            separators in vec(vec(select(SEPARATORS.to_vec()), 0..3), 16),
        ) {
            let mut typed = String::new();
            let digits = format!("{prefix}{}", &national[1..]);
            for ((sign, is_wide), around) in digits.chars().zip(full_width).zip(separators) {
                let wide = sign.to_digit(10).and_then(|digit| {
                    char::from_u32(u32::from('０') + digit).filter(|_| is_wide)
                });
                typed.push(wide.unwrap_or(sign));
                typed.extend(around);
            }
            prop_assert_eq!(PhoneNumber::from_typed(&typed), national.parse());
        }

        #[test]
        fn w13_an_accepted_text_has_the_digits_of_its_number(typed in "\\PC{0,20}|[+０-９0-9 ()-]{0,20}") {
            if let Ok(number) = PhoneNumber::from_typed(&typed) {
                let digits: String = typed.chars().filter_map(half_width).collect();
                prop_assert!(digits.ends_with(&number.as_str()[1..]), "{}", typed);
                prop_assert!(["0", "81", "810"].contains(&&digits[..digits.len() + 1 - number.as_str().len()]), "{}", typed);
            }
        }
    }

    #[test]
    fn groups_follow_the_numbering_plan() {
        let groups = |text: &str| text.parse::<PhoneNumber>().unwrap().groups().join(" ");
        assert_eq!(groups("0664806430"), "06 6480 6430");
        assert_eq!(groups("0753211234"), "075 321 1234");
        assert_eq!(groups("0774201234"), "0774 20 1234");
        assert_eq!(groups("09012345678"), "090 1234 5678");
        assert_eq!(groups("05012345678"), "050 1234 5678");
    }

    #[test]
    fn debug_masks_the_number() {
        assert_eq!(format!("{:?}", "0612345678".parse::<PhoneNumber>().unwrap()), "061234****");
    }
}
