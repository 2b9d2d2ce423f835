//! Doing a thing once, however often it has to be sent.
//!
//! Whatever changes something writes the id of its attempt in the same transaction. When the answer to a
//! commit is lost, it is done again from the start: either the first one does not stand and the second does, or the
//! second one finds the id taken, does nothing, and learns what came of the first.

use jiff::Timestamp;
use rand::CryptoRng;
use tokio_postgres::Row;

use super::contracts::column;
use super::retry::{Deadline, Retry};
use super::transaction::Parameters;
use super::{Db, DbError, DbFailure};

/// The id of an attempt: 128 random bits, drawn where a request comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey(u128);

impl IdempotencyKey {
    /// Draws one.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(u128::from_be_bytes(bytes))
    }

    /// That of the n-th of several things done one by one in this attempt, from 1; 0 is the attempt itself.
    #[must_use]
    pub fn part(self, n: u128) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// As the store keeps it.
    pub(super) fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// One try of an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    pub(super) key: IdempotencyKey,
    pub(super) number: i16,
    pub(super) time: Deadline,
}

/// What one try of an attempt came to: what is told if its commit stands, and the commit.
pub struct Uncertain<T> {
    /// What is told then.
    pub value: T,
    /// Whether it does.
    pub committed: Result<(), DbError>,
}

/// What a statement that is an attempt by itself came to.
pub(super) enum Execution {
    /// Done now: the statement's rows.
    Now(Vec<Row>),
    /// Found done, by an earlier try.
    Before(PreviousOutcome),
}

/// What an attempt has left.
pub(super) struct PreviousOutcome {
    /// The try that did it.
    attempt_no: i16,
    /// When it was done, by the database's clock.
    pub(super) at: Timestamp,
    /// What came of it, as the audit tells it.
    pub(super) outcome: String,
}

/// Inserts an attempt, or fails for its id.
pub(super) const INSERT: &str =
    "INSERT INTO idempotency_key (key, attempt_no, outcome) VALUES ($1, $2, $3)";

/// Changes nothing, but its commit waits for the standby: what is told to stand must stand there too.
const LOAD_OUTCOME: &str = "
    UPDATE idempotency_key SET key = key WHERE key = $1
    RETURNING attempt_no, created_at, outcome";

impl<T> Uncertain<T> {
    /// What is told without a commit.
    pub fn without_commit(told: T) -> Self {
        Self { value: told, committed: Ok(()) }
    }

    /// The same, told otherwise.
    pub fn map<U>(self, tell: impl FnOnce(T) -> U) -> Uncertain<U> {
        Uncertain { value: tell(self.value), committed: self.committed }
    }
}

impl Db {
    /// Has `work` done once: it is tried again until its commit stands, it is refused, or the time is over.
    ///
    /// # Errors
    /// [`DbError::NotSent`]: nothing of it stands; [`DbError::OutcomeUnknown`]: all of it or
    /// nothing.
    pub async fn execute_once<T, Work: Future<Output = Result<Uncertain<T>, DbError>>>(
        &self,
        attempt: IdempotencyKey,
        work: impl Fn(Attempt) -> Work,
    ) -> Result<T, DbError> {
        let mut course = Progress::new(self);
        // What would be told after tries whose commit got no answer, by their numbers.
        let mut untold = Vec::new();
        loop {
            let tried = course.next_attempt(attempt);
            let error = match work(tried).await {
                Ok(Uncertain { value: told, committed: Ok(()) }) => return Ok(told),
                Ok(Uncertain { value: told, committed: Err(error) }) => {
                    untold.push((tried.number, told));
                    error
                }
                Err(error) => error,
            };
            if course.already_applied(error).await? {
                break;
            }
        }
        let left = self.load_outcome(course.patience, attempt).await?;
        let told = untold.into_iter().find(|(number, _)| *number == left.attempt_no);
        let (_, told) =
            told.ok_or(DbError::OutcomeUnknown(DbFailure::Row("idempotency_key.attempt_no")))?;
        Ok(told)
    }

    /// The same for a single statement that inserts its attempt.
    pub(super) async fn insert_once(
        &self,
        attempt: IdempotencyKey,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Execution, DbError> {
        let mut course = Progress::new(self);
        loop {
            let Attempt { time, .. } = course.next_attempt(attempt);
            let error = match self.send(time, sql, parameters).await {
                Ok(rows) => return Ok(Execution::Now(rows)),
                Err(error) => error,
            };
            if course.already_applied(error).await? {
                return self.load_outcome(course.patience, attempt).await.map(Execution::Before);
            }
        }
    }

    /// What an attempt has left that was found done.
    async fn load_outcome(
        &self,
        patience: Retry,
        attempt: IdempotencyKey,
    ) -> Result<PreviousOutcome, DbError> {
        let id = attempt.bytes();
        let parameters: Parameters<'_> = &[&id.as_slice()];
        let rows = patience.run(|time| self.send(time, LOAD_OUTCOME, parameters)).await;
        left(&rows.map_err(|error| DbError::OutcomeUnknown(error.fault().clone()))?)
    }
}

/// The tries of an attempt up to now.
struct Progress {
    patience: Retry,
    /// Whether it is known that none of them stands.
    is_known: bool,
}

impl Progress {
    fn new(store: &Db) -> Self {
        Self { patience: Retry::new(store), is_known: true }
    }

    fn next_attempt(&mut self, attempt: IdempotencyKey) -> Attempt {
        let (number, time) = self.patience.next_attempt();
        Attempt { key: attempt, number, time }
    }

    /// Whether the last try failed because an earlier one stands; if it failed otherwise, waits until it
    /// is time for another.
    async fn already_applied(&mut self, error: DbError) -> Result<bool, DbError> {
        let fault = match error {
            DbError::NotSent(fault) => fault,
            DbError::OutcomeUnknown(fault) => {
                self.is_known = false;
                fault
            }
        };
        if fault.is_duplicate_key() {
            return Ok(true);
        }
        match self.patience.backoff_or_fail(fault).await {
            Ok(()) => Ok(false),
            Err(told) if self.is_known => Err(DbError::NotSent(told)),
            Err(told) => Err(DbError::OutcomeUnknown(told)),
        }
    }
}

fn left(rows: &[Row]) -> Result<PreviousOutcome, DbError> {
    let row = rows.first().ok_or(DbError::OutcomeUnknown(DbFailure::Row("idempotency_key")))?;
    Ok(PreviousOutcome {
        attempt_no: column(row, 0, "idempotency_key.attempt_no")?,
        at: column(row, 1, "idempotency_key.created_at")?,
        outcome: column(row, 2, "idempotency_key.outcome")?,
    })
}
