//! The budgets of networks: what is spent, what is held by requests under way, and who waits for
//! them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::bucket::{Bucket, Pace, Window};
use super::network::NETWORKS;
use domain::rules;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A network's place at each level.
pub(super) type Places = [u64; NETWORKS.len()];

/// The budgets of each level's networks.
pub(super) struct Budgets {
    levels: [Level; NETWORKS.len()],
}

struct Level {
    points: Pace,
    voidings: Pace,
    by_place: HashMap<u64, Budget>,
}

/// What one network has spent and holds.
struct Budget {
    points: Bucket,
    voidings: Window,
    /// Points held by requests under way.
    held: u32,
    /// Voidings held by them.
    held_voidings: u32,
    /// How many they are, with those that wait for them.
    under_way: u32,
    freed: Arc<Notify>,
    refused: Refused,
}

/// Refusals since the last one that was logged.
#[derive(Default)]
struct Refused {
    network: Option<IpAddr>,
    count: u64,
}

/// What comes of wanting to hold the dearest price.
pub(super) enum Answer {
    /// It is held, and so many voidings.
    Held(u32),
    /// Others hold what is left, at this level; to be asked again when one of them has paid.
    HeldByOthers(usize, Arc<Notify>),
    /// It is spent; so long until it is not.
    Spent(Duration),
}

impl Budgets {
    /// So many points a minute for one address.
    pub(super) fn new(points: NonZeroU32) -> Self {
        let level = |(_, _, times): (u32, u32, u32)| Level {
            points: Pace { most: points.get().saturating_mul(times), period: MINUTE },
            voidings: Pace { most: rules::MAX_VOIDINGS_PER_HOUR * times, period: HOUR },
            by_place: HashMap::new(),
        };
        Self { levels: NETWORKS.map(level) }
    }

    /// Whether the dearest could be paid, what others hold apart; otherwise when.
    pub(super) fn check(
        &mut self,
        places: Places,
        network: IpAddr,
        now: Instant,
    ) -> Result<(), Duration> {
        let waits = self.levels.iter().zip(places).map(|(level, place)| level.wait(place, now));
        let wait = waits.max().unwrap_or_default();
        if wait.is_zero() { Ok(()) } else { Err(self.refuse(places, network, wait, now)) }
    }

    /// Holds the dearest price at every level, and up to so many voidings.
    pub(super) fn hold(
        &mut self,
        places: Places,
        network: IpAddr,
        voidings: u32,
        now: Instant,
    ) -> Answer {
        if let Err(wait) = self.check(places, network, now) {
            return Answer::Spent(wait);
        }
        let held = self.levels.iter_mut().zip(places).enumerate();
        let held = held.map(|(at, (level, place))| Some((at, level.held_by_others(place, now)?)));
        match held.flatten().next() {
            None => {}
            Some((at, Ok(freed))) => return Answer::HeldByOthers(at, freed),
            Some((_, Err(wait))) => return Answer::Spent(self.refuse(places, network, wait, now)),
        }
        let left = self.levels.iter_mut().zip(places);
        let left = left.map(|(level, place)| level.voidings_left(place, now));
        let voidings = left.min().unwrap_or_default().min(voidings);
        for (level, place) in self.levels.iter_mut().zip(places) {
            let dearest = level.dearest();
            let budget = level.budget(place, now);
            budget.held += dearest;
            budget.held_voidings += voidings;
            budget.under_way += 1;
        }
        Answer::Held(voidings)
    }

    /// Gives back what was held, and spends what it came to.
    pub(super) fn pay(&mut self, places: Places, held_voidings: u32, paid: Paid, now: Instant) {
        for (level, place) in self.levels.iter_mut().zip(places) {
            let (dearest, points, voidings) = (level.dearest(), level.points, level.voidings);
            let budget = level.budget(place, now);
            budget.held = budget.held.saturating_sub(dearest);
            budget.held_voidings = budget.held_voidings.saturating_sub(held_voidings);
            budget.under_way = budget.under_way.saturating_sub(1);
            budget.points.spend(points, paid.points, now);
            budget.voidings.count(voidings, paid.voidings, now);
            budget.freed.notify_waiters();
        }
    }

