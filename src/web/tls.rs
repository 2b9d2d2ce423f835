//! The certificate of new connections (`W7`), reloaded when its files change.
//!
//! A connection keeps the certificate that it began with. New files are loaded once two polls in a
//! row have found the same content: their writer may be half done. If certificate and key do not
//! fit, the old certificate stays, and the log says so once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use metrics::gauge;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::config::SiteTls;
use crate::metrics::CERTIFICATE_NOT_AFTER;
use crate::tls::{CertificateFiles, Fingerprint, not_after};

/// The interval between two reads of the files.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The certificate in use.
pub(super) struct CertificateReloader {
    tls: SiteTls,
    config: RustlsConfig,
    current: Fingerprint,
}

impl CertificateReloader {
    /// Loads the current certificate; on error, returns everything that is wrong with its files.
    pub(super) fn load(tls: &SiteTls) -> Result<Self, Vec<String>> {
        let files = CertificateFiles::read(tls);
        let config = files.certified_key(tls).and_then(server_config)?;
        Ok(Self {
            tls: tls.clone(),
            config: RustlsConfig::from_config(config),
            current: files.fingerprint(),
        })
    }

    /// The configuration that new connections use.
    pub(super) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Polls the files for ever. A notification makes it read at once and use what it finds.
    pub(super) async fn watch(mut self, reload: Arc<Notify>) -> Infallible {
        let mut seen = self.current;
        loop {
            let is_requested = timeout(POLL_INTERVAL, reload.notified()).await.is_ok();
            let tls = self.tls.clone();
            let Ok(files) = tokio::task::spawn_blocking(move || CertificateFiles::read(&tls)).await
            else {
                continue;
            };
            let found = files.fingerprint();
            if found != self.current && (found == seen || is_requested) {
                self.current = found;
                self.try_reload(&files);
            }
            seen = found;
        }
    }

    fn try_reload(&self, files: &CertificateFiles) {
        match files.certified_key(&self.tls).and_then(server_config) {
            Ok(config) => {
                self.config.reload_from_config(config);
                tracing::info!("loaded the new certificate for new connections");
            }
            Err(errors) => {
                let reason = errors.join("; ");
                tracing::error!(reason, "could not load the new certificate; keeping the old one");
            }
        }
    }
}

/// TLS 1.2 and 1.3 with HTTP/1.1. Exports the certificate's end as a metric.
fn server_config(certified: CertifiedKey) -> Result<Arc<ServerConfig>, Vec<String>> {
    let not_after = not_after(&certified);
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| vec![error.to_string()])?;
    let resolver = Arc::new(SingleCertAndKey::from(certified));
    let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if let Some(not_after) = not_after {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact for ages")]
        gauge!(CERTIFICATE_NOT_AFTER).set(not_after as f64);
    }
    Ok(Arc::new(config))
}
