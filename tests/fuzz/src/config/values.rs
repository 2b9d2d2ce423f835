//! Values in lines `name = value` that differ from the words of an error.

use std::ops::Range;

/// The characters that end a value, or a part of one that might be quoted by itself.
const ENDS: &[char] = &['"', '\'', ',', '[', ']', '{', '}', '='];
/// No word of an error is this long and has a digit, except examples such as `192.0.2.1`.
const TELLING: usize = 8;

/// Their places in a text whose lines begin with names.
pub fn named(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let name = line.find('=').map_or(0, |equals| equals + 1);
        let has_inner_names = line.contains('{');
        for value in any(line) {
            let is_name = has_inner_names && line[value.end..].trim_start().starts_with('=');
            if !line.starts_with('[') && value.start >= name && !is_name {
                found.push(begin + value.start..begin + value.end);
            }
        }
        begin += line.len();
    }
    found
}

/// Their places in any text.
pub fn any(text: &str) -> Vec<Range<usize>> {
    let ends = |letter: char| letter.is_whitespace() || ENDS.contains(&letter);
    let mut found = Vec::new();
    let mut begin = 0;
    for piece in text.split_inclusive(ends) {
        let value = piece.trim_end_matches(ends);
        if value.len() >= TELLING && value.bytes().any(|byte| byte.is_ascii_digit()) {
            found.push(begin..begin + value.len());
        }
        begin += piece.len();
    }
    found
}

/// The same text with other digits wherever one of these places holds this value.
pub fn replaced(text: &str, places: &[Range<usize>], value: &str) -> String {
    let mut other = String::new();
    let mut begin = 0;
    for place in places.iter().filter(|place| text[(*place).clone()] == *value) {
        other.push_str(&text[begin..place.start]);
        other
            .extend(value.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter }));
        begin = place.end;
    }
    other + &text[begin..]
}
