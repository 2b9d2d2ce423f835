//! What makes a value usable, beyond its form. The modules that use it know.

use std::path::Path;

use super::secret::Secret;

/// The checks of certificates, authorities and connection strings.
#[derive(Debug, Clone, Copy)]
pub struct Checks {
    /// Everything that is wrong with the files of a certificate and its key.
    pub certificate: fn(&Path, &Path) -> Vec<String>,
    /// Why the certificate authorities of a file cannot be used, or without a file the system's.
    pub authorities: fn(Option<&Path>) -> Result<(), String>,
    /// How a connection string encrypts, or why it cannot be used.
    pub connection_string: fn(&Secret) -> Result<Encryption, String>,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Always, or it does not leave this machine.
    Guaranteed,
    /// Perhaps not, and to another machine.
    Optional,
}
