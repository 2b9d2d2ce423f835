//! The subscribers' listener: where it listens, its certificate, whom it believes, and how many it
//! takes.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use super::certificate::CertificateFiles;
use super::load::Reader;
use super::network::Network;
use domain::phone_number::PhoneNumber;
use domain::rules;

/// Connections of the site, if nothing else is configured.
const DEFAULT_MAX_CONNECTIONS: usize = 4096;
/// The most of them from one address, if nothing else is configured.
const DEFAULT_MAX_CONNECTIONS_PER_ADDRESS: usize = 128;
/// New connections a minute from one address, if nothing else is configured.
const DEFAULT_CONNECTION_RATE: u32 = 600;
/// TLS handshakes a minute with one address, if nothing else is configured.
const DEFAULT_HANDSHAKE_RATE: u32 = 300;
/// The most that can be configured: a process has no ports for more, and few systems grant the
/// files.
const MAX_SITE_CONNECTIONS: usize = 65_536;

/// The subscribers' listener.
#[derive(Debug)]
pub struct Site {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate chain and private key in PEM; without them plain HTTP, on loopback only (`W7`).
    pub tls: Option<Tls>,
    /// Whether browsers are told to use TLS for every name below the site's, too.
    pub hsts_subdomains: bool,
    /// The set-up number that a refusal tells to call (`W2`).
    pub set_up_number: PhoneNumber,
    /// Where the proxies are whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// The most connections at once.
    pub max_connections: usize,
    /// The most of them from one address, or /56 of IPv6, that is no proxy.
    pub max_connections_per_address: usize,
    /// New connections a minute from one address; none if `off`.
    pub connection_rate: Option<NonZeroU32>,
    /// TLS handshakes a minute with one address; none if `off`.
    pub handshake_rate: Option<NonZeroU32>,
}

/// A certificate's files.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> Option<Site> {
    let listen: Option<SocketAddr> = reader.or_default("site.listen", "127.0.0.1:8443");
    let tls = match (reader.path("site.certificate_file"), reader.path("site.key_file")) {
        (Some(certificate), Some(key)) => {
            reader.record_secret_file("site.key_file", &key);
            let tls = Tls { certificate, key };
            for mistake in
                CertificateFiles::read(&tls).certified_key(&tls).err().into_iter().flatten()
            {
                reader.error(mistake);
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
    let set_up_number = reader.or_default("site.set_up_number", rules::SET_UP_NUMBER);
    let proxies = reader.list("site.trusted_proxies");
    let connections =
        reader.count("site.max_connections", DEFAULT_MAX_CONNECTIONS, MAX_SITE_CONNECTIONS);
    let most = connections.unwrap_or(MAX_SITE_CONNECTIONS);
    let by_address = reader.count(
        "site.max_connections_per_address",
        DEFAULT_MAX_CONNECTIONS_PER_ADDRESS.min(most),
        most,
    );
    let connection_rate = reader.limit("site.connection_rate", DEFAULT_CONNECTION_RATE);
    let handshake_rate = reader.limit("site.handshake_rate", DEFAULT_HANDSHAKE_RATE);
    Some(Site {
        listen: listen?,
        tls,
        hsts_subdomains: hsts_subdomains?,
        set_up_number: set_up_number?,
        trusted_proxies: proxies?,
        max_connections: connections?,
        max_connections_per_address: by_address?,
        connection_rate: connection_rate?,
        handshake_rate: handshake_rate?,
    })
}
