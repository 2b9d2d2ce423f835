//! Counts of the database's contents and connections, for metrics.

use std::time::Duration;

use super::error::DbError;
use super::handle::Db;
use super::rows::{column, single};
use super::transaction::Statement;
use domain::rules;

/// The kinds and states of credentials.
const STATES: [(&str, &str); 5] = [
    ("temporary", "good"),
    ("temporary", "expired"),
    ("temporary", "void"),
    ("password", "good"),
    ("password", "void"),
];

/// How many rows one statement counts: well within its time-out.
const PART_ROWS: i64 = 10_000;

/// A part begins behind the last row of the one before.
const CREDENTIALS: &str = "
    WITH part AS (
        SELECT id, kind, set_at, voided_at FROM credential WHERE id > $2 ORDER BY id LIMIT $3
    )
    SELECT kind, state, count(*), max(id) AS last FROM part, LATERAL (SELECT CASE
        WHEN kind = 'temporary'
             AND clock_timestamp() >= set_at + make_interval(secs => $1) THEN 'expired'
        WHEN voided_at IS NOT NULL THEN 'void'
        ELSE 'good' END) AS judged (state)
    GROUP BY kind, state";

const SESSIONS: &str = "
    WITH part AS (
        SELECT token_digest, created_at, last_seen_at FROM session
        WHERE token_digest > $3 ORDER BY token_digest LIMIT $4
    )
    SELECT count(*) FILTER (WHERE created_at > now() - make_interval(secs => $1)
                              AND last_seen_at > now() - make_interval(secs => $2)),
           (SELECT token_digest FROM part ORDER BY token_digest DESC LIMIT 1) AS last
    FROM part";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// The number of credentials of each kind and state.
    pub credentials: Vec<(&'static str, &'static str, i64)>,
    /// Sessions that have not ended.
    pub sessions: i64,
}

/// How the connections of a [`Db`] are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUsage {
    /// Connections in use.
    pub in_use: usize,
    /// Open connections that are not in use.
    pub idle: usize,
    /// Operations that wait for one.
    pub waiting: usize,
}

impl Db {
    /// Counts credentials and sessions, in parts; `idle` is when a session ends without use. It
    /// reads both tables whole.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached, or counts too slowly.
    pub async fn census(&self, idle: Duration) -> Result<Census, DbError> {
        let mut credentials = STATES.map(|(kind, state)| (kind, state, 0)).to_vec();
        let mut last = Some(0_i64);
        while let Some(behind) = last.take() {
            let statement = Statement::new(CREDENTIALS)
                .with(rules::TEMPORARY_PASSWORD_LIFETIME.as_secs_f64())
                .with(behind)
                .with(PART_ROWS);
            for row in &self.read(&statement).await? {
                let (kind, state): (&str, &str) = (column(row, "kind")?, column(row, "state")?);
                let known = credentials.iter_mut().find(|it| (it.0, it.1) == (kind, state));
                if let Some((_, _, number)) = known {
                    *number += column::<i64>(row, "count")?;
                }
                last = last.max(Some(column(row, "last")?));
            }
        }
        let mut sessions = 0;
        let mut last = Some(Vec::<u8>::new());
        while let Some(behind) = last.take() {
            let statement = Statement::new(SESSIONS)
                .with(rules::MAX_SESSION_LIFETIME.as_secs_f64())
                .with(idle.as_secs_f64())
                .with(behind)
                .with(PART_ROWS);
            let rows = self.read(&statement).await?;
            sessions += single::<i64>(&rows, "count")?;
            last = single(&rows, "last")?;
        }
        Ok(Census { credentials, sessions })
    }

    /// How the connections are used now.
    #[must_use]
    pub fn pool_usage(&self) -> PoolUsage {
        let status = self.pool.status();
        PoolUsage {
            in_use: status.size.saturating_sub(status.available),
            idle: status.available,
            waiting: status.waiting,
        }
    }
}
