//! A certificate and its key: reading, checking, and naming their errors.

use std::path::Path;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use x509_parser::parse_x509_certificate;
use zeroize::Zeroizing;

use crate::config::SiteTls;

/// The contents of the two files, or why they could not be read.
#[derive(Debug)]
pub struct CertificateFiles {
    certificate: Result<Vec<u8>, String>,
    key: Result<PrivateKey, String>,
}

struct PrivateKey(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// Distinguishes the contents of the files, and reveals nothing about the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl CertificateFiles {
    /// Reads both files. It follows symbolic links each time.
    #[must_use]
    pub fn read(tls: &SiteTls) -> Self {
        let read = |file: &Path| std::fs::read(file).map_err(|error| error.to_string());
        Self {
            certificate: read(&tls.certificate),
            key: read(&tls.key).map(|bytes| PrivateKey(Zeroizing::new(bytes))),
        }
    }

    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let certificate = self.certificate.as_ref().map(Sha256::digest);
        let key = self.key.as_ref().map(|PrivateKey(bytes)| Sha256::digest(bytes.as_slice()));
        let mut both = Sha256::new();
        for file in [certificate, key] {
            match file {
                Ok(digest) => both.update(digest),
                Err(why) => both.update(Sha256::digest(why)),
            }
        }
        Fingerprint(both.finalize().into())
    }

    /// The chain with its key, fit for a listener.
    ///
    /// # Errors
    /// Everything that is wrong with the two files, with the setting's name and nothing of the
    /// contents.
    pub fn certified_key(&self, tls: &SiteTls) -> Result<CertifiedKey, Vec<String>> {
        let certificate = self.certificate.as_deref().map_err(Clone::clone);
        let chain = certificate
            .and_then(parse_chain)
            .map_err(|why| format!("site.certificate_file: {}: {why}", tls.certificate.display()));
        let key = self.key.as_ref().map_err(Clone::clone);
        let private_key = key
            .and_then(parse_key)
            .map_err(|why| format!("site.key_file: {}: {why}", tls.key.display()));
        let (chain, private_key) = match (chain, private_key) {
            (Ok(chain), Ok(private_key)) => (chain, private_key),
            (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
        };
        CertifiedKey::from_der(chain, private_key, &ring::default_provider()).map_err(|error| {
            vec![if let rustls::Error::InconsistentKeys(_) = error {
                "site.key_file: not the key of site.certificate_file".to_owned()
            } else {
                format!("site.key_file: {}: not a usable key", tls.key.display())
            }]
        })
    }
}

/// When a certificate's leaf expires, in seconds since 1970 (RFC 5280 §4.1.2.5).
#[must_use]
pub fn not_after(certified: &CertifiedKey) -> Option<i64> {
    let (_, leaf) = parse_x509_certificate(certified.end_entity_cert().ok()?).ok()?;
    Some(leaf.validity().not_after.timestamp())
}

/// The chain; its leaf can be parsed.
fn parse_chain(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(bytes).collect::<Result<_, _>>().map_err(no_certificate)?;
    let leaf = chain.first().ok_or_else(|| no_certificate(pem::Error::NoItemsFound))?;
    ParsedCertificate::try_from(leaf).map_err(|_| "not a usable certificate".to_owned())?;
    Ok(chain)
}

fn no_certificate(_: pem::Error) -> String {
    "no certificate in PEM".to_owned()
}

fn parse_key(PrivateKey(bytes): &PrivateKey) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| "no private key in PEM".to_owned())
}
