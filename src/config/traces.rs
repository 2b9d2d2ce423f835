//! `[tracing]`: where traces go.

use std::path::PathBuf;

use url::Url;

use super::checks::Checks;
use super::load::Reader;
use super::server_url;

/// The collector of traces.
#[derive(Debug)]
pub struct TracingSettings {
    /// The base URL of its OTLP/HTTP, such as `http://127.0.0.1:4318`.
    pub endpoint: Url,
    /// Certificate authorities in PEM. `None` means the system's.
    pub ca_file: Option<PathBuf>,
}

/// `None` if no traces are exported.
pub(super) fn read(reader: &mut Reader, checks: &Checks) -> Option<TracingSettings> {
    const SECTION: &str = "tracing";
    let endpoint: Option<Url> = reader.optional("tracing.endpoint");
    let insecure = reader.or_default("tracing.insecure", "false");
    let ca_file = reader.path("tracing.ca_file");
    let endpoint = endpoint?;
    server_url::check_scheme(reader, SECTION, "endpoint", &endpoint, insecure);
    if server_url::has_other_parts(&endpoint) {
        reader.error("tracing.endpoint: must not contain user, password, query or fragment");
    }
    server_url::check_authorities(reader, SECTION, &endpoint, ca_file.as_deref(), checks);
    Some(TracingSettings { endpoint, ca_file })
}
