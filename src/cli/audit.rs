//! `karipass audit` (`D3`).

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::ExitStatus;
use super::output::Printer;
use crate::db::Db;
use crate::db::audit::AuditRow;
use domain::phone_number::PhoneNumber;

/// Which rows to print.
#[derive(Debug, clap::Args)]
pub(super) struct AuditArguments {
    /// Only rows about this login, contract or caller.
    #[arg(long, value_name = "N", value_parser = super::parse_number)]
    number: Option<PhoneNumber>,
    /// Only rows since then: `2026-04-01`, `2026-04-01T09:30` (local time) or
    /// `2026-04-01T00:30Z`.
    #[arg(long, value_name = "T", value_parser = super::parse_time)]
    since: Option<Timestamp>,
}

/// Prints the rows, oldest first. It reads one page of rows at a time.
pub(super) async fn run(
    which: &AuditArguments,
    store: &Db,
    output: Printer,
) -> anyhow::Result<ExitStatus> {
    let mut last = None;
    loop {
        let page = store.audit(which.number, which.since, last.as_ref()).await?;
        for entry in &page {
            if !output.print(&as_json(entry), &as_text(entry))? {
                return Ok(ExitStatus::Success);
            }
        }
        last = page.into_iter().next_back();
        if last.is_none() {
            return Ok(ExitStatus::Success);
        }
    }
}

fn as_json(entry: &AuditRow) -> serde_json::Value {
    json!({
        "at": entry.at.to_string(),
        "source": entry.source,
        "event": entry.event,
        "outcome": entry.outcome,
        "login": entry.login,
        "contract": entry.contract,
        "unit": entry.unit,
        "caller": entry.caller,
        "address": entry.address,
        "operator": entry.operator,
    })
}

/// Local time, source, event and outcome, then every other field that has a value.
fn as_text(entry: &AuditRow) -> String {
    let at = entry.at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%:z");
    let mut line = format!("{at}  {:<8}  {:<18}  {:<16}", entry.source, entry.event, entry.outcome);
    let address = entry.address.map(|address| address.to_string());
    for (name, value) in [
        ("login", &entry.login),
        ("contract", &entry.contract),
        ("unit", &entry.unit),
        ("caller", &entry.caller),
        ("address", &address),
        ("by", &entry.operator),
    ] {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = write!(line, "  {name} {value}");
        }
    }
    line.trim_end().to_owned()
}
