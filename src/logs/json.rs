//! A line that the daemon wrote as JSON.

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::Level;

use super::is_ours;
use super::text::{Fields, TextLine};

/// The keys of a line that are not fields.
const NO_FIELDS: [&str; 6] = ["timestamp", "level", "message", "target", "event", "span"];

/// A parsed line.
#[derive(Debug)]
pub(crate) struct JsonLine {
    pub(crate) time: Timestamp,
    level: Level,
    line: Map<String, Value>,
}

impl JsonLine {
    /// `None` for a line that the daemon did not write.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let line: Map<String, Value> = serde_json::from_str(text).ok()?;
        let time = line.get("timestamp")?.as_str()?.parse().ok()?;
        let level = line.get("level")?.as_str()?.parse().ok()?;
        Some(Self { time, level, line })
    }

    /// A field of the line, or of the call or request that it belongs to.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.line.get(name).or_else(|| self.span()?.get(name))?.as_str()
    }

    /// The line as the daemon writes it to a terminal.
    pub(crate) fn to_text(&self, colours: bool) -> String {
        let mut fields = Fields::default();
        let own = self.line.iter().filter(|(name, _)| !NO_FIELDS.contains(&name.as_str()));
        push_all(&mut fields, own);
        let call = self.span().and_then(|span| span.get("channel")?.as_str());
        if let Some(span) = self.span().filter(|_| call.is_none()) {
            push_all(&mut fields, span.iter().filter(|(name, _)| *name != "name"));
        }
        let target = self.line.get("target").and_then(Value::as_str);
        if let Some(target) = target.filter(|target| !is_ours(target)) {
            fields.push_text("target", target);
        }
        let message = self.line.get("message").and_then(Value::as_str).unwrap_or_default();
        let (time, level) = (self.time, self.level);
        let line = TextLine { time, level, call, message, fields: &fields };
        let mut text = String::new();
        let _ = line.write(colours, &mut text); // writing to a String cannot fail
        text
    }

    fn span(&self) -> Option<&Map<String, Value>> {
        self.line.get("span")?.as_object()
    }
}

fn push_all<'a>(fields: &mut Fields, values: impl Iterator<Item = (&'a String, &'a Value)>) {
    for (name, value) in values {
        match value {
            Value::String(text) => fields.push_text(name, text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => fields.push(name, &value.to_string()),
        }
    }
}
