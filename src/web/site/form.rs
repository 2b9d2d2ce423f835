//! A form's fields, exactly as typed and wiped on drop.
//!
//! Decoded here and not by the `form_urlencoded` crate, which leaves copies of passwords in memory
//! and turns bytes that are not UTF-8 into replacement characters.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use domain::password::SubmittedPassword;

pub(super) const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// The fields, each once.
pub struct Form {
    fields: BTreeMap<String, Zeroizing<String>>,
}

impl Form {
    /// A field's text; empty if it was not sent.
    pub fn text(&mut self, field: &str) -> String {
        self.fields.remove(field).map(|mut text| std::mem::take(&mut *text)).unwrap_or_default()
    }

    /// The same without taking it.
    pub(super) fn peek(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", |text| text.as_str())
    }

    /// A password exactly as typed (`W3`); `None` if the field is empty.
    pub fn password(&mut self, field: &str) -> Option<SubmittedPassword> {
        let typed = self.text(field);
        (!typed.is_empty()).then(|| SubmittedPassword::from(typed))
    }

    /// The passwords of all fields with this prefix, by the rest of the field's name. Empty fields
    /// are left out.
    pub fn passwords(&mut self, prefix: &str) -> Vec<(String, SubmittedPassword)> {
        let names = self.fields.keys().filter_map(|name| name.strip_prefix(prefix));
        let rests: Vec<String> = names.map(str::to_owned).collect();
        let typed = |rest: String| Some((rest.clone(), self.password(&format!("{prefix}{rest}"))?));
        rests.into_iter().filter_map(typed).collect()
    }

    /// The texts of all fields with this prefix, by the rest of the field's name.
    pub(super) fn texts(&mut self, prefix: &str) -> Vec<(String, String)> {
        let names = self.fields.keys().filter_map(|name| name.strip_prefix(prefix));
        let rests: Vec<String> = names.map(str::to_owned).collect();
        let text = |rest: String| (rest.clone(), self.text(&format!("{prefix}{rest}")));
        rests.into_iter().map(text).collect()
    }

    /// `None` unless every field is unique and UTF-8.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut fields = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut name = unescape(halves.next().unwrap_or_default())?;
            let value = unescape(halves.next().unwrap_or_default())?;
            if fields.insert(std::mem::take(&mut *name), value).is_some() {
                return None;
            }
        }
        Some(Self { fields })
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form(…)")
    }
}

/// Decodes `+` and `%xx`; a `%` before anything else stands for itself (URL Standard).
fn unescape(escaped: &[u8]) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(escaped.len()));
    let mut rest = escaped;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (*first, after) {
            (b'%', [high, low, after @ ..]) if let Some(byte) = byte(*high, *low) => {
                bytes.push(byte);
                rest = after;
            }
            (b'+', _) => bytes.push(b' '),
            (literal, _) => bytes.push(literal),
        }
    }
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).ok()
}

fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |hex: u8| char::from(hex).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w3_a_field_is_read_exactly_as_typed() {
        let mut form = Form::decode(b"a=%E3%81%82+b%2B&b=&c=x%3Dy=z%&&d").unwrap();
        assert_eq!(form.text("a"), "あ b+");
        assert!(form.password("b").is_none());
        assert_eq!(form.password("c").unwrap().expose(), b"x=y=z%");
        assert_eq!(form.text("d"), "");
        assert_eq!(form.text("e"), "");
    }

    #[test]
    fn a_field_that_is_there_twice_or_is_no_text_is_refused() {
        for wrong in [&b"a=1&a=1"[..], b"a=%ff", b"%ff=a", b"a=\xff"] {
            assert!(Form::decode(wrong).is_none(), "{wrong:?}");
        }
    }
}
