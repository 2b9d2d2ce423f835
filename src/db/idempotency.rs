//! Each change happens once, however often its request has to be sent.
//!
//! A change inserts its key in its own transaction. If the answer to a commit is lost, the change
//! is attempted again from the start. If the lost commit does not stand, this one does. If it
//! stands, the key is taken: nothing more happens, and the earlier attempt's outcome is read.

use jiff::Timestamp;
use rand::CryptoRng;
use tokio_postgres::Row;
use tracing::instrument;

use super::error::DbError;
use super::handle::{Db, Deadline};
use super::retry::Retry;
use super::rows::{column, invalid_column};
use super::transaction::Statement;
use domain::change::EntryKey;

/// 128 random bits that name one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey(u128);

impl IdempotencyKey {
    /// Draws a key that no other change has.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(u128::from_be_bytes(bytes))
    }

    /// The key under which an entry is counted once.
    pub(super) fn from_entry(entry: EntryKey) -> Self {
        Self(u128::from_be_bytes(entry.0))
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
}

/// One attempt at a change.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    key: IdempotencyKey,
    number: i16,
    pub(super) deadline: Deadline,
}

const INSERT: &str = "INSERT INTO idempotency_key (key, attempt_no, outcome) VALUES ($1, $2, $3)";

const FIND: &str = "SELECT FROM idempotency_key WHERE key = $1";

/// Changes nothing, but its commit waits for the standby: the reported outcome must be there too.
const LOAD: &str = "
    UPDATE idempotency_key SET key = key WHERE key = $1
    RETURNING attempt_no, created_at, outcome";

impl Attempt {
    pub(super) fn first(key: IdempotencyKey, deadline: Deadline) -> Self {
        Self { key, number: 0, deadline }
    }

    /// Inserts the key, or fails because an earlier attempt stands.
    pub(super) fn insert<'a>(self, outcome: &'static str) -> Statement<'a> {
        Statement::new(INSERT).with(self.key.bytes()).with(self.number).with(outcome)
    }
}

/// The keys of entries as the database has them.
pub(super) fn keys(entries: &[EntryKey]) -> Vec<Vec<u8>> {
    entries.iter().map(|entry| entry.0.to_vec()).collect()
}

/// The result of an attempt, and whether its commit stands.
pub(super) struct Uncertain<T> {
    pub(super) value: T,
    pub(super) committed: Result<(), DbError>,
}

/// The result of a change.
pub(super) enum Execution<T> {
    /// The last attempt stands.
    Now(T),
    /// An earlier attempt stands, whose answer was lost.
    Earlier {
        /// That attempt's result, if it got as far as its commit.
        value: Option<T>,
        /// When it wrote its key, by the database's clock.
        at: Timestamp,
        /// The outcome that it wrote.
        outcome: String,
        /// Whether the earlier attempt was another request's: this one has made none before.
        is_repeat: bool,
    },
}

impl Db {
    /// Whether the key of a form is kept.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    #[instrument(name = "transaction", skip_all, fields(operation = "has_entry"))]
    pub async fn has_entry(&self, entry: EntryKey) -> Result<bool, DbError> {
        let statement = Statement::new(FIND).with(entry.0.to_vec());
        Ok(!self.read(&statement).await?.is_empty())
    }

    /// Attempts `work` until its commit stands, it is refused, or the time is up.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`]: nothing was committed. [`DbError::OutcomeUnknown`]: all was
    /// committed, or nothing.
    pub(super) async fn execute_once<T, Work: Future<Output = Result<Uncertain<T>, DbError>>>(
        &self,
        key: IdempotencyKey,
        work: impl Fn(Attempt) -> Work,
    ) -> Result<Execution<T>, DbError> {
        let mut retry = Retry::new(self);
        let mut unanswered = Vec::new();
        // Whether a commit was sent whose answer is unknown.
        let mut is_uncertain = false;
        loop {
            let (number, deadline) = retry.next_attempt();
            let error = match work(Attempt { key, number, deadline }).await {
                Ok(Uncertain { value, committed: Ok(()) }) => return Ok(Execution::Now(value)),
                Ok(Uncertain { value, committed: Err(error) }) => {
                    unanswered.push((number, value));
                    error
                }
                Err(error) => error,
            };
            is_uncertain |= matches!(error, DbError::OutcomeUnknown(_));
            let failure = error.into_failure();
            if failure.is_duplicate_key() {
                return self.load_outcome(retry, key, unanswered, number == 0).await;
            }
            let wait = retry.backoff_or_fail(failure).await;
            let error = if is_uncertain { DbError::OutcomeUnknown } else { DbError::NotCommitted };
            wait.map_err(error)?;
        }
    }

    /// The same for a single statement that inserts its key.
    pub(super) async fn insert_once(
        &self,
        key: IdempotencyKey,
        statement: &Statement<'_>,
    ) -> Result<Execution<Vec<Row>>, DbError> {
        self.execute_once(key, async |attempt: Attempt| {
            let value = self.send(attempt.deadline, statement).await?;
            Ok(Uncertain { value, committed: Ok(()) })
        })
        .await
    }

    /// Reads the result of the attempt that stands.
    async fn load_outcome<T>(
        &self,
        retry: Retry,
        key: IdempotencyKey,
        unanswered: Vec<(i16, T)>,
        is_repeat: bool,
    ) -> Result<Execution<T>, DbError> {
        let statement = Statement::new(LOAD).with(key.bytes());
        let rows = retry.run(|deadline| self.send(deadline, &statement)).await;
        let read = rows.and_then(|rows| {
            let row = rows.first().ok_or_else(|| invalid_column("key"))?;
            let number: i16 = column(row, "attempt_no")?;
            let value = unanswered.into_iter().find(|(attempt, _)| *attempt == number);
            let value = value.map(|(_, value)| value);
            Ok(Execution::Earlier {
                value,
                at: column(row, "created_at")?,
                outcome: column(row, "outcome")?,
                is_repeat,
            })
        });
        read.map_err(|error| DbError::OutcomeUnknown(error.into_failure()))
    }
}
