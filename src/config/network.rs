//! A network as an operator writes it: `192.0.2.0/24`, `2001:db8::/32`, or one address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Addresses with a common prefix. It never contains all addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// Whether a host name or address means this machine.
#[must_use]
pub fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|it: IpAddr| it.is_loopback())
}

/// A network for the media of an endpoint, written `carrier=192.0.2.0/24`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaNetwork {
    /// The endpoint's name in `pjsip.conf`.
    pub endpoint: String,
    /// One of its networks.
    pub network: Network,
}

impl FromStr for MediaNetwork {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (endpoint, network) = text.split_once('=').ok_or(NotANetwork)?;
        let (endpoint, network) = (endpoint.trim(), network.trim().parse()?);
        if endpoint.is_empty() {
            return Err(NotANetwork);
        }
        Ok(Self { endpoint: endpoint.to_owned(), network })
    }
}

/// The text is not a network, has bits after its prefix, or covers every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a network")]
pub struct NotANetwork;

impl Network {
    /// Whether `address` is in this network. An IPv4-mapped IPv6 address counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let network: IpNet = text.parse().map_err(|_| NotANetwork)?;
        let exact = network.trunc() == network && network.prefix_len() > 0;
        exact.then_some(Self(network)).ok_or(NotANetwork)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"),
            ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::1", "::1", "127.0.0.1"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{inside} in {network}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{outside} not in {network}");
        }
    }

    #[test]
    fn invalid_networks_and_all_addresses_are_rejected() {
        for text in
            ["", "proxy", "192.0.2.1/24", "192.0.2.0/33", "192.0.2", "0.0.0.0/0", "::/0", "::1/x"]
        {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }

    #[test]
    fn a_network_of_media_names_its_endpoint() {
        let parsed: MediaNetwork = "carrier-1 = 192.0.2.0/24".parse().unwrap();
        assert_eq!(parsed.endpoint, "carrier-1");
        assert_eq!(parsed.network, "192.0.2.0/24".parse().unwrap());
        for text in ["192.0.2.0/24", "=192.0.2.0/24", "carrier=", "carrier=0.0.0.0/0", "carrier"] {
            assert_eq!(text.parse::<MediaNetwork>(), Err(NotANetwork), "{text}");
        }
    }
}
