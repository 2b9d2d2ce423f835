//! Writes the calls under way into the database, where `karipass calls` finds those of every
//! daemon.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use tracing::debug;

use crate::asterisk::{LiveCall, LiveCalls};
use crate::db::{CallRow, Db};

const INTERVAL: Duration = Duration::from_secs(1);
/// Unchanged calls are rewritten after this many ticks: sooner than `karipass calls` takes them for
/// stale (`STALE_AFTER`).
const MAX_UNCHANGED: u32 = 4;

/// Keeps the daemon's row up to date. Never returns.
pub(super) async fn publish(calls: LiveCalls, db: &Db, operators: SocketAddr) -> Infallible {
    let daemon = name(operators);
    // A former process may have left a row.
    let mut published = None;
    let mut unchanged = 0;
    loop {
        let version = calls.version();
        if published == Some(version) && (calls.is_empty() || unchanged < MAX_UNCHANGED) {
            unchanged += 1;
        } else {
            let rows = calls.snapshot().into_iter().map(row).collect();
            match db.publish_calls(&daemon, rows).await {
                Ok(()) => (published, unchanged) = (Some(version), 0),
                Err(error) => debug!(%error, "could not write the calls under way"),
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The machine's name and the operators' port, which no other daemon there has.
pub(super) fn name(operators: SocketAddr) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}:{}", host.trim(), operators.port())
}

fn row(call: LiveCall) -> CallRow {
    CallRow {
        channel: call.channel,
        pbx: call.pbx,
        since: call.since,
        caller: call.caller.map(|number| format!("{number:?}")),
        step: call.step.as_str().to_owned(),
        wrong_entries: call.wrong_entries,
    }
}
