//! One statement, or one transaction, within a try's time.
//!
//! A connection goes back to the pool only when the server has answered the end of what it was
//! borrowed for. Dropped earlier, by an error, a time-out or a caller that went away, it is closed,
//! and the server rolls back: nothing is half stored, and no broken connection is met twice.
//!
//! Statements that do not wait for each other's answers are sent together: on a busy machine each
//! way to the server and back costs more than what is done there.

use deadpool_postgres::{Client, Object, Pool};
use futures_util::future::{join_all, join3};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::audit::AuditOutcome;
use super::idempotency::{self, Attempt};
use super::retry::{Deadline, Retry};
use super::{Db, DbError, DbFailure};
use crate::clock;

/// Parameters of a statement, as `tokio-postgres` takes them.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A statement with its parameters.
pub(super) type Statement<'a> = (&'a str, Parameters<'a>);

impl Db {
    /// Runs one reading statement.
    pub(super) async fn read(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, DbError> {
        self.read_within(Retry::new(self), sql, parameters).await
    }

    /// The same, to know how the store is now.
    pub(super) async fn read_promptly(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, DbError> {
        self.read_within(Retry::once_more(self), sql, parameters).await
    }

    async fn read_within(
        &self,
        patience: Retry,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, DbError> {
        let rows = patience.run(|time| self.send(time, sql, parameters)).await;
        rows.map_err(|error| DbError::NotSent(error.fault().clone()))
    }

    /// Asks the database whether it is there.
    ///
    /// # Errors
    /// [`DbError::NotSent`] if it is not.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.read_promptly("SELECT 1", &[]).await.map(drop)
    }

    /// Runs one statement that may as well be run twice, and is a transaction by itself: committed
    /// durably once this has returned `Ok`.
    pub(super) async fn write(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, DbError> {
        Retry::new(self).run(|time| self.send(time, sql, parameters)).await
    }

    /// Runs one statement, once.
    pub(super) async fn send(
        &self,
        time: Deadline,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, DbError> {
        let mut borrowed = self.lease(time).await?;
        match borrowed.query(sql, parameters).await {
            Ok(rows) => {
                borrowed.give_back();
                Ok(rows)
            }
            Err(fault) if fault.is_connection_lost() => Err(DbError::OutcomeUnknown(fault)),
            Err(fault) => Err(DbError::NotSent(fault)),
        }
    }

    /// Begins an operator's transaction (`READ COMMITTED`); dropping it rolls it back.
    pub(super) async fn begin(&self) -> Result<Transaction, DbError> {
        let (transaction, _) = self.begin_with(self.time(), &[]).await?;
        Ok(transaction)
    }

    /// Begins a transaction with these statements, one after the other, and gives the rows of each.
    pub(super) async fn begin_with(
        &self,
        time: Deadline,
        statements: &[Statement<'_>],
    ) -> Result<(Transaction, Vec<Vec<Row>>), DbError> {
        let mut borrowed = self.lease(time).await?;
        let rows = borrowed.pipeline(Some("BEGIN"), statements, None).await;
        Ok((Transaction { borrowed }, rows.map_err(DbError::NotSent)?))
    }

    async fn lease(&self, time: Deadline) -> Result<Lease, DbError> {
        let client = match timeout_at(time.end, self.pool.get()).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(DbError::NotSent(self.pool_fault(error))),
            Err(_) => return Err(DbError::NotSent(DbFailure::Busy(self.limit))),
        };
        let deadline = time.end.min(Instant::from_std(clock::now()) + time.per_attempt);
        let pool = self.pool.clone();
        Ok(Lease { client: Some(client), pool, deadline, limit: self.limit })
    }
}

/// A transaction under way; only [`Transaction::commit`] makes anything of it stand.
pub(super) struct Transaction {
    borrowed: Lease,
}

impl Transaction {
    /// Runs a statement and gives its rows.
    ///
    /// # Errors
    /// [`DbError::NotSent`]; the transaction can only be dropped then.
    pub(super) async fn query(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, DbError> {
        self.borrowed.query(sql, parameters).await.map_err(DbError::NotSent)
    }

    /// As [`Transaction::query`], for at most one row.
    pub(super) async fn query_opt(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, DbError> {
        Ok(self.query(sql, parameters).await?.into_iter().next())
    }

    /// Commits, durably once this has returned `Ok`.
    ///
    /// # Errors
    /// As [`Transaction::commit_with`].
    pub(super) async fn commit(self) -> Result<(), DbError> {
        self.commit_with(&[]).await.map(drop)
    }

    /// Runs these statements as a try of an attempt and commits. Returns the rows of each.
    ///
    /// # Errors
    /// As [`Transaction::commit_with`].
    pub(super) async fn commit_as(
        self,
        tried: Attempt,
        outcome: AuditOutcome,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Vec<Row>>, DbError> {
        let (id, outcome) = (tried.key.bytes(), outcome.as_str());
        let parameters: Parameters<'_> = &[&id.as_slice(), &tried.number, &outcome];
        let attempt: &[Statement<'_>] = &[(idempotency::INSERT, parameters)];
        let mut rows = self.commit_with(&[attempt, statements].concat()).await?;
        rows.remove(0);
        Ok(rows)
    }

    /// Runs these statements, one after the other, and commits if every one of them succeeds; gives
    /// the rows of each.
    ///
    /// # Errors
    /// [`DbError::OutcomeUnknown`] if an answer never came, [`DbError::NotSent`] if the server
    /// refused.
    pub(super) async fn commit_with(
        mut self,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Vec<Row>>, DbError> {
        match self.borrowed.pipeline(None, statements, Some("COMMIT")).await {
            Ok(rows) => {
                self.borrowed.give_back();
                Ok(rows)
            }
            Err(fault) if fault.is_connection_lost() => Err(DbError::OutcomeUnknown(fault)),
            // A statement that fails makes the server roll back at the COMMIT behind it.
            Err(fault) => Err(DbError::NotSent(fault)),
        }
    }
}

/// A connection out of the pool, closed on drop unless it is given back.
struct Lease {
    client: Option<Client>,
    pool: Pool,
    deadline: Instant,
    limit: std::time::Duration,
}

impl Lease {
    async fn query(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, DbFailure> {
        let Some(client) = &self.client else { return Err(closed()) };
        let answer = timeout_at(self.deadline, async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, parameters).await
        });
        let answer = answer.await.map_err(|_| DbFailure::TimedOut(self.limit));
        self.check(answer.and_then(|answer| answer.map_err(DbFailure::from)))
    }

    /// Sends all of it at once, at most 30 statements; the server runs one after the other. The fault is the
    /// first one's that failed.
    async fn pipeline(
        &mut self,
        first: Option<&str>,
        statements: &[Statement<'_>],
        last: Option<&str>,
    ) -> Result<Vec<Vec<Row>>, DbFailure> {
        let Some(client) = &self.client else { return Err(closed()) };
        let command = async |command: Option<&str>| match command {
            Some(command) => client.batch_execute(command).await,
            None => Ok(()),
        };
        let answer = timeout_at(self.deadline, async {
            let mut prepared = Vec::with_capacity(statements.len());
            for (sql, _) in statements {
                prepared.push(client.prepare_cached(sql).await?);
            }
            let queries = prepared.iter().zip(statements);
            let queries = queries.map(|(query, (_, parameters))| client.query(query, parameters));
            // Each is sent when first polled, and they are polled in this order. All answers are waited for:
            // behind a statement that fails each other one fails too, and may be read first.
            let (first, rows, last) = join3(command(first), join_all(queries), command(last)).await;
            first?;
            let rows = rows.into_iter().collect::<Result<_, _>>()?;
            last.map(|()| rows)
        });
        let answer = answer.await.map_err(|_| DbFailure::TimedOut(self.limit));
        self.check(answer.and_then(|answer| answer.map_err(DbFailure::from)))
    }

    /// Closes the connection on a fault, and the idle ones with it if they are likely as bad.
    fn check<T>(&mut self, answer: Result<T, DbFailure>) -> Result<T, DbFailure> {
        if let Err(fault) = &answer {
            self.close();
            if fault.poisons_pool() {
                self.pool.retain(|_, _| false);
            }
        }
        answer
    }

    fn give_back(&mut self) {
        self.client = None;
    }

    fn close(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.close();
    }
}

fn closed() -> DbFailure {
    DbFailure::Connection("the connection was closed after an earlier fault".to_owned())
}
