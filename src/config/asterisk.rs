//! `[ari]`: how to reach each Asterisk.

use std::path::PathBuf;

use url::Url;

use super::checks::Checks;
use super::load::Reader;
use super::secret::Secret;
use super::server_url;

/// How to reach ARI.
#[derive(Debug)]
pub struct AriSettings {
    /// The base URL of the HTTP server, such as `http://127.0.0.1:8088`.
    pub url: Url,
    /// The Stasis application, one of the dialplan's `KARIPASS_APPS`.
    pub app: String,
    /// The user of `ari.conf`.
    pub user: String,
    /// The password of that user in `ari.conf`.
    pub password: Secret,
    /// Certificate authorities in PEM. `None` means the system's.
    pub ca_file: Option<PathBuf>,
    /// The folder of the guidance (`…/sounds/ja/karipass`), if this machine can read it.
    pub sounds_dir: Option<PathBuf>,
    /// The folder of Asterisk's configuration (`/etc/asterisk`), for `karipass check`.
    pub config_dir: Option<PathBuf>,
}

/// `[ari]`, or each `[[ari]]`.
pub(super) fn read(reader: &mut Reader, checks: &Checks) -> Option<Vec<AriSettings>> {
    let tables = reader.tables("ari");
    let asterisks: Vec<Option<AriSettings>> =
        tables.iter().map(|table| ari(reader, table, checks)).collect();
    let asterisks = asterisks.into_iter().collect::<Option<Vec<AriSettings>>>()?;
    for (place, ari) in asterisks.iter().enumerate() {
        let is_same = |other: &AriSettings| other.url == ari.url && other.app == ari.app;
        if asterisks.iter().take(place).any(is_same) {
            let table = tables.get(place)?;
            reader.error(format!("{table}.url: a duplicate of an Asterisk and application above"));
        }
    }
    Some(asterisks)
}

fn ari(reader: &mut Reader, table: &str, checks: &Checks) -> Option<AriSettings> {
    let key = |name: &str| format!("{table}.{name}");
    let url: Option<Url> = reader.or_default(&key("url"), "http://127.0.0.1:8088");
    let insecure = reader.or_default(&key("insecure"), "false");
    if let Some(url) = &url {
        server_url::check_scheme(reader, table, "url", url, insecure);
    }
    if url.as_ref().is_some_and(server_url::has_other_parts) {
        reader.error(format!(
            "{table}.url: must not contain user, password, query or fragment: use {table}.user and \
             {table}.password"
        ));
    }
    let app = reader.or_default(&key("app"), "karipass");
    let user = reader.required(&key("user"));
    let password = reader.required_secret(&key("password"));
    let ca_file = reader.path(&key("ca_file"));
    let sounds_dir = reader.path(&key("sounds_dir"));
    let config_dir = reader.path(&key("config_dir"));
    let ari = AriSettings {
        url: url?,
        app: app?,
        user: user?,
        password: password?,
        ca_file,
        sounds_dir,
        config_dir,
    };
    server_url::check_authorities(reader, table, &ari.url, ari.ca_file.as_deref(), checks);
    Some(ari)
}
