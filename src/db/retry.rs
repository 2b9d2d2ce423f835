//! Retries until the deadline, each on another connection: the last one was lost, or led to a
//! server that does not accept changes yet.
//!
//! One attempt gets a part of the time, so that a silent server leaves time for another attempt.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::error::{DbError, DbFailure};
use super::handle::{Db, Deadline};
use crate::{backoff, clock};

/// The wait before the second retry. The first one comes at once; each later wait is twice as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(25);
const MAX_BACKOFF: Duration = Duration::from_millis(400);

/// The attempts made, and the time left for more.
pub(super) struct Retry {
    deadline: Deadline,
    max_attempts: i16,
    attempts: i16,
    /// Why the attempt before the last one failed.
    last_failure: Option<DbFailure>,
}

impl Retry {
    /// Attempts `work` until it succeeds, fails for good, or no time is left. An attempt that
    /// failed may still have taken effect.
    pub(super) async fn run<T, Work: Future<Output = Result<T, DbError>>>(
        mut self,
        work: impl Fn(Deadline) -> Work,
    ) -> Result<T, DbError> {
        loop {
            let (_, deadline) = self.next_attempt();
            match work(deadline).await {
                Ok(done) => return Ok(done),
                Err(DbError::NotCommitted(failure)) => {
                    self.backoff_or_fail(failure).await.map_err(DbError::NotCommitted)?;
                }
                Err(DbError::OutcomeUnknown(failure)) => {
                    self.backoff_or_fail(failure).await.map_err(DbError::OutcomeUnknown)?;
                }
            }
        }
    }

    /// All the time and all the attempts that the database handle allows.
    pub(super) fn new(db: &Db) -> Self {
        Self {
            deadline: db.deadline(),
            max_attempts: db.max_attempts,
            attempts: 0,
            last_failure: None,
        }
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
        (number, self.deadline)
    }

    /// Waits until it is time for another attempt. If no attempt is left, returns the failure. If
    /// the last attempt only failed to get a connection, returns the failure before it, which says
    /// more.
    pub(super) async fn backoff_or_fail(&mut self, failure: DbFailure) -> Result<(), DbFailure> {
        if self.attempts >= self.max_attempts || !failure.is_transient() {
            let before = self.last_failure.take().filter(|_| matches!(failure, DbFailure::Busy(_)));
            return Err(before.unwrap_or(failure));
        }
        let pause = match self.attempts {
            ..=1 => Duration::ZERO,
            begun => {
                let retries = (begun - 2).unsigned_abs().into();
                backoff::exponential(FIRST_BACKOFF, retries, MAX_BACKOFF)
            }
        };
        let next = Instant::from_std(clock::now()) + pause;
        sleep_until(next.min(self.deadline.end)).await;
        if next >= self.deadline.end {
            return Err(failure);
        }
        self.last_failure = Some(failure);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const BUSY: DbFailure = DbFailure::Busy(Duration::from_secs(5));

    async fn failure_of(failures: &[DbFailure]) -> DbFailure {
        let end = Instant::from_std(clock::now()) + Duration::from_mins(1);
        let deadline = Deadline { end, per_attempt: Duration::from_mins(1) };
        let retry = Retry { deadline, max_attempts: i16::MAX, attempts: 0, last_failure: None };
        let next = RefCell::new(failures.iter().cloned());
        let work = async |_| Err::<(), _>(DbError::NotCommitted(next.borrow_mut().next().unwrap()));
        retry.run(work).await.unwrap_err().into_failure()
    }

    #[tokio::test]
    async fn p15_the_last_failure_is_reported_and_not_that_the_time_was_up() {
        let failure = |text: &str| DbFailure::Connection(text.to_owned());
        assert_eq!(failure_of(&[failure("first"), failure("last"), BUSY]).await, failure("last"));
        assert_eq!(failure_of(&[BUSY]).await, BUSY);
        let row = DbFailure::Row("attempt");
        assert_eq!(failure_of(&[failure("first"), row.clone()]).await, row);
    }
}
