//! TLS: as a client of PostgreSQL, ARI (`R`) and the collector, and the site's certificate (`W7`).

mod certificate;
mod client;
mod http;

pub use certificate::{CertificateFiles, Fingerprint, not_after};
pub use client::{Verify, client};
pub(crate) use http::{client_for, http_client};
