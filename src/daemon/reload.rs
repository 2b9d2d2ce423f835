//! What `SIGHUP` has the daemon read again: certificate, hash keys, and the passwords of ARI and
//! PostgreSQL.
//!
//! All of it or nothing: a configuration with a mistake changes nothing. What is under way goes on
//! with what it began with. Other settings are taken at the next start.

use std::convert::Infallible;

use tokio::signal::unix::Signal;
use tracing::{error, info};

use crate::asterisk::Credentials;
use crate::config::{Ari, Config, ConfigErrors};
use crate::db::Db;
use crate::hashing::{Dummy, Hasher};
use crate::web::{AppState, Handle};

/// What can be replaced while the daemon serves.
pub(super) struct Reload<'a> {
    pub(super) read: &'a dyn Fn() -> Result<Config, ConfigErrors>,
    pub(super) hasher: &'a Hasher,
    /// The line's and the site's.
    pub(super) stores: [Db; 2],
    /// The Asterisks, and as whom each is spoken to.
    pub(super) asterisks: &'a [Ari],
    pub(super) credentials: Vec<Credentials>,
    pub(super) site: AppState,
    pub(super) listener: &'a Handle,
}

impl Reload<'_> {
    /// Reads again at each signal, for ever.
    pub(super) async fn run(self, mut hang_up: Signal) -> Infallible {
        loop {
            hang_up.recv().await;
            let outcome = match self.replace() {
                Ok(()) => {
                    info!("certificate, keys and passwords were read again");
                    "done"
                }
                Err(reason) => {
                    error!(%reason, "nothing was read again; all stays as it was");
                    "refused"
                }
            };
            metrics::counter!("karipass_reloads_total", "outcome" => outcome).increment(1);
        }
    }

    fn replace(&self) -> anyhow::Result<()> {
        let config = super::load_checked(self.read)?;
        anyhow::ensure!(
            config.ari.iter().map(place).eq(self.asterisks.iter().map(place)),
            "ari: another Asterisk or application is taken at the next start"
        );
        for store in &self.stores {
            store.replace_url(&config.database.url)?;
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

/// Which Asterisk and application it is.
fn place(ari: &Ari) -> (&str, &str) {
    (ari.url.as_str(), &ari.app)
}
