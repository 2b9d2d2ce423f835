//! Looks at a certificate and its key before anything starts.

use std::path::Path;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use super::Tls;

/// What is wrong with the two files, by key; the listener can use them if nothing is.
pub(super) fn mistakes(tls: &Tls) -> Vec<String> {
    let chain = chain(&tls.certificate)
        .map_err(|why| format!("site.certificate_file: {}: {why}", tls.certificate.display()));
    let key = key(&tls.key).map_err(|why| format!("site.key_file: {}: {why}", tls.key.display()));
    match (chain, key) {
        (Ok(chain), Ok(key)) => {
            match CertifiedKey::from_der(chain, key, &ring::default_provider()) {
                Ok(_) => Vec::new(),
                Err(rustls::Error::InconsistentKeys(_)) => {
                    vec!["site.key_file: not the key of site.certificate_file".to_owned()]
                }
                Err(_) => {
                    vec![format!("site.key_file: {}: not a usable key", tls.key.display())]
                }
            }
        }
        (chain, key) => chain.err().into_iter().chain(key.err()).collect(),
    }
}

/// The chain, whose leaf can be read.
fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| why(&error, "certificate"))?;
    let leaf = chain.first().ok_or_else(|| "no certificate in PEM".to_owned())?;
    ParsedCertificate::try_from(leaf).map_err(|_| "not a usable certificate".to_owned())?;
    Ok(chain)
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| why(&error, "private key"))
}

/// A reason that quotes nothing of the file.
fn why(error: &pem::Error, sought: &str) -> String {
    if let pem::Error::Io(error) = error {
        return error.to_string();
    }
    format!("no {sought} in PEM")
}
