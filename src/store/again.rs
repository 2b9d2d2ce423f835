//! Trying again until the time is over: on another connection, since the first was broken, or led to a
//! server that is not, or not yet, the one that takes changes.
//!
//! One try has a part of the time only, so that a server that has fallen silent leaves some for another.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Fault, Store, StoreError};
use crate::clock;

/// How long is waited before the second repetition; the first comes at once, each later one after twice the time.
const PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// How much time a try has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    /// When the time of all tries is over.
    pub(super) end: Instant,
    /// The longest that one may take once it has a connection.
    pub(super) a_try: Duration,
}

/// For how long and how often something is tried.
pub(super) struct Patience {
    time: Time,
    most: i16,
    begun: i16,
}

impl Patience {
    /// Has `work` done until it succeeds or cannot; what became of a try that broke off does not matter.
    pub(super) async fn spend<T, Work: Future<Output = Result<T, StoreError>>>(
        mut self,
        work: impl Fn(Time) -> Work,
    ) -> Result<T, StoreError> {
        loop {
            let (_, time) = self.another();
            match work(time).await {
                Ok(done) => return Ok(done),
                Err(error) if self.has_more_after(error.fault()).await => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// As much as the store has.
    pub(super) fn of(store: &Store) -> Self {
        Self { time: store.time(), most: store.tries, begun: 0 }
    }

    /// No more than it takes to leave a connection that has broken since it was used last.
    pub(super) fn brief(store: &Store) -> Self {
        let patience = Self::of(store);
        Self { most: patience.most.min(2), ..patience }
    }

    /// The next try's number, from 0, and its time.
    pub(super) fn another(&mut self) -> (i16, Time) {
        let number = self.begun;
        self.begun = number.saturating_add(1);
        (number, self.time)
    }

    /// Whether there is to be another try after `fault`; waits until it is time for it.
    pub(super) async fn has_more_after(&self, fault: &Fault) -> bool {
        if self.begun >= self.most || !fault.may_pass() {
            return false;
        }
        let pause = match self.begun {
            ..=1 => Duration::ZERO,
            begun => PAUSE.saturating_mul(1 << (begun - 2).min(8)).min(LONGEST_PAUSE),
        };
        let next = Instant::from_std(clock::now()) + pause;
        sleep_until(next.min(self.time.end)).await;
        next < self.time.end
    }
}
