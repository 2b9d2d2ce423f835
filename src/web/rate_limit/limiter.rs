//! The budgets and attempts that all requests share.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::attempts::NumberAttempts;
use super::budgets::{BucketKeys, Budgets};
use domain::network::networks;
use domain::phone_number::PhoneNumber;

/// The most buckets of each kind. Networks share one rarely, and not by a client's choice: the hash
/// has a random key.
pub(super) const MAX_BUCKETS: u64 = 1 << 18;

/// Counts the cost of logins; cheap to clone.
#[derive(Clone)]
pub(in crate::web) struct RateLimiter {
    /// `None` if there is no limit.
    state: Option<Arc<Mutex<LimiterState>>>,
    hasher: RandomState,
    pub(super) now: fn() -> Instant,
}

pub(super) struct LimiterState {
    pub(super) budgets: Budgets,
    pub(super) attempts: NumberAttempts,
}

impl RateLimiter {
    /// A limit of this many points a minute for one address, by this clock, or no limit.
    pub(in crate::web) fn new(points_per_minute: Option<NonZeroU32>, now: fn() -> Instant) -> Self {
        let state = |points| LimiterState {
            budgets: Budgets::new(points),
            attempts: NumberAttempts::default(),
        };
        let state = points_per_minute.map(|points| Arc::new(Mutex::new(state(points))));
        Self { state, hasher: RandomState::new(), now }
    }

    /// Whether the highest cost could be paid now.
    ///
    /// # Errors
    /// How long until it could.
    pub(super) fn check(&self, address: IpAddr) -> Result<(), Duration> {
        let keys = self.bucket_keys(address);
        let Some(mut state) = self.state() else { return Ok(()) };
        state.budgets.check(keys, address.to_canonical(), (self.now)())
    }

    /// Forgets networks and numbers with nothing left to remember.
    pub(in crate::web) fn evict_idle(&self) {
        if let Some(mut state) = self.state() {
            let now = (self.now)();
            state.budgets.evict_idle(now);
            state.attempts.evict_idle(now);
        }
    }

    pub(super) fn state(&self) -> Option<MutexGuard<'_, LimiterState>> {
        Some(self.state.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn bucket_keys(&self, address: IpAddr) -> BucketKeys {
        networks(address).map(|network| self.hasher.hash_one(network) % MAX_BUCKETS)
    }

    pub(super) fn number_key(&self, number: PhoneNumber) -> u64 {
        self.hasher.hash_one(number.as_str()) % MAX_BUCKETS
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("on", &self.state.is_some()).finish_non_exhaustive()
    }
}
