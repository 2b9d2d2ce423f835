//! A self-signed certificate for loopback, kept from start to start so that a browser asks once.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::daemon::write_secret;

/// Makes `certificate.pem` and `key.pem` in `folder` unless they are there.
pub fn keep_in(folder: &Path) -> Result<()> {
    let (certificate_file, key_file) = (folder.join("certificate.pem"), folder.join("key.pem"));
    if certificate_file.exists() && key_file.exists() {
        return Ok(());
    }
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let made = rcgen::generate_simple_self_signed(names)?;
    write_secret(&key_file, &made.signing_key.serialize_pem())?;
    fs::write(certificate_file, made.cert.pem())?;
    Ok(())
}
