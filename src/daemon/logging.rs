//! Log lines on standard error, as text or as JSON.
//!
//! Other crates log at `info` and above, whatever the filter. Below `info` they quote secrets:
//! `tokio-postgres` its parameters, `tungstenite` its messages with keyed digits.

use std::fmt::{self, Debug};
use std::io::IsTerminal as _;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::Record;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{FilterExt as _, Targets, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{
    FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter, layer,
};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::clock;
use crate::config::{LogFormat, LogSettings};
use crate::logs::is_ours;
use crate::logs::text::{Fields, TextLine, has_colours};
use crate::traces::{self, Traces};

/// The text before a call's channel among the fields of its span.
const CHANNEL: &str = " channel=";

/// Starts logging, and traces if there are any, for the rest of the process.
///
/// # Errors
/// `log.filter` is invalid, or logging has started before.
pub(super) fn start(log: &LogSettings, traces: Option<&Traces>) -> anyhow::Result<()> {
    let filter: Targets = log.filter.parse()?;
    let filter = filter.and(filter_fn(is_logged).with_max_level_hint(LevelFilter::TRACE));
    let is_terminal = std::io::stderr().is_terminal();
    let registry = tracing_subscriber::registry().with(traces.map(Traces::layer));
    let is_text = match log.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if is_text {
        let colours = has_colours(is_terminal);
        registry.with(text(std::io::stderr, colours).with_filter(filter)).try_init()?;
    } else {
        registry.with(json(std::io::stderr).with_filter(filter)).try_init()?;
    }
    Ok(())
}

/// Writes lines for people.
fn text<S, W>(writer: W, colours: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    // Colours are ours; those of the library would stand among a span's fields.
    let lines = layer().with_writer(writer).with_ansi(false);
    lines.fmt_fields(SpanFields).event_format(TextFormat { colours })
}

/// Writes lines for programs.
fn json<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    layer().with_writer(writer).json().flatten_event(true).with_span_list(false)
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
        let call = around.split_once(CHANNEL).and_then(|(_, rest)| rest.split(' ').next());
        if call.is_none() {
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

/// A span's fields, as those of a line.
struct SpanFields;

impl<'writer> FormatFields<'writer> for SpanFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut recorded = Recorded::default();
        fields.record(&mut recorded);
        write!(writer, "{}", recorded.fields)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
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
            self.fields.push_text(field.name(), &format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing::{info, info_span, warn};

    use super::*;
    use crate::logs::json::JsonLine;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Buffer {
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    #[test]
    fn the_text_of_a_json_line_is_that_of_the_terminal() {
        let (terminal, journal) = <(Buffer, Buffer)>::default();
        let writers = [terminal.clone(), journal.clone()];
        let [for_people, for_programs] = writers.map(|buffer| move || buffer.clone());
        let registry = tracing_subscriber::registry();
        let registry = registry.with(text(for_people, false)).with(json(for_programs));
        tracing::subscriber::with_default(registry, || {
            let caller = tracing::field::Empty;
            info_span!("call", channel = "1764445532.7", pbx = "127.0.0.1:8088", caller).in_scope(
                || {
                    tracing::Span::current().record("caller", tracing::field::debug("x"));
                    info!(event = "ended", outcome = "hung up", duration_ms = 7, "call ended");
                    warn!(error = %"canceling statement: \"x\"", adopted = true, "could not store");
                },
            );
            info_span!("request", method = "POST", route = "/api/v1/login").in_scope(|| {
                info!(event = "login", login = ?"x", address = %"127.0.0.1", "login refused");
            });
            warn!(target: "hyper::proto", error = "connection reset", "a line of another crate");
            info!("ready");
        });
        // Each writer takes the time by itself.
        let without_time = |line: &String| line.splitn(3, ' ').last().unwrap().to_owned();
        let shown = journal.lines();
        let shown = shown.iter().map(|line| JsonLine::parse(line).unwrap().to_text(false));
        let shown: Vec<String> = shown.map(|line| without_time(&line)).collect();
        let written: Vec<String> = terminal.lines().iter().map(without_time).collect();
        assert_eq!(written.len(), 5, "{written:?}");
        assert_eq!(shown, written);
    }
}
