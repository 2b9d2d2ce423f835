//! TLS to ARI (`R`).

use rustls::ClientConfig;

use crate::config::AriSettings;
use crate::tls::{self, Verify};

/// The settings for `https://`, or `None` for `http://`.
///
/// # Errors
/// Why the certificate authorities cannot be used.
pub(super) fn tls_client(ari: &AriSettings) -> Result<Option<ClientConfig>, String> {
    let is_encrypted = ari.url.scheme() == "https";
    let client = || tls::client(Verify::AuthorityAndName, ari.ca_file.as_deref());
    is_encrypted.then(client).transpose()
}
