//! `SIGHUP` reloads the certificate, the hash keys, the passwords of ARI and PostgreSQL, and the
//! list of common passwords.
//!
//! It reloads all of them or none: everything is read and checked before anything is replaced.
//! Calls, requests and connections keep the values that they began with. Other settings apply at
//! the next start.

use std::convert::Infallible;

use anyhow::Context as _;
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
                    info!("reloaded certificate, keys, passwords and the list of common ones");
                    "done"
                }
                Err(reason) => {
                    let reason = format!("{reason:#}");
                    error!(reason, "could not reload the configuration; nothing has changed");
                    "refused"
                }
            };
            metrics::counter!(RELOADS, "outcome" => outcome).increment(1);
        }
    }

    /// Reads and checks everything first, so that an error leaves everything as it was.
    fn replace(&self) -> anyhow::Result<()> {
        for put_into_force in self.prepare()? {
            put_into_force();
        }
        Ok(())
    }

    fn prepare(&self) -> anyhow::Result<Vec<Box<dyn FnOnce() + '_>>> {
        let config = load_checked(self.read)?;
        anyhow::ensure!(
            config.ari.iter().map(place).eq(self.asterisks.iter().map(place)),
            "ari: a different Asterisk or application applies at the next start only"
        );
        let mut prepared: Vec<Box<dyn FnOnce() + '_>> = Vec::new();
        for db in &self.dbs {
            let url = db.prepare_url(&config.database.url).context("database.url")?;
            prepared.push(Box::new(url));
        }
        for (credentials, ari) in self.credentials.iter().zip(&config.ari) {
            let named = || format!("ari: {}", ari.url.authority());
            prepared.push(Box::new(credentials.prepare(ari).with_context(named)?));
        }
        prepared.push(Box::new(self.listener.prepare_certificate()?));
        let (keys, dummy) = (config.hashing.keys, Dummy::draw(&mut rand::rng()));
        let hashing = self.hasher.prepare_keys(keys.clone(), &dummy).context("hashing.keys")?;
        prepared.push(Box::new(hashing));
        prepared.push(Box::new(move || self.site.replace_keys(&keys)));
        let passwords = config.site.common_passwords;
        prepared.push(Box::new(move || self.site.replace_common_passwords(passwords)));
        Ok(prepared)
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