    /// Someone waits no longer for others at this level.
    pub(super) fn end_wait(&mut self, level: usize, places: Places) {
        let level = self.levels.get_mut(level).zip(places.get(level));
        if let Some((level, place)) = level
            && let Some(budget) = level.by_place.get_mut(place)
        {
            budget.under_way = budget.under_way.saturating_sub(1);
        }
    }

    /// How long until another credential may be voided.
    pub(super) fn until_voiding(
        &mut self,
        places: Places,
        network: IpAddr,
        now: Instant,
    ) -> Duration {
        let waits = self.levels.iter_mut().zip(places).map(|(level, place)| {
            let flow = level.voidings;
            level.budget(place, now).voidings.wait(flow, now)
        });
        let wait = waits.max().unwrap_or_default();
        self.refuse(places, network, wait, now)
    }

    /// Counts a refusal; the first one of a network is logged, and then their number at each
    /// [`forget`](Self::forget).
    fn refuse(
        &mut self,
        places: Places,
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
    pub(super) fn forget(&mut self, now: Instant) {
        for level in &mut self.levels {
            let voidings = level.voidings;
            level.by_place.retain(|_, budget| {
                let refused = std::mem::take(&mut budget.refused);
                if let Refused { network: Some(network), count: more @ 1.. } = refused {
                    tracing::warn!(%network, more, "more logins were refused by the limit");
                }
                let is_new = budget.points.is_empty(now) && budget.voidings.is_empty(voidings, now);
                !is_new || budget.under_way > 0
            });
            level.by_place.shrink_to_fit();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> [usize; NETWORKS.len()] {
        self.levels.each_ref().map(|level| level.by_place.len())
    }
}

/// What a request came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paid {
    pub(super) points: u32,
    pub(super) voidings: u32,
}

impl Level {
    /// What a request holds: the dearest that one password can cost, or all there is.
    fn dearest(&self) -> u32 {
        rules::DEAD_LOGIN_POINTS.min(self.points.most)
    }

    fn budget(&mut self, place: u64, now: Instant) -> &mut Budget {
        self.by_place.entry(place).or_insert_with(|| Budget {
            points: Bucket::new(now),
            voidings: Window::default(),
            held: 0,
            held_voidings: 0,
            under_way: 0,
            freed: Arc::default(),
            refused: Refused::default(),
        })
    }

    fn wait(&self, place: u64, now: Instant) -> Duration {
        let budget = self.by_place.get(&place);
        budget.map_or(Duration::ZERO, |it| it.points.wait(self.points, self.dearest(), now))
    }

    /// What to wait for if others hold what is left; how long to stay away if so many wait that
    /// nothing would be left if each paid the least.
    fn held_by_others(
        &mut self,
        place: u64,
        now: Instant,
    ) -> Option<Result<Arc<Notify>, Duration>> {
        let (flow, dearest) = (self.points, self.dearest());
        let budget = self.by_place.get_mut(&place)?;
        if budget.points.wait(flow, budget.held.saturating_add(dearest), now).is_zero() {
            return None;
        }
        let least = budget.under_way.saturating_mul(rules::SUCCESSFUL_LOGIN_POINTS);
        let wait = budget.points.wait(flow, least.saturating_add(dearest), now);
        if !wait.is_zero() {
            return Some(Err(wait));
        }
        budget.under_way += 1;
        Some(Ok(Arc::clone(&budget.freed)))
    }

    fn voidings_left(&mut self, place: u64, now: Instant) -> u32 {
        let flow = self.voidings;
        self.by_place.get(&place).map_or(flow.most, |budget| {
            budget.voidings.left(flow, now).saturating_sub(budget.held_voidings)
        })
    }
}
