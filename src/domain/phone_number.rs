//! A telephone number in national digits, parsed once where it enters.
//!
//! `Debug` masks it, so logs show the first six digits. [`PhoneNumber::as_str`] gives it whole.

use std::fmt;
use std::str::FromStr;

use phonenumber::{Mode, country};

/// Digits of a national number, the leading `0` included.
const DIGITS: std::ops::RangeInclusive<usize> = 10..=11;
/// The most digits of a national number.
pub const MAX_DIGITS: usize = *DIGITS.end();

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
    /// Parses what a person types: half- or full-width digits, with hyphens and spaces anywhere
    /// (`W3`).
    ///
    /// # Errors
    /// [`InvalidPhoneNumber`] for any other character, and if the digits are no national number.
    pub fn from_typed(text: &str) -> Result<Self, InvalidPhoneNumber> {
        let mut national = String::with_capacity(MAX_DIGITS);
        for typed in text.trim().chars() {
            match half_width(typed) {
                Some(digit) if national.len() < MAX_DIGITS => national.push(digit),
                None if is_separator(typed) => {}
                Some(_) | None => return Err(InvalidPhoneNumber),
            }
        }
        national.parse()
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
        let formatted = phonenumber::parse(Some(country::JP), self.as_str())
            .map(|number| number.format().mode(Mode::National).to_string())
            .unwrap_or_default();
        let groups: Vec<String> = formatted.split('-').map(str::to_owned).collect();
        if groups.concat() == self.as_str() { groups } else { vec![self.as_str().to_owned()] }
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

/// The hyphens, dashes, long-vowel marks and spaces that keyboards put between groups.
fn is_separator(typed: char) -> bool {
    matches!(
        typed,
        '-' | ' ' | '\u{3000}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | 'ー' | '－' | 'ｰ'
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
    use super::*;

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
        ] {
            assert_eq!(PhoneNumber::from_typed(spelling), Ok(number), "{spelling}");
        }
    }

    #[test]
    fn what_is_no_national_number_is_refused() {
        for wrong in [
            "",
            "664806430",
            "0066480643",
            "066480643",
            "066480643012",
            "06648o6430",
            "+81664806430",
            "0081664806430",
            "81664806430",
            "00664806430",
            "06648064300000",
            "(06)64806430",
            "06.6480.6430",
            "06/6480/6430",
            "٠٦٦٤٨٠٦٤٣٠",
            "0664806430;",
            "0664806430\u{0}",
            "0664806430\u{200b}",
        ] {
            assert_eq!(wrong.parse::<PhoneNumber>(), Err(InvalidPhoneNumber), "{wrong}");
            assert_eq!(PhoneNumber::from_typed(wrong), Err(InvalidPhoneNumber), "{wrong}");
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
