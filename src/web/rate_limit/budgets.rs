//! The budgets of networks: what is spent, what is held by requests under way, and who waits for
//! them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::bucket::{LeakyBucket, Quota, SlidingWindow};
use crate::web::client_ip::NETWORK_LEVELS;
use domain::rules;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A network's place at each level.
pub(super) type BucketKeys = [u64; NETWORK_LEVELS.len()];

/// The budgets of each level's networks.
pub(super) struct Budgets {
    levels: [Level; NETWORK_LEVELS.len()],
}

struct Level {
    points: Quota,
    voidings: Quota,
    by_key: HashMap<u64, Budget>,
}

/// What one network has spent and holds.
struct Budget {
    points: LeakyBucket,
    voidings: SlidingWindow,
    /// Points held by requests under way.
    reserved_points: u32,
    /// Voidings held by them.
    reserved_voidings: u32,
    /// How many they are, with those that wait for them.
    requests: u32,
    freed: Arc<Notify>,
    refused: RefusalCount,
}

/// Refusals since the last one that was logged.
#[derive(Default)]
struct RefusalCount {
    network: Option<IpAddr>,
    count: u64,
}

/// What comes of wanting to hold the dearest price.
pub(super) enum ReserveOutcome {
    /// It is held, and so many voidings.
    Reserved(u32),
    /// Others hold what is left, at this level; to be asked again when one of them has paid.
    Contended(usize, Arc<Notify>),
    /// It is spent; so long until it is not.
    Exhausted(Duration),
}

impl Budgets {
    /// So many points a minute for one address.
    pub(super) fn new(points: NonZeroU32) -> Self {
        let level = |(_, _, times): (u32, u32, u32)| Level {
            points: Quota { limit: points.get().saturating_mul(times), period: MINUTE },
            voidings: Quota { limit: rules::MAX_VOIDINGS_PER_HOUR * times, period: HOUR },
            by_key: HashMap::new(),
        };
        Self { levels: NETWORK_LEVELS.map(level) }
    }

    /// Whether the dearest could be paid, what others hold apart; otherwise when.
    pub(super) fn check(
        &mut self,
        places: BucketKeys,
        network: IpAddr,
        now: Instant,
    ) -> Result<(), Duration> {
        let waits = self.levels.iter().zip(places).map(|(level, place)| level.wait(place, now));
        let wait = waits.max().unwrap_or_default();
        if wait.is_zero() { Ok(()) } else { Err(self.record_refusal(places, network, wait, now)) }
    }

    /// Holds the dearest price at every level, and up to so many voidings.
    pub(super) fn reserve(
        &mut self,
        places: BucketKeys,
        network: IpAddr,
        voidings: u32,
        now: Instant,
    ) -> ReserveOutcome {
        if let Err(wait) = self.check(places, network, now) {
            return ReserveOutcome::Exhausted(wait);
        }
        let held = self.levels.iter_mut().zip(places).enumerate();
        let held = held.map(|(at, (level, place))| Some((at, level.contention(place, now)?)));
        match held.flatten().next() {
            None => {}
            Some((at, Ok(freed))) => return ReserveOutcome::Contended(at, freed),
            Some((_, Err(wait))) => {
                return ReserveOutcome::Exhausted(self.record_refusal(places, network, wait, now));
            }
        }
        let left = self.levels.iter_mut().zip(places);
        let left = left.map(|(level, place)| level.voidings_left(place, now));
        let voidings = left.min().unwrap_or_default().min(voidings);
        for (level, place) in self.levels.iter_mut().zip(places) {
            let dearest = level.max_cost();
            let budget = level.budget(place, now);
            budget.reserved_points += dearest;
            budget.reserved_voidings += voidings;
            budget.requests += 1;
        }
        ReserveOutcome::Reserved(voidings)
    }

    /// Gives back what was held, and spends what it came to.
    pub(super) fn settle(
        &mut self,
        places: BucketKeys,
        held_voidings: u32,
        paid: Spending,
        now: Instant,
    ) {
        for (level, place) in self.levels.iter_mut().zip(places) {
            let (dearest, points, voidings) = (level.max_cost(), level.points, level.voidings);
            let budget = level.budget(place, now);
            budget.reserved_points = budget.reserved_points.saturating_sub(dearest);
            budget.reserved_voidings = budget.reserved_voidings.saturating_sub(held_voidings);
            budget.requests = budget.requests.saturating_sub(1);
            budget.points.spend(points, paid.points, now);
            budget.voidings.count(voidings, paid.voidings, now);
            budget.freed.notify_waiters();
        }
    }

