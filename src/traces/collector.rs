//! The collector, which takes spans over OTLP/HTTP.

use std::time::Duration;

use metrics::counter;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter as OtlpExporter, WithExportConfig as _,
    WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use reqwest::Client;
use tracing::{info, warn};
use url::Url;

use crate::config::TracingSettings;
use crate::metrics::SPANS_DROPPED;
use crate::tls;

/// How long one attempt to export a batch may take, and after how long no other begins.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Collector {
    exporter: OtlpExporter,
    endpoint: Url,
    /// The last batch was not taken, and the log says so.
    is_failing: bool,
}

/// The settings of the collector cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectorError {
    #[error("tracing.ca_file: {0}")]
    Tls(String),
    #[error("tracing.endpoint: {0}")]
    Client(reqwest::Error),
    #[error("tracing.endpoint: {0}")]
    Exporter(#[from] ExporterBuildError),
}

impl Collector {
    /// Prepares the export of spans that `resource` describes, without connecting.
    pub(super) fn new(
        settings: &TracingSettings,
        resource: &Resource,
    ) -> Result<Self, CollectorError> {
        let endpoint = settings.endpoint.clone();
        let mut exporter = OtlpExporter::builder()
            .with_http()
            .with_http_client(client(settings)?)
            .with_endpoint(traces_url(&endpoint))
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(EXPORT_TIMEOUT)
            .build()?;
        exporter.set_resource(resource);
        Ok(Self { exporter, endpoint, is_failing: false })
    }

    /// Exports spans, or drops and counts them. An outage is logged when it begins and when it
    /// ends.
    pub(super) async fn export(&mut self, spans: Vec<SpanData>) {
        let number = spans.len().try_into().unwrap_or(u64::MAX);
        let endpoint = self.endpoint.as_str();
        match self.exporter.export(spans).await {
            Ok(()) if self.is_failing => {
                self.is_failing = false;
                info!(event = "traces_exported", endpoint, "exporting traces again");
            }
            Ok(()) => {}
            Err(error) => {
                counter!(SPANS_DROPPED, "reason" => "not_taken").increment(number);
                if !self.is_failing {
                    self.is_failing = true;
                    warn!(
                        event = "traces_dropped",
                        endpoint,
                        %error,
                        "could not export traces; dropping them"
                    );
                }
            }
        }
    }
}

fn client(settings: &TracingSettings) -> Result<Client, CollectorError> {
    let tls = tls::client_for(&settings.endpoint, settings.ca_file.as_deref());
    let client = tls::http_client(EXPORT_TIMEOUT, tls.map_err(CollectorError::Tls)?);
    client.build().map_err(CollectorError::Client)
}

/// The collector's address for traces (OTLP 1.x, "OTLP/HTTP Request").
fn traces_url(endpoint: &Url) -> String {
    format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'))
}
