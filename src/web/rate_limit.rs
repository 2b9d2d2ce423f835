//! The limit by address (`R`): what logins cost, and how many credentials one address may void.
//!
//! A request that asks for a password holds the dearest price before anything is verified, and pays
//! what it came to afterwards. While others hold what is left it waits for them, so that many at
//! once are answered as if they had come one by one. Wider networks have larger budgets of the same
//! kind. An address that has voided its ten gets 429 before what could void another; numbers
//! without a live credential are treated as if they had a temporary password ([`tries`]).

mod attempts;
mod bucket;
mod budgets;
mod reservation;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use metrics::counter;

use super::AppState;
use super::client_ip::ClientIp;
use super::client_ip::{client_network, networks};
use super::problem::Problem;
use crate::clock;
use crate::metrics::LOGINS_RATE_LIMITED;
use attempts::NumberAttempts;
pub(super) use bucket::{LeakyBucket, Quota};
use budgets::{BucketKeys, Budgets, ReserveOutcome};
use domain::phone_number::PhoneNumber;
pub(super) use reservation::{RequestCost, Reservation};

/// What is remembered at most of each kind. Two share a place only by a rare chance, which nobody
/// can foresee.
const MAX_BUCKETS: u64 = 1 << 18;

/// How long a request waits for others of its address to pay: as long as these may wait for a hash.
const MAX_WAIT: Duration = Duration::from_mins(3);

/// Counts what logins cost; cheap to clone.
#[derive(Clone)]
pub(super) struct RateLimiter {
    /// None if there is no limit.
    state: Option<Arc<Mutex<LimiterState>>>,
    hasher: RandomState,
    now: fn() -> Instant,
}

struct LimiterState {
    budgets: Budgets,
    attempts: NumberAttempts,
}

impl RateLimiter {
    /// So many points a minute for one address; no limit if none.
    pub(super) fn new(a_minute: Option<NonZeroU32>) -> Self {
        let state = |points| LimiterState {
            budgets: Budgets::new(points),
            attempts: NumberAttempts::default(),
        };
        let state = a_minute.map(|points| Arc::new(Mutex::new(state(points))));
        Self { state, hasher: RandomState::new(), now: clock::now }
    }

    /// Whether the dearest could be paid now; otherwise when.
    fn check(&self, address: IpAddr) -> Result<(), Duration> {
        let places = self.bucket_keys(address);
        let Some(mut state) = self.state() else { return Ok(()) };
        state.budgets.check(places, client_network(address), (self.now)())
    }

    /// Holds the dearest price, and as many voidings up to `voidings` as are left. Waits for others
    /// of the same networks that hold what is left, not for time to pass.
    async fn reserve(&self, address: IpAddr, voidings: u32) -> Result<Reservation, Duration> {
        let deadline = tokio::time::Instant::now() + MAX_WAIT;
        let places = self.bucket_keys(address);
        loop {
            let (waiting, freed) = {
                let Some(mut state) = self.state() else {
                    return Ok(Reservation::unlimited(self.clone()));
                };
                match state.budgets.reserve(places, client_network(address), voidings, (self.now)())
                {
                    ReserveOutcome::Reserved(voidings) => {
                        return Ok(Reservation::new(self.clone(), address, places, voidings));
                    }
                    ReserveOutcome::Exhausted(wait) => return Err(wait),
                    // Whoever pays from here on wakes it.
                    ReserveOutcome::Contended(level, freed) => {
                        (Waiting { limiter: self, level, places }, freed.notified_owned())
                    }
                }
            };
            let in_time = tokio::time::timeout_at(deadline, freed).await;
            drop(waiting);
            in_time.map_err(|_| Duration::from_secs(1))?;
        }
    }

    /// Forgets what is as good as new.
    pub(super) fn evict_idle(&self) {
        if let Some(mut state) = self.state() {
            let now = (self.now)();
            state.budgets.evict_idle(now);
            state.attempts.evict_idle(now);
        }
    }

    fn state(&self) -> Option<MutexGuard<'_, LimiterState>> {
        Some(self.state.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn bucket_keys(&self, address: IpAddr) -> BucketKeys {
        networks(address).map(|network| self.hasher.hash_one(network) % MAX_BUCKETS)
    }

    fn number_key(&self, number: PhoneNumber) -> u64 {
        self.hasher.hash_one(number.as_str()) % MAX_BUCKETS
    }
}

/// A request that waits for others to pay; counted until it is dropped.
struct Waiting<'a> {
    limiter: &'a RateLimiter,
    level: usize,
    places: BucketKeys,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(mut state) = self.limiter.state() {
            state.budgets.end_wait(self.level, self.places);
        }
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("on", &self.state.is_some()).finish_non_exhaustive()
    }
}

/// A request whose address has something left; what it asks for is not paid yet.
pub(super) struct RateLimit {
    /// Where from.
    pub(super) address: IpAddr,
    limiter: RateLimiter,
}

impl FromRequestParts<AppState> for RateLimit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let ClientIp(address) = ClientIp::from_request_parts(parts, state).await?;
        let limiter = state.limiter().clone();
        limiter.check(address).map_err(rate_limited)?;
        Ok(Self { address, limiter })
    }
}

impl RateLimit {
    /// For a try at a login number, or at none.
    ///
    /// # Errors
    /// 429
    pub(super) async fn reserve_login(
        &self,
        number: Option<PhoneNumber>,
    ) -> Result<Reservation, Problem> {
        let mut charge = self.reserve_passwords(1).await?;
        if let Some(number) = number {
            charge.begin_attempt(number)?;
        }
        Ok(charge)
    }

    /// For a change that asks for so many current passwords.
    ///
    /// # Errors
    /// 429
    pub(super) async fn reserve_passwords(&self, passwords: usize) -> Result<Reservation, Problem> {
        let passwords = u32::try_from(passwords).unwrap_or(u32::MAX);
        self.limiter.reserve(self.address, passwords).await.map_err(rate_limited)
    }
}

/// 429, counted; `wait` is until it is worth trying again.
fn rate_limited(wait: Duration) -> Problem {
    counter!(LOGINS_RATE_LIMITED).increment(1);
    Problem::too_many_requests((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
}

#[cfg(test)]
mod tests;
