//! The clean-up of expired rows, every minute: by index and in batches. So it takes the same time
//! however large the tables are, and locks few rows at once.
//!
//! The statements compare with `now()`, because an index cannot serve `clock_timestamp()`, which
//! may change from row to row. Rows that others have locked are left for the next run: waiting for
//! one after another could deadlock.

use std::time::Duration;

use super::audit::{count_voided, event_statement, insert_audit};
use super::error::DbError;
use super::handle::Db;
use super::rows::single;
use super::transaction::Statement;
use domain::audit::{AuditEvent, AuditScope, AuditSource, VoidReason};
use domain::rules;

/// How long an idempotency key is kept. A change is attempted for seconds, and a packet travels for
/// minutes at most.
const KEY_LIFETIME: Duration = Duration::from_mins(10);

/// How long the key of an entry is kept: as long as a form inside a session may be sent again.
const ENTRY_LIFETIME: Duration = rules::MAX_SESSION_LIFETIME;

/// Rows that one statement removes.
pub const BATCH_ROWS: i64 = 5_000;
/// Statements of one kind in one run; the next run continues.
const MAX_BATCHES: usize = 40;

/// Deletes one batch of a table's rows that are older than `$1` seconds. `$2` is the batch's size.
macro_rules! delete_old {
    ($table:literal, $key:literal) => {
        delete_old!($table, $key, "true")
    };
    ($table:literal, $key:literal, $condition:literal) => {
        concat!(
            "WITH gone AS (DELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " = ANY(ARRAY(SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE created_at <= now() - $1 * interval '1 second' AND ",
            $condition,
            "
              ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))
              RETURNING 1)
             SELECT count(*) FROM gone"
        )
    };
}

const SESSIONS: &str = delete_old!("session", "token_digest");

const ENDED_SESSIONS: &str = delete_old!("ended_session", "token_digest");

const KEYS: &str = delete_old!("idempotency_key", "key", "NOT is_entry");

/// The condition is that of the index.
const ENTRIES: &str = delete_old!("idempotency_key", "key", "is_entry");

/// The conditions are those of the index.
const CREDENTIALS: &str = concat!(
    "WITH voided AS (
        UPDATE credential SET password_hash = NULL, voided_at = clock_timestamp()
        WHERE id = ANY(ARRAY(
            SELECT id FROM credential
            WHERE kind = 'temporary' AND voided_at IS NULL
              AND set_at <= now() - $8 * interval '1 second'
            ORDER BY set_at LIMIT $9 FOR UPDATE SKIP LOCKED
        ))
        RETURNING login_number
    ), audited AS (",
    insert_audit!(
        "coalesce($2::text, noted.contract_number)",
        "(SELECT $6::text, $7::text, n.number, n.contract_number
          FROM voided JOIN phone_number AS n ON n.number = voided.login_number)
         AS noted (event, outcome, login_number, contract_number)"
    ),
    ")
    SELECT count(*) FROM voided"
);

/// A function of the database, since the daemon may not delete audit rows.
const AUDIT: &str = "SELECT prune_audit($1 * interval '1 second', $2) AS count";

impl Db {
    /// Removes audit rows that are older than `retention` (`D3`).
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    pub async fn prune_audit(&self, retention: Duration) -> Result<(), DbError> {
        let statement = Statement::new(AUDIT).with(retention.as_secs_f64()).with(BATCH_ROWS);
        self.in_batches(&statement, drop).await
    }

    /// Removes the audit rows older than `retention`, for an operator, and returns their number.
    /// The audit names the operator, unless nothing is removed.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    pub async fn prune_audit_by(&self, retention: Duration, by: &str) -> Result<i64, DbError> {
        let statement = Statement::new(AUDIT).with(retention.as_secs_f64()).with(BATCH_ROWS);
        let mut transaction = self.begin().await?;
        transaction.set_operator(by).await?;
        transaction.record(AuditEvent::AuditPruned, None, None).await?;
        let mut batch: i64 = single(&transaction.query(&statement).await?, "count")?;
        if batch == 0 {
            return Ok(0);
        }
        transaction.commit().await?;
        let mut removed = batch;
        while batch == BATCH_ROWS {
            batch = single(&self.write(&statement).await?, "count")?;
            removed += batch;
        }
        Ok(removed)
    }

    /// Removes sessions that ended long ago (`W5`) and old idempotency keys, and voids temporary
    /// passwords that have expired (`C1`).
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    pub async fn sweep(&self) -> Result<(), DbError> {
        let old = |sql, age: Duration| Statement::new(sql).with(age.as_secs_f64()).with(BATCH_ROWS);
        self.in_batches(&old(SESSIONS, rules::SESSION_RETENTION), drop).await?;
        self.in_batches(&old(ENDED_SESSIONS, rules::SESSION_RETENTION), drop).await?;
        self.in_batches(&old(KEYS, KEY_LIFETIME), drop).await?;
        self.in_batches(&old(ENTRIES, ENTRY_LIFETIME), drop).await?;
        let scope =
            AuditScope { source: AuditSource::Site(None), contract_number: None, unit: None };
        let expired = AuditEvent::Voided(VoidReason::Expired);
        let statement = event_statement(CREDENTIALS, &scope, expired)
            .with(rules::TEMPORARY_PASSWORD_LIFETIME.as_secs_f64())
            .with(BATCH_ROWS);
        let count = |expired| count_voided(VoidReason::Expired, expired);
        self.in_batches(&statement, count).await
    }

    /// Repeats a statement until it finds less than a batch of rows. Calls `on_batch` with the
    /// number of each.
    async fn in_batches(
        &self,
        statement: &Statement<'_>,
        on_batch: impl Fn(usize),
    ) -> Result<(), DbError> {
        for _ in 0..MAX_BATCHES {
            let done: i64 = single(&self.write(statement).await?, "count")?;
            on_batch(usize::try_from(done).unwrap_or(0));
            if done < BATCH_ROWS {
                break;
            }
        }
        Ok(())
    }
}
