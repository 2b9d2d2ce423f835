//! A self-signed certificate for loopback, kept from start to start so that a browser asks once.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};

use crate::daemon::write_secret;
use crate::secret;

/// Makes `certificate.pem` and `key.pem` in `folder` unless they are there.
pub fn keep_in(folder: &Path) -> Result<()> {
    if folder.join("certificate.pem").exists() && folder.join("key.pem").exists() {
        return Ok(());
    }
    self_signed(folder, &for_loopback()?)
}

/// Makes new ones in `folder`; the certificate ends at this time.
pub fn make_in(folder: &Path, ends: SystemTime) -> Result<()> {
    let mut parameters = for_loopback()?;
    let since_1970: Duration = ends.duration_since(SystemTime::UNIX_EPOCH)?;
    parameters.not_after = date_time_ymd(1970, 1, 1) + since_1970;
    self_signed(folder, &parameters)
}

/// A private certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one, and `ca.pem` in `folder`.
    pub fn make_in(folder: &Path) -> Result<Self> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, secret());
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        fs::write(folder.join("ca.pem"), parameters.self_signed(&key)?.pem())?;
        Ok(Self { issuer: Issuer::new(parameters, key) })
    }

    /// Makes `certificate.pem` and `key.pem` in `folder`, for these names and addresses.
    pub fn certify(&self, names: &[&str], folder: &Path) -> Result<()> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate()?;
        write(folder, &key, &CertificateParams::new(names)?.signed_by(&key, &self.issuer)?)
    }
}

fn for_loopback() -> Result<CertificateParams> {
    Ok(CertificateParams::new(["localhost", "127.0.0.1", "::1"].map(str::to_owned))?)
}

fn self_signed(folder: &Path, parameters: &CertificateParams) -> Result<()> {
    let key = KeyPair::generate()?;
    write(folder, &key, &parameters.self_signed(&key)?)
}

fn write(folder: &Path, key: &KeyPair, certificate: &Certificate) -> Result<()> {
    write_secret(&folder.join("key.pem"), &key.serialize_pem())?;
    fs::write(folder.join("certificate.pem"), certificate.pem())?;
    Ok(())
}
