//! A leaky bucket, whose content flows back at an even pace, and a sliding window, which counts
//! exactly. Pure; the time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much may be spent at once, and how long all of it takes to flow back.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct Quota {
    pub(in crate::web) limit: u32,
    pub(in crate::web) period: Duration,
}

/// What is spent, as the time when all of it will have flowed back.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct LeakyBucket {
    empty_at: Instant,
}

impl Quota {
    /// How long so many points take to flow back.
    fn refill_time(self, points: u32) -> Duration {
        let all = self.period.as_nanos() * u128::from(points);
        Duration::from_nanos(u64::try_from(all / u128::from(self.limit.max(1))).unwrap_or(u64::MAX))
    }
}

impl LeakyBucket {
    /// With nothing spent.
    pub(in crate::web) fn new(now: Instant) -> Self {
        Self { empty_at: now }
    }

    pub(in crate::web) fn is_empty(&self, now: Instant) -> bool {
        self.empty_at <= now
    }

    /// How long until so many points can be spent; zero if they can be now.
    pub(in crate::web) fn wait(&self, pace: Quota, points: u32, now: Instant) -> Duration {
        let spent = self.empty_at.saturating_duration_since(now);
        (spent + pace.refill_time(points)).saturating_sub(pace.period)
    }

    /// How many points can be spent now.
    #[cfg(test)]
    fn left(&self, pace: Quota, now: Instant) -> u32 {
        let spent = self.empty_at.saturating_duration_since(now);
        let free = pace.period.saturating_sub(spent).as_nanos() * u128::from(pace.limit);
        u32::try_from(free / pace.period.as_nanos().max(1)).unwrap_or(u32::MAX)
    }

    /// Spends them; what is spent beyond all there is becomes a debt, of as much again at most.
    pub(in crate::web) fn spend(&mut self, pace: Quota, points: u32, now: Instant) {
        let spent = self.empty_at.saturating_duration_since(now) + pace.refill_time(points);
        self.empty_at = now + spent.min(2 * pace.period);
    }
}

/// When each of the last events within a period was, so that no period has more than so many.
#[derive(Debug, Default)]
pub(super) struct SlidingWindow {
    at: VecDeque<Instant>,
}

impl SlidingWindow {
    pub(super) fn is_empty(&self, pace: Quota, now: Instant) -> bool {
        self.left(pace, now) >= pace.limit
    }

    /// How many more there may be now.
    pub(super) fn left(&self, pace: Quota, now: Instant) -> u32 {
        let is_counted = |at: &&Instant| now.saturating_duration_since(**at) < pace.period;
        let counted = u32::try_from(self.at.iter().filter(is_counted).count()).unwrap_or(u32::MAX);
        pace.limit.saturating_sub(counted)
    }

    /// How long until there may be one more; zero if there may be one now.
    pub(super) fn wait(&self, pace: Quota, now: Instant) -> Duration {
        let most = usize::try_from(pace.limit).unwrap_or(usize::MAX);
        let first = self.at.len().checked_sub(most).and_then(|beyond| self.at.get(beyond));
        first.map_or(Duration::ZERO, |at| (*at + pace.period).saturating_duration_since(now))
    }

    /// Counts so many.
    pub(super) fn count(&mut self, pace: Quota, events: u32, now: Instant) {
        while self.at.front().is_some_and(|at| now.saturating_duration_since(*at) >= pace.period) {
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
    fn what_is_spent_flows_back_at_an_even_pace_and_debt_has_an_end() {
        let pace = Quota { limit: 100, period: Duration::from_mins(1) };
        let start = clock::now();
        let after = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut bucket = LeakyBucket::new(start);
        assert!(bucket.is_empty(start));
        assert_eq!(bucket.left(pace, start), 100);
        bucket.spend(pace, 95, start);
        assert_eq!(bucket.left(pace, start), 5);
        assert_eq!(bucket.wait(pace, 5, start), Duration::ZERO);
        assert_eq!(bucket.wait(pace, 10, start), Duration::from_secs(3));
        assert_eq!(bucket.wait(pace, 10, after(3.0)), Duration::ZERO);
        assert_eq!(bucket.left(pace, after(30.0)), 55);
        bucket.spend(pace, 10_000, start);
        assert_eq!(bucket.left(pace, start), 0);
        assert_eq!(bucket.wait(pace, 100, start), Duration::from_mins(2));
        assert!(!bucket.is_empty(after(119.0)) && bucket.is_empty(after(120.0)));
    }

    #[test]
    fn more_than_there_can_be_never_fits() {
        let pace = Quota { limit: 7, period: Duration::from_mins(1) };
        let now = clock::now();
        assert!(!LeakyBucket::new(now).wait(pace, 8, now).is_zero());
        assert!(LeakyBucket::new(now).wait(pace, 7, now).is_zero());
    }

    #[test]
    fn b1_no_hour_has_more_than_so_many() {
        let pace = Quota { limit: 10, period: Duration::from_hours(1) };
        let start = clock::now();
        let after = |minutes: u64| start + Duration::from_mins(minutes);
        let mut window = SlidingWindow::default();
        let mut counted = Vec::new();
        for minute in 0..240 {
            let left = window.left(pace, after(minute));
            assert_eq!(left == 0, !window.wait(pace, after(minute)).is_zero());
            window.count(pace, left.min(1 + u32::from(minute == 59)), after(minute));
            counted.extend((0..left.min(1 + u32::from(minute == 59))).map(|_| minute));
        }
        for first in 0..180 {
            let hour = counted.iter().filter(|minute| (first..first + 60).contains(*minute));
            assert!(hour.count() <= 10, "from minute {first}");
        }
        assert!(!window.is_empty(pace, after(239)) && window.is_empty(pace, after(300)));
    }
}
