//! Removes what has expired: sessions, hashes, old audit rows and idle rate limits.

use std::convert::Infallible;
use std::time::Duration;

use tracing::warn;

use crate::db::Db;
use crate::web::AppState;

const INTERVAL: Duration = Duration::from_mins(1);

/// Cleans up now and at each interval. Audit rows stay for `retention`. Never returns.
pub(super) async fn run(db: &Db, site: &AppState, retention: Duration) -> Infallible {
    loop {
        site.evict_idle_limits();
        if let Err(error) = db.sweep().await {
            warn!(%error, "could not remove ended sessions and expired hashes");
        }
        if let Err(error) = db.prune_audit(retention).await {
            warn!(%error, "could not remove old audit rows");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
