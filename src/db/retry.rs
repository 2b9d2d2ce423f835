//! Retries until the time is up, each on another connection. The last connection was broken, or led
//! to a server that does not take changes yet.
//!
//! One attempt gets a part of the time, so that a silent server leaves some for another attempt.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::error::{DbError, DbFailure};
use super::handle::{Db, Deadline};
use crate::{backoff, clock};

/// The wait before the second retry. The first one comes at once, and each wait after that is twice
/// as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(25);
const MAX_BACKOFF: Duration = Duration::from_millis(400);

/// The attempts so far, and what is left for more.
pub(super) struct Retry {
    time: Deadline,
    max_attempts: i16,
    attempts: i16,
    /// Why the attempt before the last one failed.
    last_failure: Option<DbFailure>,
}

impl Retry {
    /// Attempts `work` until it succeeds or cannot. An attempt that broke off may have had its
    /// effect.
    pub(super) async fn run<T, Work: Future<Output = Result<T, DbError>>>(
        mut self,
        work: impl Fn(Deadline) -> Work,
    ) -> Result<T, DbError> {
        loop {
            let (_, time) = self.next_attempt();
            match work(time).await {
                Ok(done) => return Ok(done),
                Err(DbError::NotCommitted(fault)) => {
                    self.backoff_or_fail(fault).await.map_err(DbError::NotCommitted)?;
                }
                Err(DbError::OutcomeUnknown(fault)) => {
                    self.backoff_or_fail(fault).await.map_err(DbError::OutcomeUnknown)?;
                }
            }
        }
    }

    /// All the time and all the attempts that the database handle allows.
    pub(super) fn new(db: &Db) -> Self {
        Self { time: db.time(), max_attempts: db.max_attempts, attempts: 0, last_failure: None }
    }

    /// Two attempts at most: enough to leave a connection that has broken since its last use.
    pub(super) fn promptly(db: &Db) -> Self {
        let retry = Self::new(db);
        Self { max_attempts: retry.max_attempts.min(2), ..retry }
    }

    /// The next attempt's number, from 0, and its time.
    pub(super) fn next_attempt(&mut self) -> (i16, Deadline) {
        let number = self.attempts;
        self.attempts = number.saturating_add(1);
        (number, self.time)
    }

    /// Waits until it is time for another attempt. If no attempt is left, returns why they failed.
    /// A last attempt that had no time to get a connection says less than the one before.
    pub(super) async fn backoff_or_fail(&mut self, fault: DbFailure) -> Result<(), DbFailure> {
        if self.attempts >= self.max_attempts || !fault.is_transient() {
            let before = self.last_failure.take().filter(|_| matches!(fault, DbFailure::Busy(_)));
            return Err(before.unwrap_or(fault));
        }
        let pause = match self.attempts {
            ..=1 => Duration::ZERO,
            begun => {
                let retries = (begun - 2).unsigned_abs().into();
                backoff::exponential(FIRST_BACKOFF, retries, MAX_BACKOFF)
            }
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

    async fn failure_of(faults: &[DbFailure]) -> DbFailure {
        let end = Instant::from_std(clock::now()) + Duration::from_mins(1);
        let time = Deadline { end, per_attempt: Duration::from_mins(1) };
        let retry = Retry { time, max_attempts: i16::MAX, attempts: 0, last_failure: None };
        let next = RefCell::new(faults.iter().cloned());
        let work = async |_| Err::<(), _>(DbError::NotCommitted(next.borrow_mut().next().unwrap()));
        retry.run(work).await.unwrap_err().into_failure()
    }

    #[tokio::test]
    async fn p15_the_last_failure_is_reported_and_not_that_the_time_was_up() {
        let fault = |text: &str| DbFailure::Connection(text.to_owned());
        assert_eq!(failure_of(&[fault("first"), fault("last"), BUSY]).await, fault("last"));
        assert_eq!(failure_of(&[BUSY]).await, BUSY);
        let row = DbFailure::Row("attempt");
        assert_eq!(failure_of(&[fault("first"), row.clone()]).await, row);
    }
}
