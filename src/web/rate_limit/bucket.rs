//! A leaky bucket, which drains at an even rate, and a sliding window, which counts exactly. Pure;
//! the time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much may be spent at once, and how long all of it takes to return.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct Quota {
    pub(in crate::web) limit: u32,
    pub(in crate::web) period: Duration,
}

/// The points spent, as the time when all of them will have returned.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct LeakyBucket {
    empty_at: Instant,
}

impl Quota {
    /// How long this many points take to return.
    fn refill_time(self, points: u32) -> Duration {
        let all = self.period.as_nanos() * u128::from(points);
        Duration::from_nanos(u64::try_from(all / u128::from(self.limit.max(1))).unwrap_or(u64::MAX))
    }
}

impl LeakyBucket {
    /// A bucket with nothing spent.
    pub(in crate::web) fn new(now: Instant) -> Self {
        Self { empty_at: now }
    }

    pub(in crate::web) fn is_empty(&self, now: Instant) -> bool {
        self.empty_at <= now
    }

    /// How long until `points` can be spent; zero if they can be now.
    pub(in crate::web) fn wait(&self, quota: Quota, points: u32, now: Instant) -> Duration {
        let spent = self.empty_at.saturating_duration_since(now);
        (spent + quota.refill_time(points)).saturating_sub(quota.period)
    }

    /// How many points can be spent now.
    #[cfg(test)]
    fn left(&self, quota: Quota, now: Instant) -> u32 {
        let spent = self.empty_at.saturating_duration_since(now);
        let free = quota.period.saturating_sub(spent).as_nanos() * u128::from(quota.limit);
        u32::try_from(free / quota.period.as_nanos().max(1)).unwrap_or(u32::MAX)
    }

    /// Spends `points`. Points above the limit become a debt, at most as large as the limit.
    pub(in crate::web) fn spend(&mut self, quota: Quota, points: u32, now: Instant) {
        let spent = self.empty_at.saturating_duration_since(now) + quota.refill_time(points);
        self.empty_at = now + spent.min(2 * quota.period);
    }
}

/// The times of the last events, so that no period has more than the limit.
#[derive(Debug, Default)]
pub(super) struct SlidingWindow {
    at: VecDeque<Instant>,
}

impl SlidingWindow {
    pub(super) fn is_empty(&self, quota: Quota, now: Instant) -> bool {
        self.left(quota, now) >= quota.limit
    }

    /// How many more events there may be now.
    pub(super) fn left(&self, quota: Quota, now: Instant) -> u32 {
        let is_counted = |at: &&Instant| now.saturating_duration_since(**at) < quota.period;
        let counted = u32::try_from(self.at.iter().filter(is_counted).count()).unwrap_or(u32::MAX);
        quota.limit.saturating_sub(counted)
    }

    /// How long until there may be another event; zero if there may be one now.
    pub(super) fn wait(&self, quota: Quota, now: Instant) -> Duration {
        let limit = usize::try_from(quota.limit).unwrap_or(usize::MAX);
        let first = self.at.len().checked_sub(limit).and_then(|beyond| self.at.get(beyond));
        first.map_or(Duration::ZERO, |at| (*at + quota.period).saturating_duration_since(now))
    }

    /// Counts this many events.
    pub(super) fn count(&mut self, quota: Quota, events: u32, now: Instant) {
        while self.at.front().is_some_and(|at| now.saturating_duration_since(*at) >= quota.period) {
            self.at.pop_front();
        }
        self.at.extend((0..events).map(|_| now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn spent_points_return_at_an_even_rate_and_debt_is_limited() {
        let quota = Quota { limit: 100, period: Duration::from_mins(1) };
        let start = clock::now();
        let after = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut bucket = LeakyBucket::new(start);
        assert!(bucket.is_empty(start));
        assert_eq!(bucket.left(quota, start), 100);
        bucket.spend(quota, 95, start);
        assert_eq!(bucket.left(quota, start), 5);
        assert_eq!(bucket.wait(quota, 5, start), Duration::ZERO);
        assert_eq!(bucket.wait(quota, 10, start), Duration::from_secs(3));
        assert_eq!(bucket.wait(quota, 10, after(3.0)), Duration::ZERO);
        assert_eq!(bucket.left(quota, after(30.0)), 55);
        bucket.spend(quota, 10_000, start);
        assert_eq!(bucket.left(quota, start), 0);
        assert_eq!(bucket.wait(quota, 100, start), Duration::from_mins(2));
        assert!(!bucket.is_empty(after(119.0)) && bucket.is_empty(after(120.0)));
    }

    #[test]
    fn more_than_the_limit_never_fits() {
        let quota = Quota { limit: 7, period: Duration::from_mins(1) };
        let now = clock::now();
        assert!(!LeakyBucket::new(now).wait(quota, 8, now).is_zero());
        assert!(LeakyBucket::new(now).wait(quota, 7, now).is_zero());
    }

    #[test]
    fn r_no_hour_has_more_than_ten_voidings() {
        let quota = Quota { limit: 10, period: Duration::from_hours(1) };
        let start = clock::now();
        let after = |minutes: u64| start + Duration::from_mins(minutes);
        let mut window = SlidingWindow::default();
        let mut counted = Vec::new();
        for minute in 0..240 {
            let left = window.left(quota, after(minute));
            assert_eq!(left == 0, !window.wait(quota, after(minute)).is_zero());
            window.count(quota, left.min(1 + u32::from(minute == 59)), after(minute));
            counted.extend((0..left.min(1 + u32::from(minute == 59))).map(|_| minute));
        }
        for first in 0..180 {
            let hour = counted.iter().filter(|minute| (first..first + 60).contains(*minute));
            assert!(hour.count() <= 10, "from minute {first}");
        }
        assert!(!window.is_empty(quota, after(239)) && window.is_empty(quota, after(300)));
    }
}
