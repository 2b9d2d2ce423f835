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
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut parameters = CertificateParams::new(names)?;
    parameters.not_after = date_time_ymd(1970, 1, 1) + ends.duration_since(UNIX_EPOCH)?;
    let key = KeyPair::generate()?;
    write(folder, &key, &parameters.self_signed(&key)?)
}

/// Creates a private authority's `ca.pem` in `folder`, and `certificate.pem` and `key.pem`, which
/// it has certified for these names and addresses.
pub fn certify_in(folder: &Path, names: &[&str]) -> Result<()> {
    let names: Vec<String> = names.iter().copied().map(str::to_owned).collect();
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, secret());
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    fs::write(folder.join("ca.pem"), authority.self_signed(&authority_key)?.pem())?;
    let (issuer, key) = (Issuer::new(authority, authority_key), KeyPair::generate()?);
    write(folder, &key, &CertificateParams::new(names)?.signed_by(&key, &issuer)?)
}

fn write(folder: &Path, key: &KeyPair, certificate: &Certificate) -> Result<()> {
    write_secret(&folder.join("key.pem"), &key.serialize_pem())?;
    fs::write(folder.join("certificate.pem"), certificate.pem())?;
    Ok(())
}
