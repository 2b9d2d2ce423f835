//! The metrics that are read at intervals, because no event changes them.

use std::convert::Infallible;
use std::time::Duration;

use metrics::gauge;
use tracing::debug;

use crate::clock;
use crate::db::{Db, PoolUsage};
use crate::metrics::{CREDENTIALS, DATABASE_CONNECTIONS, DATABASE_WAITING, SESSIONS};

const POOL_INTERVAL: Duration = Duration::from_secs(5);
/// The shortest interval between two counts.
const CENSUS_INTERVAL: Duration = Duration::from_mins(5);
/// The interval in units of a count's duration. So counting takes a fiftieth of the time at most. A
/// million credentials take the database about a second.
const CENSUS_INTERVAL_FACTOR: u32 = 50;
/// After a count that failed.
const CENSUS_RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// Updates them periodically. Never returns. `dbs` are the line's database handle and the site's.
pub(super) async fn keep_current(dbs: &[Db; 2], idle: Duration) -> Infallible {
    let [line, site] = dbs;
    let pools = async {
        loop {
            show_pool("line", line.pool_usage());
            show_pool("site", site.pool_usage());
            tokio::time::sleep(POOL_INTERVAL).await;
        }
    };
    tokio::select! {
        never = pools => never,
        never = take_censuses(site, idle) => never,
    }
}

async fn take_censuses(site: &Db, idle: Duration) -> Infallible {
    loop {
        let began = clock::now();
        let census = site.census(idle).await;
        let took = clock::now().saturating_duration_since(began);
        let rest = took.saturating_mul(CENSUS_INTERVAL_FACTOR);
        let wait = match census {
            Ok(census) => {
                for (kind, state, number) in census.credentials {
                    gauge!(CREDENTIALS, "kind" => kind, "state" => state).set(to_f64(number));
                }
                gauge!(SESSIONS).set(to_f64(census.sessions));
                rest.max(CENSUS_INTERVAL)
            }
            Err(error) => {
                debug!(%error, "could not count credentials and sessions");
                rest.max(CENSUS_RETRY_INTERVAL)
            }
        };
        tokio::time::sleep(wait).await;
    }
}

fn show_pool(pool: &'static str, usage: PoolUsage) {
    let PoolUsage { in_use, idle, waiting } = usage;
    for (state, number) in [("in_use", in_use), ("idle", idle)] {
        let number = to_f64(i64::try_from(number).unwrap_or(i64::MAX));
        gauge!(DATABASE_CONNECTIONS, "pool" => pool, "state" => state).set(number);
    }
    let waiting = to_f64(i64::try_from(waiting).unwrap_or(i64::MAX));
    gauge!(DATABASE_WAITING, "pool" => pool).set(waiting);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge needs no more than 15 digits")]
fn to_f64(number: i64) -> f64 {
    number as f64
}
