//! What happened in a call, in order, for people to read.

use std::fmt;
use std::time::{Duration, Instant};

/// One line of a transcript.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When, from the placing of the call.
    pub after: Duration,
    /// What.
    pub what: What,
}

/// What a subscriber notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A sound began: its name, and whether it was heard to its end (none while it lasts).
    Heard(String, Option<bool>),
    /// Keys, with `•` for those of a password.
    Keyed(String),
    /// Answered, refused, or over, in words.
    Call(&'static str),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.2} s  ", self.after.as_secs_f64())?;
        match &self.what {
            What::Heard(name, None) => write!(f, "hears {name} …"),
            What::Heard(name, Some(true)) => write!(f, "hears {name}"),
            What::Heard(name, Some(false)) => write!(f, "hears {name}, in part"),
            What::Keyed(keys) => write!(f, "keys {keys}"),
            What::Call(what) => f.write_str(what),
        }
    }
}

/// Collects entries; they are put in order of time.
pub(super) struct Transcript {
    begin: Instant,
    entries: Vec<Entry>,
}

impl Transcript {
    pub(super) fn new(begin: Instant) -> Self {
        Self { begin, entries: Vec::new() }
    }

    pub(super) fn note(&mut self, at: Instant, what: What) {
        self.entries.push(Entry { after: at.saturating_duration_since(self.begin), what });
    }

    pub(super) fn in_order(mut self) -> Vec<Entry> {
        self.entries.sort_by_key(|entry| entry.after);
        self.entries
    }
}
