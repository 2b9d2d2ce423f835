//! Which addresses count as one, and the networks around them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The networks that have budgets: bits of IPv4 and IPv6, and how many times an address's budget
/// each has.
///
/// The narrowest is whatever one subscriber holds alone at least: an IPv4 address, or 64 bits of
/// IPv6. The next is what one may hold, the last what a provider gives out together.
pub(in crate::web) const NETWORKS: [(u32, u32, u32); 3] = [(32, 64, 1), (24, 56, 4), (16, 48, 32)];

/// What is counted as one: an IPv4 address, or an IPv6 network of 64 bits.
pub(in crate::web) fn network(address: IpAddr) -> IpAddr {
    let [network, ..] = networks(address);
    network
}

/// What is counted as one house or firm: an IPv4 address, or an IPv6 network of 56 bits.
pub(in crate::web) fn household(address: IpAddr) -> IpAddr {
    let [narrowest, wider, _] = networks(address);
    if narrowest.is_ipv4() { narrowest } else { wider }
}

/// The networks of [`NETWORKS`] that hold `address`, as their first addresses.
pub(in crate::web) fn networks(address: IpAddr) -> [IpAddr; NETWORKS.len()] {
    NETWORKS.map(|(v4, v6, _)| match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0 << (32 - v4)).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !0 << (128 - v6)).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_networks_that_grow() {
        for (address, expected) in [
            ("192.0.2.77", ["192.0.2.77", "192.0.2.0", "192.0.0.0"]),
            ("::ffff:198.51.100.1", ["198.51.100.1", "198.51.100.0", "198.51.0.0"]),
            ("2001:db8:1:2ff:a:b:c:d", ["2001:db8:1:2ff::", "2001:db8:1:200::", "2001:db8:1::"]),
        ] {
            let expected = expected.map(|text| text.parse::<IpAddr>().unwrap());
            assert_eq!(networks(address.parse().unwrap()), expected);
        }
    }
}
