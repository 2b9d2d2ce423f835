//! One database of the cluster, and the two roles that see it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tokio_postgres::Client;

/// A database; it stays until its cluster goes.
#[derive(Clone)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// The owner's connection string.
    pub owner_url: String,
    /// The daemon's connection string.
    pub daemon_url: String,
}

impl Database {
    /// A connection as the owner.
    pub async fn owner(&self) -> Result<Client> {
        super::connect(&self.owner_url).await
    }

    /// A connection as the daemon.
    pub async fn daemon(&self) -> Result<Client> {
        super::connect(&self.daemon_url).await
    }

    /// The binary `karipass` with variables that name this database, and no others.
    ///
    /// It ends with the thread that starts it: use [`crate::child::Child`] for a server.
    pub fn karipass(&self, karipass: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(karipass)
            .env_clear()
            .env("KARIPASS_DATABASE_URL", &self.daemon_url)
            .env("KARIPASS_DATABASE_OWNER_URL", &self.owner_url)
            .env("KARIPASS_ARI_USER", "karipass")
            .env("KARIPASS_ARI_PASSWORD", "unused")
            .env("KARIPASS_HASHING_KEYS", format!("lab {}=", "A".repeat(43)));
        command
    }

    /// The same database, with another beginning of its connection strings.
    pub(super) fn with_host(&self, host: impl Fn(&str) -> String) -> Self {
        let [owner_url, daemon_url] = [&self.owner_url, &self.daemon_url].map(|url| {
            let (old, rest) = url.split_once(' ').unwrap_or((url, ""));
            format!("{} {rest}", host(old))
        });
        Self { name: self.name.clone(), owner_url, daemon_url }
    }

    /// Brings it to the version of the binary `karipass`.
    pub fn migrate(&self, karipass: &Path) -> Result<()> {
        let output = self
            .karipass(karipass)
            .arg("migrate")
            .output()
            .with_context(|| format!("running {}", karipass.display()))?;
        if !output.status.success() {
            bail!("karipass migrate: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}
