//! The address of a server that the daemon asks over HTTP.

use std::path::Path;

use url::Url;

use super::checks::Checks;
use super::load::Reader;
use super::network::is_this_machine;

/// Refuses everything but HTTP, and clear text to another machine that nothing allows (`R`).
pub(super) fn check_scheme(
    reader: &mut Reader,
    section: &str,
    key: &str,
    url: &Url,
    insecure: Option<bool>,
) {
    match (url.scheme(), url.host_str().is_some_and(is_this_machine)) {
        ("http", false) if insecure == Some(false) => reader.error(format!(
            "{section}.{key}: the connection to another machine is not encrypted: \
             use an https:// address, or set {section}.insecure = true"
        )),
        ("http" | "https", _) => {}
        _ => reader.error(format!("{section}.{key}: not an http:// or https:// address")),
    }
}

/// Refuses certificate authorities that cannot be used, if the URL needs them.
pub(super) fn check_authorities(
    reader: &mut Reader,
    section: &str,
    url: &Url,
    ca_file: Option<&Path>,
    checks: &Checks,
) {
    if url.scheme() == "https"
        && let Err(error) = (checks.authorities)(ca_file)
    {
        reader.error(format!("{section}.ca_file: {error}"));
    }
}

/// Whether the URL has parts that logs must not show.
pub(super) fn has_other_parts(url: &Url) -> bool {
    let is_authorised = !url.username().is_empty() || url.password().is_some();
    is_authorised || url.query().is_some() || url.fragment().is_some()
}
