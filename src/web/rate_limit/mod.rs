//! The limit by address (`R`): the points that logins cost, and the credentials that one address
//! may void.
//!
//! A request with a password reserves the highest cost before anything is verified, and settles the
//! real one afterwards. While other requests hold the rest of the budget it waits for them. Many
//! requests at once are thus answered as if they had come one after the other. Wider networks have
//! larger budgets of the same kind.
//!
//! An address that has voided its ten credentials gets 429 before it could void another. Numbers
//! without a live credential are treated as if they had a temporary password ([`attempts`]).

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
use super::client_ip::networks;
use super::problem::Problem;
use crate::clock;
use crate::metrics::LOGINS_RATE_LIMITED;
use attempts::NumberAttempts;
pub(super) use bucket::{LeakyBucket, Quota};
use budgets::{BucketKeys, Budgets, ReserveOutcome};
use domain::phone_number::PhoneNumber;
pub(super) use reservation::{RequestCost, Reservation};

/// The most buckets of each kind. Networks share one rarely, and not by a client's choice: the hash
/// has a random key.
const MAX_BUCKETS: u64 = 1 << 18;

/// How long a request waits for others of its networks to settle: as long as they may wait for a
/// verification.
const MAX_WAIT: Duration = Duration::from_mins(3);

/// Counts the cost of logins; cheap to clone.
#[derive(Clone)]
pub(super) struct RateLimiter {
    /// `None` if there is no limit.
    state: Option<Arc<Mutex<LimiterState>>>,
    hasher: RandomState,
    now: fn() -> Instant,
}

struct LimiterState {
    budgets: Budgets,
    attempts: NumberAttempts,
}

impl RateLimiter {
    /// A limit of this many points a minute for one address, or no limit.
    pub(super) fn new(points_per_minute: Option<NonZeroU32>) -> Self {
        let state = |points| LimiterState {
            budgets: Budgets::new(points),
            attempts: NumberAttempts::default(),
        };
        let state = points_per_minute.map(|points| Arc::new(Mutex::new(state(points))));
        Self { state, hasher: RandomState::new(), now: clock::now }
    }

    /// Whether the highest cost could be paid now.
    ///
    /// # Errors
    /// How long until it could.
    fn check(&self, address: IpAddr) -> Result<(), Duration> {
        let keys = self.bucket_keys(address);
        let Some(mut state) = self.state() else { return Ok(()) };
        state.budgets.check(keys, address.to_canonical(), (self.now)())
    }

    /// Reserves the highest cost, and up to `voidings` voidings. Waits for other requests of the
    /// same networks to settle, but not for spent points to return.
    ///
    /// # Errors
    /// How long until it is worth trying again.
    async fn reserve(&self, address: IpAddr, voidings: u32) -> Result<Reservation, Duration> {
        let deadline = tokio::time::Instant::from(clock::now() + MAX_WAIT);
        let keys = self.bucket_keys(address);
        loop {
            let (waiting, freed) = {
                let Some(mut state) = self.state() else {
                    return Ok(Reservation::unlimited(self.clone()));
                };
                match state.budgets.reserve(keys, address.to_canonical(), voidings, (self.now)()) {
                    ReserveOutcome::Reserved(voidings) => {
                        return Ok(Reservation::new(self.clone(), address, keys, voidings));
                    }
                    ReserveOutcome::Exhausted(wait) => return Err(wait),
                    // A request that settles from here on wakes this one.
                    ReserveOutcome::Contended(level, freed) => {
                        (WaitingRequest { limiter: self, level, keys }, freed.notified_owned())
                    }
                }
            };
            let woken = tokio::time::timeout_at(deadline, freed).await;
            drop(waiting);
            woken.map_err(|_| Duration::from_secs(1))?;
        }
    }

    /// Forgets networks and numbers with nothing left to remember.
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

/// A request that waits for others to settle; counted until it is dropped.
struct WaitingRequest<'a> {
    limiter: &'a RateLimiter,
    level: usize,
    keys: BucketKeys,
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        if let Some(mut state) = self.limiter.state() {
            state.budgets.end_wait(self.level, self.keys);
        }
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("on", &self.state.is_some()).finish_non_exhaustive()
    }
}

/// The right of a request to reserve: its address has points left.
pub(super) struct RateLimit {
    pub(super) address: IpAddr,
    limiter: RateLimiter,
}

impl FromRequestParts<AppState> for RateLimit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let ClientIp(address) = ClientIp::from_request_parts(parts, state).await?;
        let limiter = state.rate_limiter().clone();
        limiter.check(address).map_err(rate_limited)?;
        Ok(Self { address, limiter })
    }
}

impl RateLimit {
    /// Reserves for an attempt at a login number.
    ///
    /// # Errors
    /// 429
    pub(super) async fn reserve_login(&self, number: PhoneNumber) -> Result<Reservation, Problem> {
        let mut reservation = self.reserve_passwords(1).await?;
        reservation.begin_attempt(number)?;
        Ok(reservation)
    }

    /// Reserves for a change that verifies this many current passwords.
    ///
    /// # Errors
    /// 429
    pub(super) async fn reserve_passwords(&self, passwords: usize) -> Result<Reservation, Problem> {
        let passwords = u32::try_from(passwords).unwrap_or(u32::MAX);
        self.limiter.reserve(self.address, passwords).await.map_err(rate_limited)
    }
}

/// Counts a refusal and answers 429; `wait` is how long until it is worth trying again.
fn rate_limited(wait: Duration) -> Problem {
    counter!(LOGINS_RATE_LIMITED).increment(1);
    Problem::too_many_requests((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
}

#[cfg(test)]
mod tests;
