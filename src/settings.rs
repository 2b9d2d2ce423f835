//! Loads the configuration. Certificates, authorities and connection strings are checked by the
//! modules that use them.

use std::path::Path;

use crate::config::{self, Checks, Config, ConfigErrors, OperatorConnection, SiteTls};
use crate::db;
use crate::tls::{self, CertificateFiles, Verify};

/// How the modules that use a value check it.
pub(crate) const CHECKS: Checks =
    Checks { certificate, authorities, connection_string: db::check_connection_string };

/// Loads the whole configuration; see [`config::load`].
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigErrors> {
    config::load(file, variables, &CHECKS)
}

/// Loads what an operator's command needs; see [`config::load_for_operator`].
///
/// # Errors
/// What is wrong with `[database]` and with the file's syntax.
pub fn load_for_operator(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<OperatorConnection, ConfigErrors> {
    config::load_for_operator(file, variables, &CHECKS)
}

fn certificate(certificate: &Path, key: &Path) -> Vec<String> {
    let tls = SiteTls { certificate: certificate.to_owned(), key: key.to_owned() };
    CertificateFiles::read(&tls).certified_key(&tls).err().unwrap_or_default()
}

fn authorities(ca_file: Option<&Path>) -> Result<(), String> {
    tls::client(Verify::AuthorityAndName, ca_file).map(drop)
}
