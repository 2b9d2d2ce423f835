//! `karipass migrate`.

use serde_json::json;

use super::ExitStatus;
use super::output::Output;
use crate::db::Db;
use crate::db::migrate::Migrated;

/// Brings the database to this version.
pub(super) async fn run(store: &Db, output: Output) -> anyhow::Result<ExitStatus> {
    let Migrated { from, to } = store.migrate().await?;
    let text = if from == to {
        format!("the database is of version {to} already")
    } else {
        format!("the database is of version {to} now, it was of {from}")
    };
    output.print(&json!({ "from": from, "to": to }), &text)?;
    Ok(ExitStatus::Success)
}
