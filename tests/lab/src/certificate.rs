//! A self-signed certificate for loopback, kept between starts so that a browser asks once.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};

use crate::daemon::write_secret;
use crate::secret;

const LIFETIME: Duration = Duration::from_hours(24 * 3650);

/// Creates `certificate.pem` and `key.pem` in `folder` unless they exist.
pub fn keep_in(folder: &Path) -> Result<()> {
    if folder.join("certificate.pem").exists() && folder.join("key.pem").exists() {
        return Ok(());
    }
    make_in(folder, SystemTime::now() + LIFETIME)
}

/// Creates new ones in `folder`; the certificate ends at this time.
pub fn make_in(folder: &Path, ends: SystemTime) -> Result<()> {
    let mut parameters = parameters(&["localhost", "127.0.0.1", "::1"])?;
    parameters.not_after = date_time_ymd(1970, 1, 1) + ends.duration_since(UNIX_EPOCH)?;
    let key = KeyPair::generate()?;
    write(folder, &key, &parameters.self_signed(&key)?)
}

/// A private certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Creates an authority, and `ca.pem` in `folder`.
    pub fn make_in(folder: &Path) -> Result<Self> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, secret());
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        fs::write(folder.join("ca.pem"), parameters.self_signed(&key)?.pem())?;
        Ok(Self { issuer: Issuer::new(parameters, key) })
    }

    /// Creates `certificate.pem` and `key.pem` in `folder`, for these names and addresses.
    pub fn certify(&self, names: &[&str], folder: &Path) -> Result<()> {
        let key = KeyPair::generate()?;
        write(folder, &key, &parameters(names)?.signed_by(&key, &self.issuer)?)
    }
}

fn parameters(names: &[&str]) -> Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    Ok(CertificateParams::new(names)?)
}

fn write(folder: &Path, key: &KeyPair, certificate: &Certificate) -> Result<()> {
    write_secret(&folder.join("key.pem"), &key.serialize_pem())?;
    fs::write(folder.join("certificate.pem"), certificate.pem())?;
    Ok(())
}
