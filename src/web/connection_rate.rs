//! Limits the rate of new connections and TLS handshakes of an address and its networks.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::rate_limit::{LeakyBucket, Quota};
use domain::network::{NETWORK_LEVELS, networks};

const MINUTE: Duration = Duration::from_mins(1);

/// The most buckets of each rate at each level of networks.
const MAX_BUCKETS: u64 = 1 << 16;

/// What a rate counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum RateKind {
    Connections,
    Handshakes,
}

/// Both rates, as far as they are limited.
#[derive(Debug)]
pub(super) struct ConnectionRates {
    connections: Option<Mutex<RateBuckets>>,
    handshakes: Option<Mutex<RateBuckets>>,
    hasher: RandomState,
}

#[derive(Debug)]
struct RateBuckets {
    per_minute: NonZeroU32,
    levels: [HashMap<u64, LeakyBucket>; NETWORK_LEVELS.len()],
    evicted_at: Option<Instant>,
}

impl ConnectionRates {
    /// Limits for one address, each a minute; `None` is no limit.
    pub(super) fn new(connections: Option<NonZeroU32>, handshakes: Option<NonZeroU32>) -> Self {
        let buckets = |per_minute| {
            Mutex::new(RateBuckets { per_minute, levels: Default::default(), evicted_at: None })
        };
        Self {
            connections: connections.map(buckets),
            handshakes: handshakes.map(buckets),
            hasher: RandomState::new(),
        }
    }

    /// Counts one more from `address`, unless that is too many.
    pub(super) fn try_acquire(&self, rate: RateKind, address: IpAddr, now: Instant) -> bool {
        let buckets = match rate {
            RateKind::Connections => &self.connections,
            RateKind::Handshakes => &self.handshakes,
        };
        let Some(buckets) = buckets else { return true };
        let keys = networks(address).map(|network| self.hasher.hash_one(network) % MAX_BUCKETS);
        buckets.lock().unwrap_or_else(PoisonError::into_inner).try_acquire(keys, now)
    }
}

impl RateBuckets {
    fn try_acquire(&mut self, keys: [u64; NETWORK_LEVELS.len()], now: Instant) -> bool {
        self.evict_idle(now);
        let per_minute = self.per_minute.get();
        let quotas = NETWORK_LEVELS
            .map(|(_, _, times)| Quota { limit: per_minute.saturating_mul(times), period: MINUTE });
        let mut buckets: Vec<_> = self
            .levels
            .iter_mut()
            .zip(keys)
            .map(|(level, key)| level.entry(key).or_insert_with(|| LeakyBucket::new(now)))
            .zip(quotas)
            .collect();
        let fits = buckets.iter().all(|(bucket, quota)| bucket.wait(*quota, 1, now).is_zero());
        if fits {
            for (bucket, quota) in &mut buckets {
                bucket.spend(*quota, 1, now);
            }
        }
        fits
    }

    /// Removes empty buckets, once a minute.
    fn evict_idle(&mut self, now: Instant) {
        if self.evicted_at.is_none_or(|at| now >= at + MINUTE) {
            self.evicted_at = Some(now);
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
    fn r_connections_and_handshakes_have_a_rate_for_each_network() {
        let rates = ConnectionRates::new(NonZeroU32::new(6), NonZeroU32::new(3));
        let start = clock::now();
        let admitted = |rate, from: &str, now| {
            let from = from.parse().unwrap();
            (0..100).filter(|_| rates.try_acquire(rate, from, now)).count()
        };
        assert_eq!(admitted(RateKind::Connections, "192.0.2.1", start), 6);
        assert_eq!(admitted(RateKind::Handshakes, "192.0.2.1", start), 3, "each has its own");
        assert_eq!(admitted(RateKind::Connections, "2001:db8::1", start), 6);
        assert_eq!(admitted(RateKind::Connections, "2001:db8::2", start), 0, "one /64");
        // A sixth of a minute later one more; the /24 and the /56 have four times as many.
        assert_eq!(admitted(RateKind::Connections, "192.0.2.1", start + MINUTE / 6), 1);
        let others = (2..9).map(|last| format!("192.0.2.{last}"));
        let others: usize = others.map(|from| admitted(RateKind::Connections, &from, start)).sum();
        assert_eq!(others, 4 * 6 - 6 - 1);
        let later = start + 2 * MINUTE;
        assert_eq!(admitted(RateKind::Connections, "2001:db8::2", later), 6);
        let levels = &rates.connections.as_ref().unwrap().lock().unwrap().levels;
        assert_eq!(levels.each_ref().map(HashMap::len), [1; 3], "the others are forgotten");
    }

    #[test]
    fn without_a_rate_all_connections_are_accepted() {
        let rates = ConnectionRates::new(None, None);
        let from = "192.0.2.1".parse().unwrap();
        assert!((0..1000).all(|_| rates.try_acquire(RateKind::Connections, from, clock::now())));
    }
}
