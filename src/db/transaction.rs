//! One statement, or one transaction, within the time of one attempt.
//!
//! A connection goes back to the pool only when the server has answered the last command. An error,
//! a timeout or a dropped future closes it, and the server rolls back. So nothing is half stored,
//! and no broken connection is used again.
//!
//! Statements that need no answer of each other are sent together, because a round trip costs more
//! than the work on the server.

use std::io;
use std::pin::{Pin, pin};

use deadpool_postgres::{Client, Object, Pool};
use futures_util::StreamExt as _;
use futures_util::future::{join_all, join3};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::error::{DbError, DbFailure};
use super::handle::{Db, Deadline};
use super::retry::Retry;
use crate::clock;
use domain::phone_number::PhoneNumber;

/// A statement with its parameters.
pub(super) struct Statement<'a> {
    sql: &'static str,
    parameters: Vec<Box<dyn ToSql + Sync + Send + 'a>>,
}

impl<'a> Statement<'a> {
    pub(super) fn new(sql: &'static str) -> Self {
        Self { sql, parameters: Vec::new() }
    }

    /// Adds the next parameter.
    pub(super) fn with(mut self, parameter: impl ToSql + Sync + Send + 'a) -> Self {
        self.parameters.push(Box::new(parameter));
        self
    }

    /// Adds the next parameter, a telephone number as text.
    pub(super) fn with_number(self, number: impl Into<Option<PhoneNumber>>) -> Self {
        self.with(number.into().map(|number| number.as_str().to_owned()))
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect()
    }
}

impl Db {
    /// Runs one statement that only reads.
    pub(super) async fn read(&self, statement: &Statement<'_>) -> Result<Vec<Row>, DbError> {
        self.read_within(Retry::new(self), statement).await
    }

    /// The same without long retries, to learn the database's current state.
    pub(super) async fn read_promptly(
        &self,
        statement: &Statement<'_>,
    ) -> Result<Vec<Row>, DbError> {
        self.read_within(Retry::promptly(self), statement).await
    }

    async fn read_within(
        &self,
        retry: Retry,
        statement: &Statement<'_>,
    ) -> Result<Vec<Row>, DbError> {
        let rows = retry.run(|deadline| self.send(deadline, statement)).await;
        rows.map_err(|error| DbError::NotCommitted(error.into_failure()))
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.read_promptly(&Statement::new("SELECT 1")).await.map(drop)
    }

    /// Runs one statement that does no harm when it is repeated. It is a transaction by itself, and
    /// committed durably when this returns `Ok`.
    pub(super) async fn write(&self, statement: &Statement<'_>) -> Result<Vec<Row>, DbError> {
        Retry::new(self).run(|deadline| self.send(deadline, statement)).await
    }

    /// Runs one statement in one attempt.
    pub(super) async fn send(
        &self,
        deadline: Deadline,
        statement: &Statement<'_>,
    ) -> Result<Vec<Row>, DbError> {
        let mut lease = self.lease(deadline).await?;
        match lease.query(statement).await {
            Ok(rows) => {
                lease.give_back();
                Ok(rows)
            }
            Err(failure) if failure.is_connection_lost() => Err(DbError::OutcomeUnknown(failure)),
            Err(failure) => Err(DbError::NotCommitted(failure)),
        }
    }

