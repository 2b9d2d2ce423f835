//! How fast connections come and handshakes begin, for an address and the networks around it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::limiter::{Bucket, NETWORKS, Pace, networks};

const MINUTE: Duration = Duration::from_mins(1);

/// What is remembered at most, at each level of networks and for each rate.
const PLACES: u64 = 1 << 16;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rate {
    /// New connections.
    Connections,
    /// TLS handshakes.
    Handshakes,
}

/// Both rates, as far as they are bound.
#[derive(Debug)]
pub(super) struct Rates {
    connections: Option<Mutex<Counted>>,
    handshakes: Option<Mutex<Counted>>,
    places: RandomState,
}

#[derive(Debug)]
struct Counted {
    a_minute: NonZeroU32,
    levels: [HashMap<u64, Bucket>; NETWORKS.len()],
    forgotten_at: Option<Instant>,
}

impl Rates {
    /// So many a minute for one address; none is no limit.
    pub(super) fn new(connections: Option<NonZeroU32>, handshakes: Option<NonZeroU32>) -> Self {
        let counted = |a_minute| {
            Mutex::new(Counted { a_minute, levels: Default::default(), forgotten_at: None })
        };
        Self {
            connections: connections.map(counted),
            handshakes: handshakes.map(counted),
            places: RandomState::new(),
        }
    }

    /// Whether one more may come from `address` now; it counts if so.
    pub(super) fn admits(&self, rate: Rate, address: IpAddr, now: Instant) -> bool {
        let counted = match rate {
            Rate::Connections => &self.connections,
            Rate::Handshakes => &self.handshakes,
        };
        let Some(counted) = counted else { return true };
        let places = networks(address).map(|network| self.places.hash_one(network) % PLACES);
        counted.lock().unwrap_or_else(PoisonError::into_inner).admits(places, now)
    }
}

impl Counted {
    fn admits(&mut self, places: [u64; NETWORKS.len()], now: Instant) -> bool {
        self.forget(now);
        let a_minute = self.a_minute.get();
        let flows = NETWORKS
            .map(|(_, _, times)| Pace { most: a_minute.saturating_mul(times), period: MINUTE });
        let mut buckets: Vec<_> = self
            .levels
            .iter_mut()
            .zip(places)
            .map(|(level, place)| level.entry(place).or_insert_with(|| Bucket::new(now)))
            .zip(flows)
            .collect();
        let admits = buckets.iter().all(|(bucket, flow)| bucket.wait(*flow, 1, now).is_zero());
        if admits {
            for (bucket, flow) in &mut buckets {
                bucket.spend(*flow, 1, now);
            }
        }
        admits
    }

    /// Once a minute, what is as good as new.
    fn forget(&mut self, now: Instant) {
        if self.forgotten_at.is_none_or(|at| now >= at + MINUTE) {
            self.forgotten_at = Some(now);
            for level in &mut self.levels {
                level.retain(|_, bucket| !bucket.is_empty(now));
                level.shrink_to_fit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn b3_connections_and_handshakes_come_at_a_pace_for_each_network() {
        let rates = Rates::new(NonZeroU32::new(6), NonZeroU32::new(3));
        let start = clock::now();
        let admitted = |rate, from: &str, now| {
            let from = from.parse().unwrap();
            (0..100).filter(|_| rates.admits(rate, from, now)).count()
        };
        assert_eq!(admitted(Rate::Connections, "192.0.2.1", start), 6);
        assert_eq!(admitted(Rate::Handshakes, "192.0.2.1", start), 3, "each has its own");
        assert_eq!(admitted(Rate::Connections, "2001:db8::1", start), 6);
        assert_eq!(admitted(Rate::Connections, "2001:db8::2", start), 0, "one /64");
        // A sixth of a minute later one more; the /24 and the /56 have four times as many.
        assert_eq!(admitted(Rate::Connections, "192.0.2.1", start + MINUTE / 6), 1);
        let others = (2..9).map(|last| format!("192.0.2.{last}"));
        let others: usize = others.map(|from| admitted(Rate::Connections, &from, start)).sum();
        assert_eq!(others, 4 * 6 - 6 - 1);
        let later = start + 2 * MINUTE;
        assert_eq!(admitted(Rate::Connections, "2001:db8::2", later), 6);
        let levels = &rates.connections.as_ref().unwrap().lock().unwrap().levels;
        assert_eq!(levels.each_ref().map(HashMap::len), [1; 3], "the others are forgotten");
    }

    #[test]
    fn without_a_rate_all_may_come() {
        let rates = Rates::new(None, None);
        let from = "192.0.2.1".parse().unwrap();
        assert!((0..1000).all(|_| rates.admits(Rate::Connections, from, clock::now())));
    }
}
