//! The certificate of new connections (`W7`), reloaded when its files change.
//!
//! A connection keeps the certificate that it began with. New files are loaded once two polls in a
//! row have found the same content: their writer may be half done. If certificate and key do not
//! fit, the old certificate stays, and the log says so once.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use metrics::gauge;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use tokio::time::sleep;

use crate::config::SiteTls;
use crate::metrics::CERTIFICATE_NOT_AFTER;
use crate::tls::{CertificateFiles, Fingerprint, not_after};

/// The interval between two reads of the files.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The certificate in use.
#[derive(Debug)]
pub(super) struct CertificateReloader {
    tls: SiteTls,
    config: RustlsConfig,
    /// The files that were tried last; those in use, unless they cannot be used.
    tried: Mutex<Fingerprint>,
}

/// A certificate that can be used.
pub(super) struct UsableCertificate {
    config: Arc<ServerConfig>,
    /// When it ends, in seconds since 1970.
    not_after: Option<i64>,
    fingerprint: Fingerprint,
}

impl UsableCertificate {
    fn new(files: &CertificateFiles, tls: &SiteTls) -> Result<Self, Vec<String>> {
        let certified = files.certified_key(tls)?;
        let not_after = not_after(&certified);
        let config = server_config(certified)?;
        Ok(Self { config, not_after, fingerprint: files.fingerprint() })
    }

    /// Exports its end as a metric.
    fn record_end(&self) {
        if let Some(not_after) = self.not_after {
            #[expect(
                clippy::cast_precision_loss,
                reason = "seconds since 1970 are exact for ages"
            )]
            gauge!(CERTIFICATE_NOT_AFTER).set(not_after as f64);
        }
    }
}

impl CertificateReloader {
    /// Loads the current certificate; on error, returns everything that is wrong with its files.
    pub(super) fn load(tls: &SiteTls) -> Result<Self, Vec<String>> {
        let certificate = UsableCertificate::new(&CertificateFiles::read(tls), tls)?;
        certificate.record_end();
        Ok(Self {
            tls: tls.clone(),
            config: RustlsConfig::from_config(certificate.config),
            tried: Mutex::new(certificate.fingerprint),
        })
    }

    /// The configuration that new connections use.
    pub(super) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// The certificate that the files hold now; on error, everything that is wrong with them.
    pub(super) fn read(&self) -> Result<UsableCertificate, Vec<String>> {
        UsableCertificate::new(&CertificateFiles::read(&self.tls), &self.tls)
    }

    /// Uses a certificate for new connections.
    pub(super) fn replace(&self, certificate: UsableCertificate) {
        certificate.record_end();
        let mut tried = self.tried();
        if *tried != certificate.fingerprint {
            tracing::info!("loaded the new certificate for new connections");
        }
        *tried = certificate.fingerprint;
        self.config.reload_from_config(certificate.config);
    }

    /// Polls the files for ever.
    pub(super) async fn watch(&self) -> Infallible {
        let mut seen = *self.tried();
        loop {
            sleep(POLL_INTERVAL).await;
            let tls = self.tls.clone();
            let Ok(files) = tokio::task::spawn_blocking(move || CertificateFiles::read(&tls)).await
            else {
                continue;
            };
            let found = files.fingerprint();
            if found != *self.tried() && found == seen {
                self.try_reload(&files);
            }
            seen = found;
        }
    }

    fn try_reload(&self, files: &CertificateFiles) {
        match UsableCertificate::new(files, &self.tls) {
            Ok(certificate) => self.replace(certificate),
            Err(errors) => {
                *self.tried() = files.fingerprint();
                let reason = errors.join("; ");
                tracing::error!(reason, "could not load the new certificate; keeping the old one");
            }
        }
    }

    fn tried(&self) -> MutexGuard<'_, Fingerprint> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// TLS 1.2 and 1.3 with HTTP/1.1.
fn server_config(certified: CertifiedKey) -> Result<Arc<ServerConfig>, Vec<String>> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| vec![error.to_string()])?;
    let resolver = Arc::new(SingleCertAndKey::from(certified));
    let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