    /// Passes the output of a `COPY … TO STDOUT` to `write`, piece by piece. An error of `write`
    /// ends it.
    pub(super) async fn copy_out(
        &self,
        sql: &str,
        write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, DbError> {
        let mut lease = self.lease(self.deadline()).await?;
        let written = lease.copy_out(sql, write).await.map_err(DbError::NotCommitted)?;
        if written.is_ok() {
            lease.give_back();
        }
        Ok(written)
    }

    /// Begins an operator's transaction (`READ COMMITTED`); dropping it rolls it back.
    pub(super) async fn begin(&self) -> Result<Transaction, DbError> {
        let (transaction, _) = self.begin_with(self.deadline(), &[]).await?;
        Ok(transaction)
    }

    /// Begins a transaction with these statements, in order. Returns the rows of each.
    pub(super) async fn begin_with(
        &self,
        deadline: Deadline,
        statements: &[Statement<'_>],
    ) -> Result<(Transaction, Vec<Vec<Row>>), DbError> {
        let mut lease = self.lease(deadline).await?;
        let rows = lease.pipeline(Some("BEGIN"), statements, None).await;
        Ok((Transaction { lease }, rows.map_err(DbError::NotCommitted)?))
    }

    async fn lease(&self, deadline: Deadline) -> Result<Lease, DbError> {
        let client = match timeout_at(deadline.end, self.connection()).await {
            Ok(Ok(client)) => client,
            Ok(Err(failure)) => return Err(DbError::NotCommitted(failure)),
            Err(_) => return Err(DbError::NotCommitted(DbFailure::Busy(self.limit))),
        };
        let end = deadline.end.min(Instant::from_std(clock::now()) + deadline.per_attempt);
        let pool = self.pool.clone();
        Ok(Lease { client: Some(client), pool, end, limit: self.limit })
    }
}

/// A transaction under way, which only a commit makes stand.
pub(super) struct Transaction {
    lease: Lease,
}

impl Transaction {
    /// Runs a statement. After an error the transaction can only be dropped.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the statement failed.
    pub(super) async fn query(&mut self, statement: &Statement<'_>) -> Result<Vec<Row>, DbError> {
        self.lease.query(statement).await.map_err(DbError::NotCommitted)
    }

    /// Fills a table by a binary `COPY … FROM STDIN` with columns of these types.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if it failed.
    pub(super) async fn copy_in(
        &mut self,
        sql: &str,
        types: &[Type],
        write: impl AsyncFnOnce(Pin<&mut BinaryCopyInWriter>) -> Result<(), tokio_postgres::Error>,
    ) -> Result<(), DbError> {
        self.lease.copy_in(sql, types, write).await.map_err(DbError::NotCommitted)
    }

    /// Commits, durably when this returns `Ok`.
    ///
    /// # Errors
    /// As [`Transaction::commit_with`].
    pub(super) async fn commit(self) -> Result<(), DbError> {
        self.commit_with(&[]).await
    }

    /// Runs these statements, in order, and commits if all of them succeed.
    ///
    /// # Errors
    /// [`DbError::OutcomeUnknown`] if an answer never came, [`DbError::NotCommitted`] if the server
    /// refused.
    pub(super) async fn commit_with(mut self, statements: &[Statement<'_>]) -> Result<(), DbError> {
        match self.lease.pipeline(None, statements, Some("COMMIT")).await {
            Ok(_) => {
                self.lease.give_back();
                Ok(())
            }
            Err(failure) if failure.is_connection_lost() => Err(DbError::OutcomeUnknown(failure)),
            // A statement that fails makes the server roll back at the COMMIT behind it.
            Err(failure) => Err(DbError::NotCommitted(failure)),
        }
    }
}

/// A connection of the pool, closed on drop unless it is given back.
struct Lease {
    client: Option<Client>,
    pool: Pool,
    end: Instant,
    limit: std::time::Duration,
}

impl Lease {
    async fn query(&mut self, statement: &Statement<'_>) -> Result<Vec<Row>, DbFailure> {
        let Some(client) = &self.client else { return Err(closed()) };
        let answer = timeout_at(self.end, async {
            let prepared = client.prepare_cached(statement.sql).await?;
            client.query(&prepared, &statement.parameters()).await
        });
        let answer = answer.await;
        self.check(answer)
    }

    async fn copy_in(
        &mut self,
        sql: &str,
        types: &[Type],
        write: impl AsyncFnOnce(Pin<&mut BinaryCopyInWriter>) -> Result<(), tokio_postgres::Error>,
    ) -> Result<(), DbFailure> {
        let Some(client) = &self.client else { return Err(closed()) };
        let answer = timeout_at(self.end, async {
            let mut table = pin!(BinaryCopyInWriter::new(client.copy_in(sql).await?, types));
            write(table.as_mut()).await?;
            table.finish().await.map(drop)
        });
        let answer = answer.await;
        self.check(answer)
    }

    async fn copy_out(
        &mut self,
        sql: &str,
        mut write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, DbFailure> {
        let Some(client) = &self.client else { return Err(closed()) };
        let answer = timeout_at(self.end, async {
            let mut pieces = pin!(client.copy_out(sql).await?);
            while let Some(piece) = pieces.next().await {
                if let Err(error) = write(&piece?) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        });
        let answer = answer.await;
        self.check(answer)
    }

    /// Sends everything at once; the server runs the statements in order. Returns the failure of
    /// the first one that failed. Up to 30 statements, `join_all` polls in order.
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
        let answer = timeout_at(self.end, async {
            let mut prepared = Vec::with_capacity(statements.len());
            let parameters: Vec<_> = statements.iter().map(Statement::parameters).collect();
            for statement in statements {
                prepared.push(client.prepare_cached(statement.sql).await?);
            }
            let queries = prepared.iter().zip(&parameters);
            let queries = queries.map(|(query, parameters)| client.query(query, parameters));
            // Each is sent when it is first polled, and they are polled in this order. Every answer
            // is awaited: after a failed statement all later ones fail too, and one of their
            // answers may be read first.
            let (first, rows, last) = join3(command(first), join_all(queries), command(last)).await;
            first?;
            let rows = rows.into_iter().collect::<Result<_, _>>()?;
            last.map(|()| rows)
        });
        let answer = answer.await;
        self.check(answer)
    }

    /// Closes the connection after a failure, and the idle ones if they are probably broken too.
    fn check<T>(
        &mut self,
        answer: Result<Result<T, tokio_postgres::Error>, Elapsed>,
    ) -> Result<T, DbFailure> {
        let answer = answer
            .map_err(|_| DbFailure::TimedOut(self.limit))
            .and_then(|answer| answer.map_err(DbFailure::from));
        if let Err(failure) = &answer {
            self.close();
            if failure.poisons_pool() {
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
    DbFailure::Connection("the connection was closed after an earlier failure".to_owned())
}
