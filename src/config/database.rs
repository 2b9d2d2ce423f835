//! `[database]`: how the daemon and the operator's commands reach PostgreSQL.

use std::path::Path;

use super::checks::{Checks, Encryption};
use super::load::{ConfigErrors, Reader};
use super::secret::Secret;

const DEFAULT_DATABASE_CONNECTIONS: usize = 8;
const MAX_DATABASE_CONNECTIONS: usize = 1000;

const URL: &str = "database.url";
const OWNER_URL: &str = "database.owner_url";
const INSECURE: &str = "database.insecure";

/// How to reach PostgreSQL.
#[derive(Debug)]
pub struct DatabaseSettings {
    /// The daemon's connection string.
    pub url: Secret,
    /// The owner's connection string, for `migrate`, `contracts` and `audit`.
    pub owner_url: Option<Secret>,
    /// The size of each of two pools: the telephone line's and the site's.
    pub max_connections: usize,
}

#[derive(Debug)]
pub struct OperatorConnection {
    pub url: Secret,
    /// Whether it is `database.owner_url` rather than `database.url`.
    pub is_owners: bool,
}

/// Loads the connection string for an operator's command: `database.owner_url`, or else
/// `database.url`.
///
/// # Errors
/// The errors in `[database]` and in the file's syntax.
pub fn load_for_operator(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
    checks: &Checks,
) -> Result<OperatorConnection, ConfigErrors> {
    let mut reader = Reader::new(file, variables);
    let insecure = reader.or_default(INSECURE, "false");
    let (key, url) = match reader.secret(OWNER_URL) {
        Some(url) => (OWNER_URL, Some(url)),
        None => (URL, reader.required_secret(URL)),
    };
    let url = url.and_then(|url| connection_string(&mut reader, key, url, insecure, checks));
    reader.ignore(&[URL, "database.url_file", "database.max_connections"]);
    reader
        .finish("database.", || Some(OperatorConnection { url: url?, is_owners: key == OWNER_URL }))
}

pub(super) fn read(reader: &mut Reader, checks: &Checks) -> Option<DatabaseSettings> {
    let insecure = reader.or_default(INSECURE, "false");
    let url = reader
        .required_secret(URL)
        .and_then(|url| connection_string(reader, URL, url, insecure, checks));
    let owner_url = reader
        .secret(OWNER_URL)
        .and_then(|url| connection_string(reader, OWNER_URL, url, insecure, checks));
    let max_connections = reader.count(
        "database.max_connections",
        DEFAULT_DATABASE_CONNECTIONS,
        MAX_DATABASE_CONNECTIONS,
    );
    Some(DatabaseSettings { url: url?, owner_url, max_connections: max_connections? })
}

/// Returns `url` if it is a usable connection string. `insecure` is the value of
/// `database.insecure`, or `None` if that is not valid.
fn connection_string(
    reader: &mut Reader,
    key: &str,
    url: Secret,
    insecure: Option<bool>,
    checks: &Checks,
) -> Option<Secret> {
    match (checks.connection_string)(&url) {
        Ok(Encryption::Optional) if insecure == Some(false) => {
            reader.error(format!(
                "{key}: the connection to another machine is not encrypted: add \
                 sslmode=verify-full (or require), or set database.insecure = true"
            ));
        }
        Ok(_) => return Some(url),
        Err(error) => reader.error(format!("{key}: {error}")),
    }
    None
}
