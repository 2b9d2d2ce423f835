//! The `identify` sections of `pjsip.conf`, by which Asterisk knows an endpoint without a password.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::conf::{Conf, Section};
use super::files::is_of;

/// Bits of a network that one carrier may have, at least.
const LEAST_BITS_V4: u32 = 8;
/// The same for IPv6.
const LEAST_BITS_V6: u32 = 16;
/// What the bits of an IPv4 address follow where it is written as an IPv6 one.
const BITS_BEFORE_V4: u32 = 96;
/// Settings by which words of the request alone do; any one of an `identify` section's is enough.
const WORDS: [&str; 2] = ["match_header", "match_request_uri"];

/// What an endpoint is known by, its password and its name aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownBy {
    /// Addresses that are its own.
    Address,
    /// A network that nearly anybody is in.
    WideNetwork,
    /// What anybody can write.
    Words,
    /// Nothing.
    Nothing,
}

/// What all `identify` sections of this endpoint come to.
pub(super) fn known_by(pjsip: &Conf, endpoint: &str) -> KnownBy {
    let sections = sections(pjsip, endpoint);
    let mut words = sections.flat_map(|section| WORDS.map(|name| section.value(name)));
    if words.any(|value| value.is_some_and(|value| !value.is_empty())) {
        return KnownBy::Words;
    }
    let mut matches = addresses(pjsip, endpoint).peekable();
    if matches.peek().is_none() {
        KnownBy::Nothing
    } else if matches.any(is_wide) {
        KnownBy::WideNetwork
    } else {
        KnownBy::Address
    }
}

/// The addresses and networks that this endpoint is known by.
pub(super) fn addresses<'a>(pjsip: &'a Conf, endpoint: &'a str) -> impl Iterator<Item = &'a str> {
    let matches = sections(pjsip, endpoint).flat_map(|section| section.values("match"));
    let matches = matches.flat_map(|value| value.split(',')).map(str::trim);
    // With an exclamation mark it is left out of the others.
    matches.filter(|it| !it.is_empty() && !it.starts_with('!'))
}

fn sections<'a>(pjsip: &'a Conf, endpoint: &'a str) -> impl Iterator<Item = &'a Section> {
    let sections = pjsip.sections.iter().filter(|section| is_of(section, "identify"));
    sections.filter(move |section| section.value("endpoint") == Some(endpoint))
}

/// Whether this is a network of too few bits: `address/bits` or `address/mask`, the address perhaps with a port.
fn is_wide(network: &str) -> bool {
    let Some((address, mask)) = network.rsplit_once('/') else { return false };
    let address: Option<IpAddr> =
        address.parse().ok().or_else(|| Some(address.parse::<SocketAddr>().ok()?.ip()));
    let is_v6 = address.is_some_and(|address| address.to_canonical().is_ipv6());
    let Some(bits) = bits(mask) else { return true };
    if is_v6 {
        bits < LEAST_BITS_V6
    } else if bits > Ipv4Addr::BITS {
        bits < BITS_BEFORE_V4 + LEAST_BITS_V4
    } else {
        bits < LEAST_BITS_V4
    }
}

fn bits(mask: &str) -> Option<u32> {
    let of_mask = |mask: IpAddr| match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    };
    mask.parse().ok().or_else(|| mask.parse().ok().map(of_mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_wide_that_holds_more_than_one_carriers_addresses() {
        for network in [
            "0.0.0.0/0",
            "0/0",
            "128.0.0.0/1",
            "10.0.0.0/7",
            "0.0.0.0/0.0.0.0",
            "10.0.0.0/254.0.0.0",
            "0.0.0.0:5060/0",
            "::/0",
            "2000::/3",
            "2001::/15",
            "2001::/fffe::",
            "[::]:5060/0",
            "::ffff:0.0.0.0/96",
            "192.0.2.1/none",
        ] {
            assert!(is_wide(network), "{network}");
        }
        for network in [
            "192.0.2.1",
            "192.0.2.1/32",
            "10.0.0.0/8",
            "10.0.0.0/255.0.0.0",
            "192.0.2.0:5060/24",
            "2001::/16",
            "2001:db8::/ffff:ffff::",
            "[2001:db8::1]:5060/128",
            "2001:db8::1",
            "::ffff:192.0.2.0/120",
            "sip.carrier.example",
            "sip.carrier.example:5060",
        ] {
            assert!(!is_wide(network), "{network}");
        }
    }
}
