//! The budgets of networks: points spent, points reserved by requests in progress, and requests
//! that wait for them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::bucket::{LeakyBucket, Quota, SlidingWindow};
use crate::web::refusal_log::NetworkRefusals;
use domain::network::{NETWORK_LEVELS, innocent_level};
use domain::rules;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// An address's bucket at each level of networks.
pub(super) type BucketKeys = [u64; NETWORK_LEVELS.len()];

pub(super) struct Budgets {
    levels: [Level; NETWORK_LEVELS.len()],
}

struct Level {
    points: Quota,
    voidings: Quota,
    by_key: HashMap<u64, Budget>,
}

/// What one network has spent and reserved.
struct Budget {
    points: LeakyBucket,
    voidings: SlidingWindow,
    last_wrong: Option<Instant>,
    /// Points that requests in progress have reserved.
    reserved_points: u32,
    reserved_voidings: u32,
    /// Requests in progress, and requests that wait for them.
    requests: u32,
    freed: Arc<Notify>,
    refused: NetworkRefusals,
}

/// The result of [`Budgets::reserve`].
pub(super) enum ReserveOutcome {
    /// The highest cost is reserved, with this many voidings.
    Reserved(u32),
    /// Other requests have reserved the rest, at this level. Notified when one of them settles.
    Contended(usize, Arc<Notify>),
    /// The budget is spent for this long.
    Exhausted(Duration),
}

impl Budgets {
    /// Budgets with this many points a minute for one address.
    pub(super) fn new(points: NonZeroU32) -> Self {
        let level = |(_, _, times): (u32, u32, u32)| Level {
            points: Quota { limit: points.get().saturating_mul(times), period: MINUTE },
            voidings: Quota { limit: rules::MAX_VOIDINGS_PER_HOUR * times, period: HOUR },
            by_key: HashMap::new(),
        };
        Self { levels: NETWORK_LEVELS.map(level) }
    }

    /// Whether the highest cost could be paid, without regard to reservations.
    ///
    /// # Errors
    /// How long until it could.
    pub(super) fn check(
        &mut self,
        keys: BucketKeys,
        address: IpAddr,
        now: Instant,
    ) -> Result<(), Duration> {
        let waits = self
            .levels
            .iter()
            .enumerate()
            .zip(keys)
            .filter(|((at, _), _)| self.is_binding(*at, keys, address, now))
            .map(|((_, level), key)| level.wait(key, now));
        let wait = waits.max().unwrap_or_default();
        if wait.is_zero() { Ok(()) } else { Err(self.record_refusal(keys, address, wait, now)) }
    }

    /// Reserves the highest cost at every level, and up to `voidings` voidings.
    pub(super) fn reserve(
        &mut self,
        keys: BucketKeys,
        address: IpAddr,
        voidings: u32,
        now: Instant,
    ) -> ReserveOutcome {
        if let Err(wait) = self.check(keys, address, now) {
            return ReserveOutcome::Exhausted(wait);
        }
        let contention =
            (0..keys.len()).find_map(|level| self.contention(level, keys, address, now));
        match contention {
            None => {}
            Some((at, Ok(freed))) => return ReserveOutcome::Contended(at, freed),
            Some((_, Err(wait))) => {
                return ReserveOutcome::Exhausted(self.record_refusal(keys, address, wait, now));
            }
        }
        let left = self.levels.iter_mut().zip(keys);
        let left = left.map(|(level, key)| level.voidings_left(key, now));
        let voidings = left.min().unwrap_or_default().min(voidings);
        for (level, key) in self.levels.iter_mut().zip(keys) {
            let max_cost = level.max_cost();
            let budget = level.budget(key, now);
            budget.reserved_points += max_cost;
            budget.reserved_voidings += voidings;
            budget.requests += 1;
        }
        ReserveOutcome::Reserved(voidings)
    }

    /// Releases a reservation, and spends what the request cost.
    pub(super) fn settle(
        &mut self,
        keys: BucketKeys,
        reserved_voidings: u32,
        spent: Spending,
        now: Instant,
    ) {
        for (level, key) in self.levels.iter_mut().zip(keys) {
            let (max_cost, points, voidings) = (level.max_cost(), level.points, level.voidings);
            let budget = level.budget(key, now);
            budget.reserved_points = budget.reserved_points.saturating_sub(max_cost);
            budget.reserved_voidings = budget.reserved_voidings.saturating_sub(reserved_voidings);
            budget.requests = budget.requests.saturating_sub(1);
            budget.points.spend(points, spent.points, now);
            if spent.points >= rules::FAILED_LOGIN_POINTS {
                budget.last_wrong = Some(now);
            }
            budget.voidings.count(voidings, spent.voidings, now);
            budget.freed.notify_waiters();
        }
    }

    /// Whether the budget of this level limits the address: its own always does, a wider network's
    /// if the address has sent a wrong entry lately.
    fn is_binding(&self, level: usize, keys: BucketKeys, address: IpAddr, now: Instant) -> bool {
        let Some(innocent) = innocent_level(address, level) else { return true };
        let network = self.levels.get(innocent).zip(keys.get(innocent));
        let budget = network.and_then(|(level, key)| level.by_key.get(key));
        budget.is_some_and(|budget| budget.has_wrong_entry(now))
    }

