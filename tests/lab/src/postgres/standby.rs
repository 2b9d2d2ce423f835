//! A streaming standby: copied from a running cluster, following it, and promoted when that is
//! lost.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::time::sleep;
use tokio_postgres::Client;

use super::{Durability, PREFIX, Postgres};
use crate::folder;

const POLL_INTERVAL: Duration = Duration::from_millis(10);
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// The wait of the primary's commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replication {
    /// No wait: the last commits may be lost with the primary.
    Asynchronous,
    /// Until the standby has the commit; without a standby nothing is committed.
    Synchronous,
}

impl Postgres {
    /// A standby of this cluster in a temporary folder, streaming from it.
    ///
    /// It is a cluster like any other, read-only until it is promoted. Its databases are this
    /// one's, by the same names ([`Postgres::database`]), with the same roles and passwords.
    pub async fn standby(&self, replication: Replication) -> Result<Self> {
        let folder = folder::temporary(PREFIX)?;
        let mut standby = Self::new(folder.path(), self.passwords.clone(), Durability::Fast)?;
        standby.follow(self)?;
        standby.start()?;
        standby.temporary = Some(folder);
        self.wait_until_caught_up().await?;
        // Set after the copy was made: once promoted, the standby waits for no standby.
        let (names, state) = match replication {
            Replication::Asynchronous => ("", "async"),
            Replication::Synchronous => ("*", "sync"),
        };
        let superuser = self.superuser("postgres").await?;
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        superuser.batch_execute(&set).await?;
        superuser.batch_execute("SELECT pg_reload_conf()").await?;
        let is_set = format!("SELECT bool_and(sync_state = '{state}') FROM pg_stat_replication");
        until(&superuser, &is_set).await?;
        Ok(standby)
    }

    /// Waits until every standby has replayed all commits up to now; there must be one.
    pub async fn wait_until_caught_up(&self) -> Result<()> {
        let superuser = self.superuser("postgres").await?;
        let now = superuser.query_one("SELECT pg_current_wal_lsn()::text", &[]).await?;
        let now: String = now.get(0);
        let replayed = format!("SELECT bool_and(replay_lsn >= '{now}') FROM pg_stat_replication");
        until(&superuser, &replayed).await
    }

    /// Promotes a standby; returns once it accepts changes.
    pub async fn promote(&self) -> Result<()> {
        let superuser = self.superuser("postgres").await?;
        let promoted = superuser.query_one("SELECT pg_promote()", &[]).await?;
        ensure!(promoted.get::<_, bool>(0), "the standby was not promoted");
        until(&superuser, "SELECT NOT pg_is_in_recovery()").await
    }
}

/// Waits until the query returns true.
async fn until(superuser: &Client, query: &str) -> Result<()> {
    let until = Instant::now() + CHANGE_TIMEOUT;
    loop {
        let said = superuser.query_one(query, &[]).await.with_context(|| query.to_owned())?;
        if said.get::<_, Option<bool>>(0) == Some(true) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "not within {CHANGE_TIMEOUT:?}: {query}");
        sleep(POLL_INTERVAL).await;
    }
}
