//! The networks around a client's address, which share a limit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The networks that have budgets: their prefix lengths in IPv4 and IPv6, and their budgets as
/// multiples of an address's.
///
/// The first is the least that one subscriber has: an IPv4 address, or 64 bits of IPv6. The second
/// is the most that one subscriber may have, the third what a provider assigns together.
pub const NETWORK_LEVELS: [(u32, u32, u32); 3] = [(32, 64, 1), (24, 56, 4), (16, 48, 32)];

/// The level of [`NETWORK_LEVELS`] whose network around `address` must be without wrong entries.
/// Then the address needs nothing of the budget of `level`. `None` for its own budget. Who has 56
/// bits of IPv6 has many networks of 64, so beyond the 56 these count as one.
#[must_use]
pub fn innocent_level(address: IpAddr, level: usize) -> Option<usize> {
    match level {
        0 => None,
        1 => Some(0),
        _ => Some(usize::from(address.to_canonical().is_ipv6())),
    }
}

/// What counts as one household or company: an IPv4 address, or an IPv6 network of 56 bits.
#[must_use]
pub fn subscriber_network(address: IpAddr) -> IpAddr {
    let [narrowest, wider, _] = networks(address);
    if narrowest.is_ipv4() { narrowest } else { wider }
}

/// The networks of [`NETWORK_LEVELS`] that contain `address`, as their first addresses.
#[must_use]
pub fn networks(address: IpAddr) -> [IpAddr; NETWORK_LEVELS.len()] {
    NETWORK_LEVELS.map(|(v4, v6, _)| match address.to_canonical() {
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
