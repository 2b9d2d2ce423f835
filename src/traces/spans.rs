//! The spans that may leave this machine, with all their attributes.
//!
//! A span is exported only if it is listed here, and a field of it only if it has an attribute
//! here. So neither another crate's span nor a new field exports a secret by accident.

use opentelemetry::trace::{Link, SpanKind, Status, TraceId, TraceState};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{
    SamplingDecision, SamplingResult, ShouldSample, SpanData, SpanEvents, SpanLinks,
};
use tracing::Metadata;

use crate::logs::is_ours;

/// A span that is exported.
struct ExportedSpan {
    name: &'static str,
    kind: SpanKind,
    /// It begins a trace.
    is_root: bool,
    /// The attributes whose values are its exported name, instead of `name`.
    title: &'static [&'static str],
    /// The names of its fields, and of the attributes that these become. The latter are those of
    /// OpenTelemetry's semantic conventions where they have one.
    attributes: &'static [(&'static str, &'static str)],
}

const METHOD: &str = "http.request.method";
const ROUTE: &str = "http.route";
const OPERATION: &str = "db.operation.name";
const STEP: &str = "karipass.step";

const EXPORTED: [ExportedSpan; 6] = [
    ExportedSpan {
        name: "call",
        kind: SpanKind::Server,
        is_root: true,
        title: &[],
        attributes: &[
            ("channel", "karipass.channel"),
            ("pbx", "karipass.pbx"),
            ("caller", "karipass.caller"),
            ("outcome", "karipass.outcome"),
            ("unit", "karipass.unit"),
        ],
    },
    ExportedSpan {
        name: "step",
        kind: SpanKind::Internal,
        is_root: false,
        title: &[STEP],
        attributes: &[("step", STEP)],
    },
    ExportedSpan {
        name: "store",
        kind: SpanKind::Internal,
        is_root: false,
        title: &[],
        attributes: &[],
    },
    ExportedSpan {
        name: "request",
        kind: SpanKind::Server,
        is_root: true,
        title: &[METHOD, ROUTE],
        attributes: &[
            ("method", METHOD),
            ("route", ROUTE),
            ("status", "http.response.status_code"),
        ],
    },
    ExportedSpan {
        name: "hash",
        kind: SpanKind::Internal,
        is_root: false,
        title: &[],
        attributes: &[("pool", "karipass.pool")],
    },
    ExportedSpan {
        name: "transaction",
        kind: SpanKind::Client,
        is_root: false,
        title: &[OPERATION],
        attributes: &[("operation", OPERATION)],
    },
];

/// The routes of the operators' listener, which machines ask every few seconds.
const UNTRACED_ROUTES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// The methods that a client may choose from. Another one is a text of the client.
const METHODS: [&str; 9] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
const OTHER_METHOD: &str = "_OTHER";

fn find(name: &str) -> Option<&'static ExportedSpan> {
    EXPORTED.iter().find(|known| known.name == name)
}

/// Whether it is a span of this list.
pub(super) fn is_exported(span: &Metadata<'_>) -> bool {
    span.is_span() && is_ours(span.target()) && find(span.name()).is_some()
}

/// Whether it is a span of this list that is part of another one. Log lines name the outer one
/// alone.
pub(crate) fn is_stage(span: &Metadata<'_>) -> bool {
    is_exported(span) && find(span.name()).is_some_and(|known| !known.is_root)
}

/// The span as it is exported; `None` if it is not of this list.
pub(super) fn exported(mut span: SpanData) -> Option<SpanData> {
    let known = find(&span.name)?;
    let fields = std::mem::take(&mut span.attributes).into_iter();
    span.attributes = fields.filter_map(|field| attribute(known, field)).collect();
    let is_titled = |attribute: &&KeyValue| known.title.contains(&attribute.key.as_str());
    let title: Vec<_> =
        span.attributes.iter().filter(is_titled).map(|titled| titled.value.as_str()).collect();
    if !title.is_empty() {
        span.name = title.join(" ").into();
    }
    if known.kind == SpanKind::Client {
        span.attributes.push(KeyValue::new("db.system.name", "postgresql"));
    }
    span.span_kind = known.kind.clone();
    span.status = Status::Unset;
    (span.events, span.links) = (SpanEvents::default(), SpanLinks::default());
    Some(span)
}

fn attribute(known: &ExportedSpan, field: KeyValue) -> Option<KeyValue> {
    let (_, name) = known.attributes.iter().find(|(name, _)| *name == field.key.as_str())?;
    let is_other = *name == METHOD && !METHODS.contains(&field.value.as_str().as_ref());
    Some(KeyValue::new(*name, if is_other { Value::from(OTHER_METHOD) } else { field.value }))
}

/// Begins a trace with each call and each request of a subscriber, and with nothing else.
#[derive(Debug, Clone)]
pub(super) struct RootSampler;

impl ShouldSample for RootSampler {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        fields: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let is_untraced = |field: &KeyValue| {
            field.key.as_str() == "route" && UNTRACED_ROUTES.contains(&&*field.value.as_str())
        };
        let is_root = find(name).is_some_and(|known| known.is_root);
        let decision = if is_root && !fields.iter().any(is_untraced) {
            SamplingDecision::RecordAndSample
        } else {
            SamplingDecision::Drop
        };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::default() }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId};

    use super::*;

    fn ended(name: &'static str, fields: &[(&'static str, &'static str)]) -> SpanData {
        let fields = fields.iter().map(|(name, value)| KeyValue::new(*name, *value));
        let now = std::time::SystemTime::UNIX_EPOCH;
        SpanData {
            span_context: SpanContext::empty_context(),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: now,
            end_time: now,
            attributes: fields.collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::error("12345678"),
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    #[test]
    fn r_only_listed_spans_and_attributes_are_exported() {
        assert_eq!(exported(ended("password", &[("step", "menu")])), None);
        let fields = [("step", "menu"), ("password", "12345678"), ("caller", "0612345678")];
        let span = exported(ended("step", &fields)).unwrap();
        assert_eq!((span.name.as_ref(), &span.status), ("menu", &Status::Unset));
        assert_eq!(span.attributes, [KeyValue::new(STEP, "menu")]);
    }

    #[test]
    fn r_a_request_has_a_method_of_the_list_and_its_route() {
        for (sent, shown) in [("POST", "POST"), ("12345678", OTHER_METHOD)] {
            let fields = [("method", sent), ("route", "/api/v1/login")];
            let span = exported(ended("request", &fields)).unwrap();
            assert_eq!(span.name, format!("{shown} /api/v1/login"));
            assert_eq!(span.attributes[0], KeyValue::new(METHOD, shown));
            assert_eq!(span.span_kind, SpanKind::Server);
        }
    }
}