    /// Someone waits no longer for others at this level.
    pub(super) fn end_wait(&mut self, level: usize, places: BucketKeys) {
        let level = self.levels.get_mut(level).zip(places.get(level));
        if let Some((level, place)) = level
            && let Some(budget) = level.by_key.get_mut(place)
        {
            budget.requests = budget.requests.saturating_sub(1);
        }
    }

    /// How long until another credential may be voided.
    pub(super) fn wait_for_voiding(
        &mut self,
        places: BucketKeys,
        network: IpAddr,
        now: Instant,
    ) -> Duration {
        let waits = self.levels.iter_mut().zip(places).map(|(level, place)| {
            let flow = level.voidings;
            level.budget(place, now).voidings.wait(flow, now)
        });
        let wait = waits.max().unwrap_or_default();
        self.record_refusal(places, network, wait, now)
    }

    /// Counts a refusal; the first one of a network is logged, and then their number at each
    /// [`forget`](Self::forget).
    fn record_refusal(
        &mut self,
        places: BucketKeys,
        network: IpAddr,
        wait: Duration,
        now: Instant,
    ) -> Duration {
        let [narrowest, ..] = &mut self.levels;
        let [place, ..] = places;
        let refused = &mut narrowest.budget(place, now).refused;
        if refused.network.replace(network).is_none() {
            tracing::warn!(%network, "logins from this network are refused by the limit");
        } else {
            refused.count += 1;
        }
        wait
    }

    /// Forgets networks that are as good as new.
    pub(super) fn evict_idle(&mut self, now: Instant) {
        for level in &mut self.levels {
            let voidings = level.voidings;
            level.by_key.retain(|_, budget| {
                let refused = std::mem::take(&mut budget.refused);
                if let RefusalCount { network: Some(network), count: more @ 1.. } = refused {
                    tracing::warn!(%network, more, "more logins were refused by the limit");
                }
                let is_new = budget.points.is_empty(now) && budget.voidings.is_empty(voidings, now);
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

/// What a request came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spending {
    pub(super) points: u32,
    pub(super) voidings: u32,
}

impl Level {
    /// What a request holds: the dearest that one password can cost, or all there is.
    fn max_cost(&self) -> u32 {
        rules::DEAD_LOGIN_POINTS.min(self.points.limit)
    }

    fn budget(&mut self, place: u64, now: Instant) -> &mut Budget {
        self.by_key.entry(place).or_insert_with(|| Budget {
            points: LeakyBucket::new(now),
            voidings: SlidingWindow::default(),
            reserved_points: 0,
            reserved_voidings: 0,
            requests: 0,
            freed: Arc::default(),
            refused: RefusalCount::default(),
        })
    }

    fn wait(&self, place: u64, now: Instant) -> Duration {
        let budget = self.by_key.get(&place);
        budget.map_or(Duration::ZERO, |it| it.points.wait(self.points, self.max_cost(), now))
    }

    /// What to wait for if others hold what is left; how long to stay away if so many wait that
    /// nothing would be left if each paid the least.
    fn contention(&mut self, place: u64, now: Instant) -> Option<Result<Arc<Notify>, Duration>> {
        let (flow, dearest) = (self.points, self.max_cost());
        let budget = self.by_key.get_mut(&place)?;
        if budget.points.wait(flow, budget.reserved_points.saturating_add(dearest), now).is_zero() {
            return None;
        }
        let least = budget.requests.saturating_mul(rules::SUCCESSFUL_LOGIN_POINTS);
        let wait = budget.points.wait(flow, least.saturating_add(dearest), now);
        if !wait.is_zero() {
            return Some(Err(wait));
        }
        budget.requests += 1;
        Some(Ok(Arc::clone(&budget.freed)))
    }

    fn voidings_left(&mut self, place: u64, now: Instant) -> u32 {
        let flow = self.voidings;
        self.by_key.get(&place).map_or(flow.limit, |budget| {
            budget.voidings.left(flow, now).saturating_sub(budget.reserved_voidings)
        })
    }
}