    /// What a request must wait for at this level, if anything, and at which level that is. An
    /// address without a wrong entry passes an exhausted network, one request at a time.
    fn contention(
        &mut self,
        level: usize,
        keys: BucketKeys,
        address: IpAddr,
        now: Instant,
    ) -> Option<(usize, Result<Arc<Notify>, Duration>)> {
        if self.is_binding(level, keys, address, now) {
            let contention = self.levels.get_mut(level)?.contention(*keys.get(level)?, now);
            return contention.map(|contention| (level, contention));
        }
        if self.levels.get(level)?.has_room(*keys.get(level)?, now) {
            return None;
        }
        let innocent = innocent_level(address, level)?;
        let budget = self.levels.get_mut(innocent)?.by_key.get_mut(keys.get(innocent)?)?;
        (budget.reserved_points > 0).then(|| (innocent, Ok(budget.join_queue())))
    }

    /// A request has stopped waiting at this level.
    pub(super) fn end_wait(&mut self, level: usize, keys: BucketKeys) {
        let level = self.levels.get_mut(level).zip(keys.get(level));
        if let Some((level, key)) = level
            && let Some(budget) = level.by_key.get_mut(key)
        {
            budget.requests = budget.requests.saturating_sub(1);
        }
    }

    /// How long until another credential may be voided.
    pub(super) fn wait_for_voiding(
        &mut self,
        keys: BucketKeys,
        address: IpAddr,
        now: Instant,
    ) -> Duration {
        let waits = self.levels.iter_mut().zip(keys).map(|(level, key)| {
            let quota = level.voidings;
            level.budget(key, now).voidings.wait(quota, now)
        });
        let wait = waits.max().unwrap_or_default();
        self.record_refusal(keys, address, wait, now)
    }

    /// Counts a refusal. The first one of a network is logged, and later ones by number at each
    /// [`evict_idle`](Self::evict_idle).
    fn record_refusal(
        &mut self,
        keys: BucketKeys,
        address: IpAddr,
        wait: Duration,
        now: Instant,
    ) -> Duration {
        let [narrowest, ..] = &mut self.levels;
        let [key, ..] = keys;
        if narrowest.budget(key, now).refused.record(address) {
            tracing::warn!(event = "rate_limited", %address, "rate limit: refusing logins from here");
        }
        wait
    }

    /// Forgets networks with nothing spent and no requests.
    pub(super) fn evict_idle(&mut self, now: Instant) {
        for level in &mut self.levels {
            let voidings = level.voidings;
            level.by_key.retain(|_, budget| {
                if let Some((address, more)) = budget.refused.take() {
                    tracing::warn!(event = "rate_limited", %address, more, "rate limit: refused more logins");
                }
                let is_new = budget.points.is_empty(now)
                    && budget.voidings.is_empty(voidings, now)
                    && !budget.has_wrong_entry(now);
                !is_new || budget.requests > 0
            });
            level.by_key.shrink_to_fit();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> [usize; NETWORK_LEVELS.len()] {
        self.levels.each_ref().map(|level| level.by_key.len())
    }
}

/// The cost of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spending {
    pub(super) points: u32,
    pub(super) voidings: u32,
}

impl Budget {
    /// Whether a wrong entry has come within the hour.
    fn has_wrong_entry(&self, now: Instant) -> bool {
        self.last_wrong.is_some_and(|at| now.saturating_duration_since(at) < HOUR)
    }

    /// One more request waits for another to settle.
    fn join_queue(&mut self) -> Arc<Notify> {
        self.requests += 1;
        Arc::clone(&self.freed)
    }
}

impl Level {
    /// The highest cost of a request: that of one password, or the whole budget.
    fn max_cost(&self) -> u32 {
        rules::NO_CREDENTIAL_LOGIN_POINTS.min(self.points.limit)
    }

    fn budget(&mut self, key: u64, now: Instant) -> &mut Budget {
        self.by_key.entry(key).or_insert_with(|| Budget {
            points: LeakyBucket::new(now),
            voidings: SlidingWindow::default(),
            last_wrong: None,
            reserved_points: 0,
            reserved_voidings: 0,
            requests: 0,
            freed: Arc::default(),
            refused: NetworkRefusals::default(),
        })
    }

    fn wait(&self, key: u64, now: Instant) -> Duration {
        let budget = self.by_key.get(&key);
        budget.map_or(Duration::ZERO, |it| it.points.wait(self.points, self.max_cost(), now))
    }

    /// Whether the highest cost could be paid beside what other requests have reserved.
    fn has_room(&self, key: u64, now: Instant) -> bool {
        self.by_key.get(&key).is_none_or(|budget| {
            let points = budget.reserved_points.saturating_add(self.max_cost());
            budget.points.wait(self.points, points, now).is_zero()
        })
    }

    /// What to wait for if other requests have reserved the rest. How long to stay away if nothing
    /// would be left even at the lowest cost of each.
    fn contention(&mut self, key: u64, now: Instant) -> Option<Result<Arc<Notify>, Duration>> {
        if self.has_room(key, now) {
            return None;
        }
        let (quota, max_cost) = (self.points, self.max_cost());
        let budget = self.by_key.get_mut(&key)?;
        let min_cost = budget.requests.saturating_mul(rules::SUCCESSFUL_LOGIN_POINTS);
        let wait = budget.points.wait(quota, min_cost.saturating_add(max_cost), now);
        if !wait.is_zero() {
            return Some(Err(wait));
        }
        Some(Ok(budget.join_queue()))
    }

    fn voidings_left(&mut self, key: u64, now: Instant) -> u32 {
        let quota = self.voidings;
        self.by_key.get(&key).map_or(quota.limit, |budget| {
            budget.voidings.left(quota, now).saturating_sub(budget.reserved_voidings)
        })
    }
}
