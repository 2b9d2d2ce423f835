//! Passwords that many people use, and that an operator refuses (`C5`).

use std::fmt;
use std::sync::Arc;

use crate::rules::PASSWORD_LENGTH;

/// The longest password.
const MAX_BYTES: usize = *PASSWORD_LENGTH.end();

/// A password in lower case, followed by zeros.
type Entry = [u8; MAX_BYTES];

/// A list of passwords in any case of their letters; cheap to clone. Without entries it refuses
/// nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CommonPasswords(Arc<[Entry]>);

impl CommonPasswords {
    /// Reads one password a line. Lines that `C5` would refuse in any case are skipped.
    #[must_use]
    pub fn from_lines(lines: &[u8]) -> Self {
        let lines = lines.split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut entries: Vec<Entry> = lines.filter_map(entry).collect();
        entries.sort_unstable();
        entries.dedup();
        Self(entries.into())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this password is one of them.
    #[must_use]
    pub fn contains(&self, password: &[u8]) -> bool {
        entry(password).is_some_and(|entry| self.0.binary_search(&entry).is_ok())
    }
}

/// The entry of a text that can be a password.
fn entry(text: &[u8]) -> Option<Entry> {
    let is_password = PASSWORD_LENGTH.contains(&text.len())
        && text.iter().all(u8::is_ascii_alphanumeric)
        && !text.iter().all(u8::is_ascii_digit);
    is_password.then(|| {
        let mut entry = [0; MAX_BYTES];
        for (place, byte) in entry.iter_mut().zip(text) {
            *place = byte.to_ascii_lowercase();
        }
        entry
    })
}

impl fmt::Debug for CommonPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommonPasswords({} of them)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c5_a_common_password_is_found_in_any_case_and_nothing_but_whole() {
        let list = CommonPasswords::from_lines(b"password1\r\nQWERTYuiop12\n\xff\xfe\nabc\n");
        for common in ["password1", "PassWord1", "qwertyuiop12"] {
            assert!(list.contains(common.as_bytes()), "{common}");
        }
        for other in ["password", "password11", "apassword1", "abc", "", "qwertyuiop1"] {
            assert!(!list.contains(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn c5_lines_that_can_be_no_password_are_skipped() {
        let list = CommonPasswords::from_lines(
            b"123456\n12345678\nletmein\npass word1\nletmein123456\nabcd1234\nABCD1234\nabcd1234",
        );
        assert_eq!(format!("{list:?}"), "CommonPasswords(1 of them)");
        assert!(CommonPasswords::from_lines(b"\n\n").is_empty());
        assert!(!CommonPasswords::default().contains(b"abcd1234"));
    }
}
