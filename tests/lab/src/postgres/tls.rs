//! A cluster that demands TLS of every client over TCP.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::PoisonError;

use anyhow::Result;

use super::{Database, Postgres, Shutdown};

/// Who may come: over the Unix socket as before, over TCP with TLS alone.
const HBA: &str = "local all all scram-sha-256\nhostssl all all 127.0.0.0/8 scram-sha-256\n";

impl Postgres {
    /// Has it listen on an address of loopback too, with the certificate and key of `folder`;
    /// starts it again.
    ///
    /// The address is nobody else's, since the port is the one in the socket's name.
    pub fn demand_tls(&self, folder: &Path) -> Result<Ipv4Addr> {
        self.stop(Shutdown::Fast)?;
        for file in ["certificate.pem", "key.pem"] {
            self.write(file, &fs::read_to_string(folder.join(file))?)?;
        }
        self.write("pg_hba.conf", HBA)?;
        let address = Ipv4Addr::new(127, 77, rand::random(), rand::random_range(1..255));
        let tls = ["ssl=on", "ssl_cert_file=certificate.pem", "ssl_key_file=key.pem"];
        let mut settings = vec![format!("listen_addresses={address}")];
        settings.extend(tls.map(str::to_owned));
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.start()?;
        Ok(address)
    }
}

impl Database {
    /// The same database over TCP: at this address, by this name, with these words added.
    #[must_use]
    pub fn over_tcp(&self, address: Ipv4Addr, name: &str, more: &str) -> Self {
        self.with_host(|_| format!("host={name} hostaddr={address} {more}"))
    }
}
