//! One database of the cluster, and the two roles that see it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use tokio_postgres::Client;

use crate::child;

/// A database; it exists as long as its cluster.
#[derive(Debug, Clone)]
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
        let mut command = child::server("KILL", &[]);
        command
            .arg(karipass)
            .env_clear()
            .env("KARIPASS_DATABASE_URL", &self.daemon_url)
            .env("KARIPASS_DATABASE_OWNER_URL", &self.owner_url)
            .env("KARIPASS_ARI_USER", "karipass")
            .env("KARIPASS_ARI_PASSWORD", "unused")
            .env("KARIPASS_HASHING_KEYS", format!("lab {}=", "A".repeat(43)));
        command
    }

    /// The same database; after the present servers, the one with its socket in `folder` (another
    /// cluster's, a proxy's) is tried.
    #[must_use]
    pub fn or_at(&self, folder: &Path) -> Self {
        self.with_host(|host| format!("{host},{}", folder.display()))
    }

    /// The same database, only through the socket in `folder`.
    #[must_use]
    pub fn at(&self, folder: &Path) -> Self {
        self.with_host(|_| format!("host={}", folder.display()))
    }

    /// The same database over TCP: at this address, by this name, with these parameters added.
    #[must_use]
    pub fn over_tcp(&self, address: Ipv4Addr, name: &str, more: &str) -> Self {
        self.with_host(|_| format!("host={name} hostaddr={address} {more}"))
    }

    /// The same database, with another host in its connection strings.
    fn with_host(&self, host: impl Fn(&str) -> String) -> Self {
        let [owner_url, daemon_url] = [&self.owner_url, &self.daemon_url].map(|url| {
            let (old, rest) = url.split_once(' ').unwrap_or((url, ""));
            format!("{} {rest}", host(old))
        });
        Self { name: self.name.clone(), owner_url, daemon_url }
    }
}
