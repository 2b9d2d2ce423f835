//! `[site]`: the subscribers' listener.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use super::checks::Checks;
use super::common_passwords;
use super::identity::{self, SiteIdentity};
use super::load::Reader;
use super::network::Network;
use domain::common_passwords::CommonPasswords;
use domain::phone_number::PhoneNumber;
use domain::rules;

const DEFAULT_MAX_CONNECTIONS: usize = 4096;
const DEFAULT_MAX_CONNECTIONS_PER_ADDRESS: usize = 128;
/// New connections per minute from one address.
const DEFAULT_CONNECTION_RATE: u32 = 600;
/// TLS handshakes per minute with one address.
const DEFAULT_HANDSHAKE_RATE: u32 = 300;
/// Few systems grant a process more open files.
const MAX_SITE_CONNECTIONS: usize = 65_536;

/// The subscribers' listener.
#[derive(Debug)]
pub struct SiteSettings {
    /// The address to bind to.
    pub listen: SocketAddr,
    /// Certificate and key. Without them the site uses plain HTTP on loopback only (`W7`).
    pub tls: Option<SiteTls>,
    /// Whether HSTS includes the site's subdomains.
    pub hsts_subdomains: bool,
    /// Whose site it is (`W10`).
    pub identity: SiteIdentity,
    /// The set-up number that a failed login shows (`W2`).
    pub set_up_number: PhoneNumber,
    /// Passwords that are refused as too common (`C5`).
    pub common_passwords: CommonPasswords,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<Network>,
    /// How many connections the site accepts at once.
    pub max_connections: usize,
    /// How many of them one address (IPv6: one /56) may have, unless it is a trusted proxy.
    pub max_connections_per_address: usize,
    /// New connections per minute from one address, or `None` for `off`.
    pub connection_rate: Option<NonZeroU32>,
    /// TLS handshakes per minute with one address, or `None` for `off`.
    pub handshake_rate: Option<NonZeroU32>,
}

/// The files of a certificate, in PEM.
#[derive(Debug, Clone)]
pub struct SiteTls {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

pub(super) fn read(reader: &mut Reader, checks: &Checks) -> Option<SiteSettings> {
    let listen: Option<SocketAddr> = reader.or_default("site.listen", "127.0.0.1:8443");
    let tls = match (reader.path("site.certificate_file"), reader.path("site.key_file")) {
        (Some(certificate), Some(key)) => {
            reader.record_secret_file("site.key_file", &key);
            let tls = SiteTls { certificate, key };
            for error in (checks.certificate)(&tls.certificate, &tls.key) {
                reader.error(error);
            }
            Some(tls)
        }
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            reader.missing("site.certificate_file and site.key_file: one needs the other");
            None
        }
    };
    if tls.is_none() && listen.is_some_and(|listen| !listen.ip().is_loopback()) {
        reader.missing("site.listen: without a certificate the site listens on loopback only (W7)");
    }
    let hsts_subdomains = reader.or_default("site.hsts_subdomains", "false");
    let identity = identity::read(reader);
    let set_up_number = reader.or_default("site.set_up_number", rules::SET_UP_NUMBER);
    let common_passwords = common_passwords::read(reader);
    let trusted_proxies = reader.list("site.trusted_proxies");
    let max_connections =
        reader.count("site.max_connections", DEFAULT_MAX_CONNECTIONS, MAX_SITE_CONNECTIONS);
    let max_total = max_connections.unwrap_or(MAX_SITE_CONNECTIONS);
    let max_per_address = reader.count(
        "site.max_connections_per_address",
        DEFAULT_MAX_CONNECTIONS_PER_ADDRESS.min(max_total),
        max_total,
    );
    let connection_rate = reader.limit("site.connection_rate", DEFAULT_CONNECTION_RATE);
    let handshake_rate = reader.limit("site.handshake_rate", DEFAULT_HANDSHAKE_RATE);
    Some(SiteSettings {
        listen: listen?,
        tls,
        hsts_subdomains: hsts_subdomains?,
        identity: identity?,
        set_up_number: set_up_number?,
        common_passwords,
        trusted_proxies: trusted_proxies?,
        max_connections: max_connections?,
        max_connections_per_address: max_per_address?,
        connection_rate: connection_rate?,
        handshake_rate: handshake_rate?,
    })
}
