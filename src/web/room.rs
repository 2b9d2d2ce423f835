//! Places for connections: so many at once, and so many for one address, so that nobody fills the site alone.
//!
//! What counts as one address is what counts as one for logins. A proxy stands for many and has no limit of its own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{counter, gauge};

use super::limiter::network;
use crate::config::{Network, Site};

/// Operators, their Prometheus and load balancers ask now and then, each by a few connections.
const FOR_OPERATORS: usize = 256;

/// A listener's places; cheap to clone.
#[derive(Debug, Clone)]
pub struct Room {
    name: &'static str,
    all: usize,
    each: usize,
    proxies: Vec<Network>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Room {
    /// As configured for subscribers.
    #[must_use]
    pub fn for_subscribers(site: &Site) -> Self {
        Self::new("site", site.connections, site.connections_by_address, site.proxies.clone())
    }

    /// For the operators' listener.
    #[must_use]
    pub fn for_operators() -> Self {
        Self::new("operators", FOR_OPERATORS, FOR_OPERATORS, Vec::new())
    }

    /// With no more places than these, of which one address has the same share.
    #[must_use]
    pub fn at_most(self, places: usize) -> Self {
        let all = self.all.min(places);
        let each = (self.each * all).div_ceil(self.all.max(1)).max(1);
        Self { all, each, ..self }
    }

    fn new(name: &'static str, all: usize, each: usize, proxies: Vec<Network>) -> Self {
        Self { name, all, each, proxies, taken: Arc::default() }
    }

    /// A place for a connection from `address`; none if all are taken, or all of this address.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let is_proxy = self.proxies.iter().any(|network| network.contains(address));
        let limited = (!is_proxy).then(|| network(address));
        let mut taken = self.taken();
        let of_address =
            limited.and_then(|address| taken.by_address.get(&address)).copied().unwrap_or(0);
        let refused = if taken.all >= self.all {
            Some("all")
        } else {
            (of_address >= self.each).then_some("address")
        };
        if let Some(limit) = refused {
            let labels = [("listener", self.name), ("limit", limit)];
            counter!("karipass_connections_refused_total", &labels).increment(1);
            return None;
        }
        taken.all += 1;
        if let Some(address) = limited {
            taken.by_address.insert(address, of_address + 1);
        }
        gauge!("karipass_connections", "listener" => self.name).increment(1.0);
        Some(Place { room: self.clone(), address: limited })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Room,
    address: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.all -= 1;
        if let Some(address) = self.address
            && let Some(held) = taken.by_address.get_mut(&address)
        {
            *held -= 1;
            if *held == 0 {
                taken.by_address.remove(&address);
            }
        }
        gauge!("karipass_connections", "listener" => self.room.name).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(all: usize, each: usize) -> Room {
        Room::new("test", all, each, vec!["192.0.2.0/24".parse().unwrap()])
    }

    fn take(room: &Room, from: &str) -> Option<Place> {
        room.take(from.parse().unwrap())
    }

    #[test]
    fn one_address_takes_its_share_and_leaves_the_rest_to_others() {
        let room = room(4, 2);
        let held = [take(&room, "198.51.100.1"), take(&room, "::ffff:198.51.100.1")];
        assert!(held.iter().all(Option::is_some));
        assert!(take(&room, "198.51.100.1").is_none());
        let others = [take(&room, "2001:db8::1"), take(&room, "2001:db8::2")];
        assert!(others.iter().all(Option::is_some));
        assert!(take(&room, "2001:db8::3").is_none(), "one network of IPv6");
        drop(others);
        assert!(take(&room, "2001:db8::3").is_some());
        assert!(take(&room, "198.51.100.1").is_none());
        drop(held);
        assert!(take(&room, "198.51.100.1").is_some());
        assert!(room.taken().by_address.is_empty(), "nobody is remembered");
        assert_eq!(room.taken().all, 0);
    }

    #[test]
    fn where_there_are_fewer_places_one_address_has_the_same_share() {
        let room = room(8, 4).at_most(2);
        let held = take(&room, "198.51.100.1");
        assert!(held.is_some());
        assert!(take(&room, "198.51.100.1").is_none());
        assert!(take(&room, "198.51.100.2").is_some());
    }

    #[test]
    fn all_places_together_are_bound_and_a_proxy_may_take_them_all() {
        let room = room(4, 1).at_most(3).at_most(9);
        let held: Vec<_> = (0..3).map(|_| take(&room, "192.0.2.7")).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(take(&room, "192.0.2.7").is_none());
        assert!(take(&room, "198.51.100.1").is_none());
        drop(held);
        assert!(take(&room, "198.51.100.1").is_some());
    }
}
