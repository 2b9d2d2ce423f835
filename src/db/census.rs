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

const CREDENTIALS: &str = "
    SELECT kind, state, count(*) FROM credential, LATERAL (SELECT CASE
        WHEN kind = 'temporary'
             AND clock_timestamp() >= set_at + make_interval(secs => $1) THEN 'expired'
        WHEN voided_at IS NOT NULL THEN 'void'
        ELSE 'good' END) AS judged (state)
    GROUP BY kind, state";

const SESSIONS: &str = "
    SELECT count(*) FROM session
    WHERE created_at > now() - make_interval(secs => $1)
      AND last_seen_at > now() - make_interval(secs => $2)";

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
    /// Counts credentials and sessions; `idle` is when a session ends without use. It reads both
    /// tables whole.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached, or counts too slowly.
    pub async fn census(&self, idle: Duration) -> Result<Census, DbError> {
        let lifetime = rules::TEMPORARY_PASSWORD_LIFETIME.as_secs_f64();
        let rows = self.read(&Statement::new(CREDENTIALS).with(lifetime)).await?;
        let mut credentials = STATES.map(|(kind, state)| (kind, state, 0)).to_vec();
        for row in &rows {
            let (kind, state): (&str, &str) = (column(row, "kind")?, column(row, "state")?);
            let known = credentials.iter_mut().find(|it| (it.0, it.1) == (kind, state));
            if let Some((_, _, number)) = known {
                *number = column(row, "count")?;
            }
        }
        let sessions = Statement::new(SESSIONS)
            .with(rules::MAX_SESSION_LIFETIME.as_secs_f64())
            .with(idle.as_secs_f64());
        let sessions = single(&self.read(&sessions).await?, "count")?;
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
