//! Traces by OpenTelemetry: one for each call and each request, sent to a collector over OTLP/HTTP
//! (`[tracing]`).
//!
//! ```text
//! a span ends ──▶ SpanQueue, bounded ──▶ thread `traces` ── spans::exported ──▶ Collector
//! ```
//! Ending a span never waits. Only the spans and attributes of [`spans`] leave this machine.

mod collector;
mod queue;
mod spans;

use std::io;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing::{Subscriber, warn};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::config::TracingSettings;
use collector::{Collector, CollectorError};
use queue::SpanQueue;
use spans::RootSampler;

pub(crate) use spans::is_stage;

/// How long the spans that are left may take at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
const SERVICE: &str = "karipass";

/// The export of traces, which runs until [`shut_down`](Self::shut_down).
pub(crate) struct Traces(SdkTracerProvider);

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TracesError {
    #[error(transparent)]
    Collector(#[from] CollectorError),
    #[error("could not start a thread for traces: {0}")]
    Thread(#[from] io::Error),
}

impl Traces {
    /// Starts the export to a collector, which need not be reachable. `instance` is this daemon's
    /// name among others.
    ///
    /// # Errors
    /// [`TracesError`] if the settings cannot be used, or there is no thread.
    pub(crate) fn start(settings: &TracingSettings, instance: String) -> Result<Self, TracesError> {
        let resource = Resource::builder_empty()
            .with_service_name(SERVICE)
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", instance),
            ])
            .build();
        let queue = SpanQueue::start(Collector::new(settings, &resource)?)?;
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(RootSampler)))
            .with_resource(resource)
            .with_span_processor(queue)
            .build();
        Ok(Self(provider))
    }

    /// Turns spans into traces. No event of the log is part of one.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let filter = filter_fn(spans::is_exported).with_max_level_hint(LevelFilter::INFO);
        OpenTelemetryLayer::new(self.0.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(filter)
    }

    /// Exports the spans that are left, and waits no longer than [`FLUSH_TIMEOUT`].
    pub(crate) fn shut_down(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_TIMEOUT) {
            warn!(%error, "could not export the last traces");
        }
    }
}
