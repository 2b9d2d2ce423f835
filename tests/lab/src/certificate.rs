//! A self-signed certificate for loopback, kept from start to start so that a browser asks once.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::daemon::write_secret;

/// Makes `certificate.pem` and `key.pem` in `folder` unless they are there.
pub fn keep_in(folder: &Path) -> Result<()> {
    if folder.join("certificate.pem").exists() && folder.join("key.pem").exists() {
        return Ok(());
    }
    write(folder, &for_loopback()?)
}

/// Makes both in `folder` anew; the certificate ends at a time.
pub fn make_in(folder: &Path, ends: SystemTime) -> Result<()> {
    let mut parameters = for_loopback()?;
    let since_1970: Duration = ends.duration_since(SystemTime::UNIX_EPOCH)?;
    parameters.not_after = date_time_ymd(1970, 1, 1) + since_1970;
    write(folder, &parameters)
}

fn for_loopback() -> Result<CertificateParams> {
    Ok(CertificateParams::new(["localhost", "127.0.0.1", "::1"].map(str::to_owned))?)
}

fn write(folder: &Path, parameters: &CertificateParams) -> Result<()> {
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    write_secret(&folder.join("key.pem"), &key.serialize_pem())?;
    fs::write(folder.join("certificate.pem"), certificate.pem())?;
    Ok(())
}
