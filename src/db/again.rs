//! Trying again until the time is over: on another connection, since the first was broken, or led to a
//! server that is not, or not yet, the one that takes changes.
//!
//! One try has a part of the time only, so that a server that has fallen silent leaves some for another.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Db, DbError, DbFailure};
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
    /// Why the last try before this one failed.
    failed: Option<DbFailure>,
}

impl Patience {
    /// Has `work` done until it succeeds or cannot; what became of a try that broke off does not matter.
    pub(super) async fn spend<T, Work: Future<Output = Result<T, DbError>>>(
        mut self,
        work: impl Fn(Time) -> Work,
    ) -> Result<T, DbError> {
        loop {
            let (_, time) = self.another();
            match work(time).await {
                Ok(done) => return Ok(done),
                Err(DbError::NotSent(fault)) => {
                    self.go_on_after(fault).await.map_err(DbError::NotSent)?;
                }
                Err(DbError::OutcomeUnknown(fault)) => {
                    self.go_on_after(fault).await.map_err(DbError::OutcomeUnknown)?;
                }
            }
        }
    }

    /// As much as the store has.
    pub(super) fn of(store: &Db) -> Self {
        Self { time: store.time(), most: store.tries, begun: 0, failed: None }
    }

    /// No more than it takes to leave a connection that has broken since it was used last.
    pub(super) fn brief(store: &Db) -> Self {
        let patience = Self::of(store);
        Self { most: patience.most.min(2), ..patience }
    }

    /// The next try's number, from 0, and its time.
    pub(super) fn another(&mut self) -> (i16, Time) {
        let number = self.begun;
        self.begun = number.saturating_add(1);
        (number, self.time)
    }

    /// Waits until it is time for another try; if there is to be none, why it all failed: a last try that
    /// had no time left to get a connection says less than the one before.
    pub(super) async fn go_on_after(&mut self, fault: DbFailure) -> Result<(), DbFailure> {
        if self.begun >= self.most || !fault.is_transient() {
            let before = self.failed.take().filter(|_| matches!(fault, DbFailure::Busy(_)));
            return Err(before.unwrap_or(fault));
        }
        let pause = match self.begun {
            ..=1 => Duration::ZERO,
            begun => PAUSE.saturating_mul(1 << (begun - 2).min(8)).min(LONGEST_PAUSE),
        };
        let next = Instant::from_std(clock::now()) + pause;
        sleep_until(next.min(self.time.end)).await;
        if next >= self.time.end {
            return Err(fault);
        }
        self.failed = Some(fault);
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
        let time = Time { end, a_try: Duration::from_mins(1) };
        let patience = Patience { time, most: i16::MAX, begun: 0, failed: None };
        let next = RefCell::new(faults.iter().cloned());
        let work = async |_| Err::<(), _>(DbError::NotSent(next.borrow_mut().next().unwrap()));
        patience.spend(work).await.unwrap_err().fault().clone()
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
