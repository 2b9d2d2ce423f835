//! `[log]`: what is logged, and in which form.

use std::str::FromStr;

use tracing_subscriber::filter::Targets;

use super::load::Reader;
use super::value::ConfigValue;

/// What is logged, and in which form.
#[derive(Debug)]
pub struct LogSettings {
    /// A `tracing-subscriber` filter, such as `info` or `karipass=debug`.
    pub filter: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, and JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// None of `auto`, `text` and `json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a log format")]
pub struct UnknownLogFormat;

impl FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(text: &str) -> Result<Self, UnknownLogFormat> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(UnknownLogFormat),
        }
    }
}

impl ConfigValue for LogFormat {
    const DESCRIPTION: &str = "auto, text or json";
}

pub(super) fn read(reader: &mut Reader) -> Option<LogSettings> {
    let filter: Option<String> = reader.or_default("log.filter", "info");
    if filter.as_ref().is_some_and(|filter| filter.parse::<Targets>().is_err()) {
        reader.error("log.filter: not a filter such as info or karipass=debug");
    }
    let format = reader.or_default("log.format", "auto");
    Some(LogSettings { filter: filter?, format: format? })
}
