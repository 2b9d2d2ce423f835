//! Logins by address: answered before anything is verified, not counted as a wrong entry (table `A`).

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use metrics::counter;

use super::Site;
use super::problem::Problem;
use super::session::Client;

/// An IPv6 subscriber's own network: whoever has one address of it has them all.
const IPV6_NETWORK: u128 = u128::MAX << 64;

/// What is remembered at most. Addresses share a place only by a rare chance, which nobody can foresee.
const PLACES: u64 = 1 << 18;

type ByPlace = RateLimiter<u64, DefaultKeyedStateStore<u64>, DefaultClock>;

/// Counts logins by address.
pub(super) struct Limiter {
    by_address: Option<ByPlace>,
    places: RandomState,
    clock: DefaultClock,
}

impl Limiter {
    /// So many logins a minute from one address, all at once if need be; no limit if none.
    pub(super) fn new(a_minute: Option<NonZeroU32>) -> Self {
        let by_address = a_minute.map(|limit| RateLimiter::dashmap(Quota::per_minute(limit)));
        Self { by_address, places: RandomState::new(), clock: DefaultClock::default() }
    }

    /// Lets one more login from `address` through, or tells after how many seconds it will.
    pub(super) fn admit(&self, address: IpAddr) -> Result<(), u64> {
        let Some(by_address) = &self.by_address else { return Ok(()) };
        let place = self.places.hash_one(network(address)) % PLACES;
        by_address.check_key(&place).map_err(|refused| {
            let wait = refused.wait_time_from(self.clock.now());
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        })
    }

    /// Forgets addresses that are as good as new.
    pub(super) fn forget(&self) {
        if let Some(by_address) = &self.by_address {
            by_address.retain_recent();
            by_address.shrink_to_fit();
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("on", &self.by_address.is_some()).finish_non_exhaustive()
    }
}

/// What is counted as one: an IPv4 address, or an IPv6 network of 64 bits.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
    }
}

/// A login that the limit lets through.
pub(super) struct Admitted;

impl FromRequestParts<Site> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let Client(address) = Client::from_request_parts(parts, site).await?;
        site.limiter().admit(address).map(|()| Self).map_err(|wait_s| {
            counter!("karipass_logins_limited_total").increment(1);
            Problem::too_many_requests(wait_s)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_limit_is_by_address_and_by_ipv6_network() {
        let limiter = Limiter::new(NonZeroU32::new(2));
        for (from, other) in [
            ("192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8:0:1::1"),
            ("::ffff:198.51.100.1", "198.51.100.2"),
        ] {
            assert_eq!(limiter.admit(address(from)), Ok(()));
            assert_eq!(limiter.admit(address(from)), Ok(()));
            let wait = limiter.admit(address(from)).unwrap_err();
            assert!((1..=30).contains(&wait), "{wait} s");
            assert_eq!(limiter.admit(address(other)), Ok(()));
        }
        assert!(limiter.admit(address("2001:db8::2")).is_err());
        assert!(limiter.admit(address("198.51.100.1")).is_err());
    }

    #[test]
    fn no_more_is_remembered_than_there_are_places() {
        let limiter = Limiter::new(NonZeroU32::new(2));
        for address in 0..2 * u32::try_from(PLACES).unwrap() {
            let _by_chance_there_are_three = limiter.admit(Ipv4Addr::from_bits(address).into());
        }
        let remembered = limiter.by_address.as_ref().unwrap().len();
        assert!((PLACES / 2..=PLACES).contains(&(remembered as u64)), "{remembered}");
    }

    #[test]
    fn off_is_no_limit() {
        let limiter = Limiter::new(None);
        assert!((0..1000).all(|_| limiter.admit(address("192.0.2.1")).is_ok()));
    }
}
