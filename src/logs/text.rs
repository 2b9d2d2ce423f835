//! One line of text: time, level, call, message and fields in columns. Each call has a colour.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::Level;

/// Wide enough for a channel's id, such as `1764445532.1234`.
const CALL_WIDTH: usize = 15;
const MESSAGE_WIDTH: usize = 14;

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
/// The foreground colours of calls, without the red and yellow of errors and warnings.
const CALL_COLOURS: [&str; 8] = [
    "\x1b[36m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[96m", "\x1b[92m", "\x1b[95m", "\x1b[94m",
];

/// Whether lines are coloured: on a terminal, unless `NO_COLOR` has a value.
pub(crate) fn has_colours(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The parts of a line.
pub(crate) struct TextLine<'a> {
    pub(crate) time: Timestamp,
    pub(crate) level: Level,
    /// The call that it belongs to, by its channel.
    pub(crate) call: Option<&'a str>,
    pub(crate) message: &'a str,
    pub(crate) fields: &'a Fields,
}

/// Fields as `name=value`, with a space in front of each.
#[derive(Debug, Default)]
pub(crate) struct Fields(String);

impl Fields {
    /// Adds a field. A text stands in quotes if it could be taken for something else.
    pub(crate) fn push_text(&mut self, name: &str, text: &str) {
        let is_plain = |letter: char| letter.is_ascii_graphic() && letter != '"' && letter != '=';
        if !text.is_empty() && text.chars().all(is_plain) {
            self.push(name, text);
        } else {
            self.push(name, &format!("{text:?}"));
        }
    }

    /// Adds a field whose value is shown as it is, except for control characters.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, " {name}={}", escaped(value));
    }

    /// Adds the fields of another.
    pub(crate) fn push_all(&mut self, fields: &str) {
        self.0.push_str(fields);
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TextLine<'_> {
    /// Writes the line, without the end of the line.
    pub(crate) fn write(&self, colours: bool, out: &mut dyn fmt::Write) -> fmt::Result {
        let local_time = self.time.to_zoned(TimeZone::system());
        let time = local_time.strftime("%Y-%m-%d %H:%M:%S%.3f");
        let (level, id, message) = (self.level, self.call.unwrap_or("-"), escaped(self.message));
        // Without fields nothing has to be aligned.
        let width = if self.fields.0.is_empty() { 0 } else { MESSAGE_WIDTH };
        let fields = &self.fields.0;
        if !colours {
            return write!(out, "{time} {level:>5} {id:<CALL_WIDTH$} {message:<width$}{fields}");
        }
        let (bold, colour) = (level_colour(level), self.call.map_or("", call_colour));
        write!(
            out,
            "{DIM}{time}{RESET} {bold}{level:>5}{RESET} \
             {colour}{id:<CALL_WIDTH$} {message:<width$}{RESET}{fields}"
        )
    }
}

/// The text on one line: a terminal must obey none of its control characters.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escape = |letter: char| {
        if letter.is_control() { letter.escape_default().to_string() } else { letter.to_string() }
    };
    Cow::Owned(text.chars().map(escape).collect())
}

fn level_colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[1;31m",
        Level::WARN => "\x1b[1;33m",
        Level::INFO => "",
        Level::DEBUG | Level::TRACE => DIM,
    }
}

/// Neighbouring calls differ in their last digits, and so in their colours.
fn call_colour(id: &str) -> &'static str {
    let sum = id.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    CALL_COLOURS.get(sum % CALL_COLOURS.len()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(call: Option<&str>, fields: &Fields, colours: bool) -> String {
        let time = "2026-11-29T03:04:05.678901Z".parse().unwrap();
        let line = TextLine { time, level: Level::INFO, call, message: "entry accepted", fields };
        let mut text = String::new();
        line.write(colours, &mut text).unwrap();
        text
    }

    #[test]
    fn every_line_has_its_columns_at_the_same_places() {
        let mut fields = Fields::default();
        fields.push_text("step", "menu");
        let (call, none) =
            (written(Some("1764445532.7"), &fields, false), written(None, &fields, false));
        assert_eq!(call.find("entry accepted"), none.find("entry accepted"));
        assert_eq!(call.find("step=menu"), none.find("step=menu"));
        assert!(written(None, &Fields::default(), false).ends_with("entry accepted"));
    }

    #[test]
    fn each_call_keeps_its_colour_and_neighbours_differ() {
        let fields = Fields::default();
        let colour = |call| {
            let text = written(Some(call), &fields, true);
            CALL_COLOURS.into_iter().find(|colour| text.contains(colour)).unwrap()
        };
        assert_eq!(colour("1764445532.7"), colour("1764445532.7"));
        assert_ne!(colour("1764445532.7"), colour("1764445532.8"));
    }

    #[test]
    fn a_text_cannot_pretend_to_be_another_field_or_line() {
        let mut fields = Fields::default();
        fields.push_text("a", "x caller=y");
        fields.push_text("b", "x\n\x1b[2J");
        fields.push_text("c", "");
        fields.push("d", "x\ny");
        assert_eq!(fields.0, r#" a="x caller=y" b="x\n\u{1b}[2J" c="" d=x\ny"#);
    }
}
