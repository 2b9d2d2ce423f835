//! HTTP and TLS as a client: to ARI (`R`) and to the collector of traces.

use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, retry};
use rustls::ClientConfig;
use rustls::crypto::ring;
use url::Url;

use super::client::{Verify, client};

/// The settings for `https://`, or `None` for `http://`.
///
/// # Errors
/// Why the certificate authorities cannot be used.
pub(crate) fn client_for(
    url: &Url,
    ca_file: Option<&Path>,
) -> Result<Option<ClientConfig>, String> {
    let is_encrypted = url.scheme() == "https";
    is_encrypted.then(|| client(Verify::AuthorityAndName, ca_file)).transpose()
}

/// A client that goes straight to its server, and neither repeats a request nor follows a
/// redirection. It is encrypted with these settings, or not at all.
pub(crate) fn http_client(timeout: Duration, tls: Option<ClientConfig>) -> ClientBuilder {
    // A client with TLS support needs a provider even if it never uses TLS.
    let _ = ring::default_provider().install_default(); // another one will do
    let client = Client::builder()
        .no_proxy()
        .retry(retry::never())
        .http1_only()
        .timeout(timeout)
        .redirect(Policy::none());
    match tls {
        Some(tls) => client.tls_backend_preconfigured(tls),
        None => client,
    }
}
