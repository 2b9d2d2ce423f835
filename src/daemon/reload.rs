//! `SIGHUP` reloads the certificate, the hash keys, and the passwords of ARI and PostgreSQL.
//!
//! It reloads all of them or none: a configuration with an error changes nothing. Calls, requests
//! and connections keep the values that they began with. Other settings apply at the next start.

use std::convert::Infallible;

use tokio::signal::unix::Signal;
use tracing::{error, info};

use crate::asterisk::Credentials;
use crate::config::{AriSettings, Config, ConfigErrors};
use crate::db::Db;
use crate::hashing::{Dummy, Hasher};
use crate::metrics::RELOADS;
use crate::web::{AppState, Handle};

/// Everything that can be replaced while the daemon serves.
pub(super) struct Reload<'a> {
    pub(super) read: &'a dyn Fn() -> Result<Config, ConfigErrors>,
    pub(super) hasher: &'a Hasher,
    /// The telephone line's and the site's.
    pub(super) dbs: [Db; 2],
    pub(super) asterisks: &'a [AriSettings],
    pub(super) credentials: Vec<Credentials>,
    pub(super) site: AppState,
    pub(super) listener: &'a Handle,
}

impl Reload<'_> {
    /// Reloads at each signal. Never returns.
    pub(super) async fn run(self, mut hang_up: Signal) -> Infallible {
        loop {
            hang_up.recv().await;
            let outcome = match self.replace() {
                Ok(()) => {
                    info!("reloaded certificate, keys and passwords");
                    "done"
                }
                Err(reason) => {
                    error!(%reason, "could not reload the configuration; nothing has changed");
                    "refused"
                }
            };
            metrics::counter!(RELOADS, "outcome" => outcome).increment(1);
        }
    }

    fn replace(&self) -> anyhow::Result<()> {
        let config = load_checked(self.read)?;
        anyhow::ensure!(
            config.ari.iter().map(place).eq(self.asterisks.iter().map(place)),
            "ari: a different Asterisk or application applies at the next start only"
        );
        for db in &self.dbs {
            db.replace_url(&config.database.url)?;
        }
        for (credentials, ari) in self.credentials.iter().zip(&config.ari) {
            credentials.replace(ari)?;
        }
        self.site.replace_keys(&config.hashing.keys);
        self.hasher.replace_keys(config.hashing.keys, &Dummy::draw(&mut rand::rng()))?;
        self.listener.reload_certificate();
        Ok(())
    }
}

/// Loads the configuration, and fails if other users can read its secrets.
pub(super) fn load_checked(
    read: &dyn Fn() -> Result<Config, ConfigErrors>,
) -> anyhow::Result<Config> {
    let config = read()?;
    let exposed = config.exposed_files();
    anyhow::ensure!(exposed.is_empty(), exposed.join("\n"));
    Ok(config)
}

fn place(ari: &AriSettings) -> (&str, &str) {
    (ari.url.as_str(), &ari.app)
}
