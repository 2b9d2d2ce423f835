//! The calls under way at every daemon, as each daemon last wrote them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::error::DbError;
use super::handle::Db;
use super::rows::{column, invalid_column};
use super::transaction::Statement;

const PUBLISH: &str = "
    INSERT INTO daemon_calls (daemon, updated_at, calls)
    VALUES ($1, clock_timestamp(), $2::text::jsonb)
    ON CONFLICT (daemon) DO UPDATE SET updated_at = EXCLUDED.updated_at, calls = EXCLUDED.calls";

/// Also the rows of daemons that are gone for good.
const WITHDRAW: &str = "
    DELETE FROM daemon_calls WHERE daemon = $1 OR updated_at < now() - interval '1 day'";

const ALL: &str = "
    SELECT daemon, updated_at, clock_timestamp() AS now, calls::text FROM daemon_calls
    ORDER BY daemon";

/// A call under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// Asterisk's id of its channel.
    pub channel: String,
    /// The Asterisk that it comes through.
    pub pbx: String,
    /// When it came in, by the daemon's clock.
    pub since: Timestamp,
    /// The caller's number, masked; none if it is withheld or not trusted.
    pub caller: Option<String>,
    /// The step of the dialog that it has reached.
    pub step: String,
    /// The wrong entries of this step.
    pub wrong_entries: u8,
}

/// The calls of one daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonCalls {
    /// The daemon's name.
    pub daemon: String,
    /// When it wrote them, by the database's clock.
    pub updated_at: Timestamp,
    /// The database's time now.
    pub now: Timestamp,
    /// The calls, the oldest first.
    pub calls: Vec<CallRow>,
}

impl Db {
    /// Replaces the daemon's row with these calls.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    pub async fn publish_calls(&self, daemon: &str, calls: Vec<CallRow>) -> Result<(), DbError> {
        let statement = if calls.is_empty() {
            Statement::new(WITHDRAW).with(daemon.to_owned())
        } else {
            let json = serde_json::to_string(&calls).map_err(|_| invalid_column("calls"))?;
            Statement::new(PUBLISH).with(daemon.to_owned()).with(json)
        };
        drop(calls); // they take more memory than their text
        self.write(&statement).await.map(drop)
    }

    /// The calls of every daemon that has some.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    pub async fn daemon_calls(&self) -> Result<Vec<DaemonCalls>, DbError> {
        self.read(&Statement::new(ALL)).await?.iter().map(daemon_calls).collect()
    }
}

fn daemon_calls(row: &Row) -> Result<DaemonCalls, DbError> {
    let calls: &str = column(row, "calls")?;
    Ok(DaemonCalls {
        daemon: column(row, "daemon")?,
        updated_at: column(row, "updated_at")?,
        now: column(row, "now")?,
        calls: serde_json::from_str(calls).map_err(|_| invalid_column("calls"))?,
    })
}
