//! Checks that each connection has the settings that were requested for it.
//!
//! A pooler such as pgbouncer may be configured to ignore the startup packet's `options`. Then no
//! timeout ends a statement that waits for ever, and nothing says so.

use deadpool_postgres::{ClientWrapper, Hook, HookError};
use tokio::time::timeout;
use tokio_postgres::SimpleQueryMessage;

use super::error::DbFailure;
use super::failover::{CONNECT_LIMIT, Setting};

/// Checks each new connection, and rejects one with other settings.
pub(super) fn hook(requested: Vec<Setting>) -> Hook {
    Hook::async_fn(move |client, _| {
        let requested = requested.clone();
        Box::pin(async move {
            match timeout(CONNECT_LIMIT, compare(client, &requested)).await {
                Ok(compared) => compared,
                Err(_) => Err(HookError::message(DbFailure::TimedOut(CONNECT_LIMIT).to_string())),
            }
        })
    })
}

async fn compare(client: &ClientWrapper, requested: &[Setting]) -> Result<(), HookError> {
    let names: Vec<String> = requested.iter().map(|(name, _)| format!("'{name}'")).collect();
    let sql = format!("SELECT name, setting FROM pg_settings WHERE name IN ({})", names.join(", "));
    let rows = client.simple_query(&sql).await.map_err(HookError::Backend)?;
    let set = |wanted: &str| {
        rows.iter().find_map(|message| {
            let SimpleQueryMessage::Row(row) = message else { return None };
            row.get("setting").filter(|_| row.get("name") == Some(wanted))
        })
    };
    let differ: Vec<String> = requested
        .iter()
        .filter(|(name, value)| set(name) != Some(value))
        .map(|(name, value)| format!("{name} is {}, not {value}", set(name).unwrap_or("unknown")))
        .collect();
    if differ.is_empty() {
        return Ok(());
    }
    Err(HookError::message(format!(
        "the server session lacks the requested settings ({}); a connection pooler may drop options",
        differ.join(", ")
    )))
}
