//! `karipass migrate`.

use serde_json::json;

use super::output::{ExitStatus, Printer};
use crate::db::Db;
use crate::db::migrate::Migrated;

pub(super) async fn run(db: &Db, output: Printer) -> anyhow::Result<ExitStatus> {
    let Migrated { from, to } = db.migrate().await?;
    let text = if from == to {
        format!("the database has version {to} already")
    } else {
        format!("migrated the database from version {from} to {to}")
    };
    output.print(&json!({ "from": from, "to": to }), &text)?;
    Ok(ExitStatus::Success)
}
