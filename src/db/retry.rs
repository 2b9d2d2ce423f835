//! Trying again until the time is over: on another connection, since the first was broken, or led to a
//! server that is not, or not yet, the one that takes changes.
//!
//! One try has a part of the time only, so that a server that has fallen silent leaves some for another.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Db, DbError, DbFailure};
use crate::clock;

/// How long is waited before the second repetition; the first comes at once, each later one after twice the time.
const FIRST_BACKOFF: Duration = Duration::from_millis(25);
const MAX_BACKOFF: Duration = Duration::from_millis(400);

/// How much time a try has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// When the time of all tries is over.
    pub(super) end: Instant,
    /// The longest that one may take once it has a connection.
    pub(super) per_attempt: Duration,
}

/// For how long and how often something is tried.
pub(super) struct Retry {
    time: Deadline,
    max_attempts: i16,
    attempts: i16,
    /// Why the last try before this one failed.
    last_failure: Option<DbFailure>,
}

impl Retry {
    /// Has `work` done until it succeeds or cannot; what became of a try that broke off does not matter.
    pub(super) async fn run<T, Work: Future<Output = Result<T, DbError>>>(
        mut self,
        work: impl Fn(Deadline) -> Work,
    ) -> Result<T, DbError> {
        loop {
            let (_, time) = self.next_attempt();
            match work(time).await {
                Ok(done) => return Ok(done),
                Err(DbError::NotSent(fault)) => {
                    self.backoff_or_fail(fault).await.map_err(DbError::NotSent)?;
                }
                Err(DbError::OutcomeUnknown(fault)) => {
                    self.backoff_or_fail(fault).await.map_err(DbError::OutcomeUnknown)?;
                }
            }
        }
    }

    /// As much as the store has.
    pub(super) fn new(store: &Db) -> Self {
        Self { time: store.time(), max_attempts: store.tries, attempts: 0, last_failure: None }
    }

    /// No more than it takes to leave a connection that has broken since it was used last.
    pub(super) fn once_more(store: &Db) -> Self {
        let patience = Self::new(store);
        Self { max_attempts: patience.max_attempts.min(2), ..patience }
    }

    /// The next try's number, from 0, and its time.
    pub(super) fn next_attempt(&mut self) -> (i16, Deadline) {
        let number = self.attempts;
        self.attempts = number.saturating_add(1);
        (number, self.time)
    }

    /// Waits until it is time for another try; if there is to be none, why it all failed: a last try that
    /// had no time left to get a connection says less than the one before.
    pub(super) async fn backoff_or_fail(&mut self, fault: DbFailure) -> Result<(), DbFailure> {
        if self.attempts >= self.max_attempts || !fault.is_transient() {
            let before = self.last_failure.take().filter(|_| matches!(fault, DbFailure::Busy(_)));
            return Err(before.unwrap_or(fault));
        }
        let pause = match self.attempts {
            ..=1 => Duration::ZERO,
            begun => FIRST_BACKOFF.saturating_mul(1 << (begun - 2).min(8)).min(MAX_BACKOFF),
        };
        let next = Instant::from_std(clock::now()) + pause;
        sleep_until(next.min(self.time.end)).await;
        if next >= self.time.end {
            return Err(fault);
        }
        self.last_failure = Some(fault);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const BUSY: DbFailure = DbFailure::Busy(Duration::from_secs(5));

    async fn told(faults: &[DbFailure]) -> DbFailure {
        let end = Instant::from_std(clock::now()) + Duration::from_mins(1);
        let time = Deadline { end, per_attempt: Duration::from_mins(1) };
        let patience = Retry { time, max_attempts: i16::MAX, attempts: 0, last_failure: None };
        let next = RefCell::new(faults.iter().cloned());
        let work = async |_| Err::<(), _>(DbError::NotSent(next.borrow_mut().next().unwrap()));
        patience.run(work).await.unwrap_err().fault().clone()
    }

    #[tokio::test]
    async fn p15_the_fault_is_told_and_not_that_the_time_ended_at_the_next_try() {
        let fault = |text: &str| DbFailure::Connection(text.to_owned());
        assert_eq!(told(&[fault("first"), fault("last"), BUSY]).await, fault("last"));
        assert_eq!(told(&[BUSY]).await, BUSY);
        let row = DbFailure::Row("attempt");
        assert_eq!(told(&[fault("first"), row.clone()]).await, row);
    }
}
