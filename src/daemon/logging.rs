//! Log lines on standard error, as text or as JSON.
//!
//! Other crates log at `info` and above, whatever the filter. Below `info` they quote secrets:
//! `tokio-postgres` its parameters, `tungstenite` its messages with keyed digits.

use std::fmt::{self, Debug};
use std::io::IsTerminal as _;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{FilterExt as _, Targets, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::clock;
use crate::config::{LogFormat, LogSettings};
use crate::logs::is_ours;
use crate::logs::text::{Fields, TextLine, has_colours};
use crate::traces::{self, Traces};

/// The text before a call's channel among the fields of its span.
const CHANNEL: &str = "channel=\"";

/// Starts logging, and traces if there are any, for the rest of the process.
///
/// # Errors
/// `log.filter` is invalid, or logging has started before.
pub(super) fn start(log: &LogSettings, traces: Option<&Traces>) -> anyhow::Result<()> {
    let filter: Targets = log.filter.parse()?;
    let filter = filter.and(filter_fn(is_logged).with_max_level_hint(LevelFilter::TRACE));
    let is_terminal = std::io::stderr().is_terminal();
    // Colours are ours; those of the library would stand among a span's fields.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(traces.map(Traces::layer));
    let is_text = match log.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if is_text {
        let colours = has_colours(is_terminal);
        registry.with(lines.event_format(TextFormat { colours }).with_filter(filter)).try_init()?;
    } else {
        let json = lines.json().flatten_event(true).with_span_list(false);
        registry.with(json.with_filter(filter)).try_init()?;
    }
    Ok(())
}

/// Whether a line or span is our own, or of a level at which other crates quote nothing. A line
/// names its call or request, not the part of it that is traced.
fn is_logged(line: &Metadata<'_>) -> bool {
    (is_ours(line.target()) || *line.level() <= Level::INFO) && !traces::is_stage(line)
}

/// Lines for people.
struct TextFormat {
    colours: bool,
}

impl<S, N> FormatEvent<S, N> for TextFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut recorded = Recorded::default();
        event.record(&mut recorded);
        let span = context.lookup_current();
        let extensions = span.as_ref().map(|span| span.extensions());
        let around = extensions.as_ref().and_then(|it| it.get::<FormattedFields<N>>());
        let around = around.map_or("", |fields| fields.fields.as_str());
        let call = around.split_once(CHANNEL).and_then(|(_, rest)| rest.split('"').next());
        if call.is_none() && !around.is_empty() {
            recorded.fields.push_all(around);
        }
        let target = event.metadata().target();
        if !is_ours(target) {
            recorded.fields.push_text("target", target);
        }
        let line = TextLine {
            time: clock::wall_clock(),
            level: *event.metadata().level(),
            call,
            message: &recorded.message,
            fields: &recorded.fields,
        };
        line.write(self.colours, &mut writer)?;
        writeln!(writer)
    }
}

/// The message and the fields of an event. The message says in words what `event` names.
#[derive(Default)]
struct Recorded {
    message: String,
    fields: Fields,
}

impl Visit for Recorded {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() != "event" && !field.name().starts_with("log.") {
            self.fields.push_text(field.name(), value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else if !field.name().starts_with("log.") {
            self.fields.push(field.name(), &format!("{value:?}"));
        }
    }
}
