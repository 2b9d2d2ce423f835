//! The limit by address (`R`): what logins cost, and how many credentials one address may void.
//!
//! A request that asks for a password holds the dearest price before anything is verified, and pays
//! what it came to afterwards. While others hold what is left it waits for them, so that many at
//! once are answered as if they had come one by one. Wider networks have larger budgets of the same
//! kind. An address that has voided its ten gets 429 before what could void another; numbers
//! without a live credential are treated as if they had a temporary password ([`tries`]).

mod bucket;
mod budgets;
mod charge;
mod network;
mod tries;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use metrics::counter;

use super::Site;
use super::problem::Problem;
use super::session::Client;
use crate::clock;
pub(super) use bucket::{Bucket, Pace};
use budgets::{Answer, Budgets, Places};
pub(super) use charge::{Charge, Cost};
use domain::phone_number::PhoneNumber;
pub(super) use network::{NETWORKS, household, network, networks};
use tries::Tries;

/// What is remembered at most of each kind. Two share a place only by a rare chance, which nobody
/// can foresee.
const PLACES: u64 = 1 << 18;

/// How long a request waits for others of its address to pay: as long as these may wait for a hash.
const PATIENCE: Duration = Duration::from_mins(3);

/// Counts what logins cost; cheap to clone.
#[derive(Clone)]
pub(super) struct Limiter {
    /// None if there is no limit.
    state: Option<Arc<Mutex<State>>>,
    places: RandomState,
    now: fn() -> Instant,
}

struct State {
    budgets: Budgets,
    tries: Tries,
}

impl Limiter {
    /// So many points a minute for one address; no limit if none.
    pub(super) fn new(a_minute: Option<NonZeroU32>) -> Self {
        let state = |points| State { budgets: Budgets::new(points), tries: Tries::default() };
        let state = a_minute.map(|points| Arc::new(Mutex::new(state(points))));
        Self { state, places: RandomState::new(), now: clock::now }
    }

    /// Whether the dearest could be paid now; otherwise when.
    fn check(&self, address: IpAddr) -> Result<(), Duration> {
        let places = self.places_of(address);
        let Some(mut state) = self.state() else { return Ok(()) };
        state.budgets.check(places, network(address), (self.now)())
    }

    /// Holds the dearest price, and as many voidings up to `voidings` as are left. Waits for others
    /// of the same networks that hold what is left, not for time to pass.
    async fn hold(&self, address: IpAddr, voidings: u32) -> Result<Charge, Duration> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let places = self.places_of(address);
        loop {
            let (waiting, freed) = {
                let Some(mut state) = self.state() else { return Ok(Charge::free(self.clone())) };
                match state.budgets.hold(places, network(address), voidings, (self.now)()) {
                    Answer::Held(voidings) => {
                        return Ok(Charge::new(self.clone(), address, places, voidings));
                    }
                    Answer::Spent(wait) => return Err(wait),
                    // Whoever pays from here on wakes it.
                    Answer::HeldByOthers(level, freed) => {
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
    pub(super) fn forget(&self) {
        if let Some(mut state) = self.state() {
            let now = (self.now)();
            state.budgets.forget(now);
            state.tries.forget(now);
        }
    }

    fn state(&self) -> Option<MutexGuard<'_, State>> {
        Some(self.state.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn places_of(&self, address: IpAddr) -> Places {
        networks(address).map(|network| self.places.hash_one(network) % PLACES)
    }

    fn place_of(&self, number: PhoneNumber) -> u64 {
        self.places.hash_one(number.as_str()) % PLACES
    }
}

/// A request that waits for others to pay; counted until it is dropped.
struct Waiting<'a> {
    limiter: &'a Limiter,
    level: usize,
    places: Places,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(mut state) = self.limiter.state() {
            state.budgets.end_wait(self.level, self.places);
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("on", &self.state.is_some()).finish_non_exhaustive()
    }
}

/// A request whose address has something left; what it asks for is not paid yet.
pub(super) struct Admitted {
    /// Where from.
    pub(super) address: IpAddr,
    limiter: Limiter,
}

impl FromRequestParts<Site> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let Client(address) = Client::from_request_parts(parts, site).await?;
        let limiter = site.limiter().clone();
        limiter.check(address).map_err(limited)?;
        Ok(Self { address, limiter })
    }
}

impl Admitted {
    /// For a try at a login number, or at none.
    ///
    /// # Errors
    /// 429
    pub(super) async fn for_login(&self, number: Option<PhoneNumber>) -> Result<Charge, Problem> {
        let mut charge = self.for_passwords(1).await?;
        if let Some(number) = number {
            charge.at(number)?;
        }
        Ok(charge)
    }

    /// For a change that asks for so many current passwords.
    ///
    /// # Errors
    /// 429
    pub(super) async fn for_passwords(&self, passwords: usize) -> Result<Charge, Problem> {
        let passwords = u32::try_from(passwords).unwrap_or(u32::MAX);
        self.limiter.hold(self.address, passwords).await.map_err(limited)
    }
}

/// 429, counted; `wait` is until it is worth trying again.
fn limited(wait: Duration) -> Problem {
    counter!("karipass_logins_limited_total").increment(1);
    Problem::too_many_requests((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
}

#[cfg(test)]
mod tests;
