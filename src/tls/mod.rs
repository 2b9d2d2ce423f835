//! TLS: as a client of PostgreSQL and ARI (`R`), and the site's certificate (`W7`).

mod certificate;
mod client;

pub use certificate::{CertificateFiles, Fingerprint, not_after};
pub use client::{Verify, client};
