//! `karipass audit` (`D3`).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use strum::VariantNames as _;

use super::arguments::{OperatorArgument, parse_number, parse_time};
use super::outage::Outage;
use super::output::{ExitStatus, Printer};
use crate::config::{Network, RETENTION_DAYS};
use crate::db::audit::page::{AuditFilter, AuditRow};
use crate::db::{Db, OPERATOR_LIMIT};
use domain::audit::{AuditEvent, AuditSource};
use domain::phone_number::PhoneNumber;

/// The interval between two queries for new rows.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);
/// Rows to print, or a command.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct AuditArguments {
    #[command(flatten)]
    selection: AuditSelection,
    #[command(subcommand)]
    command: Option<AuditCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum AuditCommand {
    /// Remove old rows, a few thousand at a time.
    Prune {
        /// Remove rows older than DAYS, at least 90.
        #[arg(long, value_name = "DAYS", value_parser = parse_days)]
        older_than: Duration,
        #[command(flatten)]
        operator: OperatorArgument,
    },
}

/// Which rows to print.
#[derive(Debug, clap::Args)]
struct AuditSelection {
    /// Keep printing new rows; with `--since`, start there.
    #[arg(long, short, conflicts_with = "until")]
    follow: bool,
    /// Only rows about this login, contract or caller.
    #[arg(long, value_name = "N", value_parser = parse_number)]
    number: Option<PhoneNumber>,
    /// Only rows since then: `2026-04-01`, `2026-04-01T09:30` (local time) or
    /// `2026-04-01T00:30Z`.
    #[arg(long, value_name = "T", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Only rows before then.
    #[arg(long, value_name = "T", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// Only rows of these events, separated by commas.
    #[arg(
        long,
        value_name = "EVENT",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(AuditEvent::VARIANTS)
    )]
    event: Vec<String>,
    /// Only rows with these outcomes, separated by commas.
    #[arg(
        long,
        value_name = "OUTCOME",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(AuditEvent::outcomes())
    )]
    outcome: Vec<String>,
    /// Only rows from these sources, separated by commas.
    #[arg(
        long,
        value_name = "SOURCE",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(AuditSource::VARIANTS)
    )]
    source: Vec<String>,
    /// Only rows from this address or network, such as `192.0.2.0/24`.
    #[arg(long, value_name = "NETWORK")]
    address: Option<Network>,
}

pub(super) async fn run(
    AuditArguments { selection, command }: &AuditArguments,
    db: &Db,
    output: Printer,
) -> anyhow::Result<ExitStatus> {
    match command {
        None if selection.follow => follow(selection, db, output).await?,
        None => _ = print(&filter(selection), db, output, |_| true).await?,
        Some(AuditCommand::Prune { older_than, operator }) => {
            let removed = db.prune_audit_by(*older_than, &operator.name()).await?;
            output.print(&json!({ "removed": removed }), &format!("{removed} rows removed"))?;
        }
    }
    Ok(ExitStatus::Success)
}

fn parse_days(typed: &str) -> Result<Duration, String> {
    let days = typed.parse().ok().filter(|days| RETENTION_DAYS.contains(days));
    let hours = days.and_then(|days| u64::try_from(days * 24).ok()).map(Duration::from_hours);
    let (min, max) = (RETENTION_DAYS.start(), RETENTION_DAYS.end());
    hours.ok_or_else(|| format!("not a number of days from {min} to {max}"))
}

fn filter(selection: &AuditSelection) -> AuditFilter {
    AuditFilter {
        number: selection.number,
        since: selection.since,
        until: selection.until,
        events: selection.event.clone(),
        outcomes: selection.outcome.clone(),
        sources: selection.source.clone(),
        network: selection.address,
    }
}

/// Prints the selected rows, oldest first, one page at a time. Returns whether the reader is still
/// there.
async fn print(
    filter: &AuditFilter,
    db: &Db,
    output: Printer,
    mut passes: impl FnMut(&AuditRow) -> bool,
) -> anyhow::Result<bool> {
    let mut last = None;
    loop {
        let page = db.audit(filter, last.as_ref()).await?;
        for entry in page.iter().filter(|entry| passes(entry)) {
            if !output.print(&as_json(entry), &as_text(entry))? {
                return Ok(false);
            }
        }
        last = page.into_iter().next_back();
        if last.is_none() {
            return Ok(true);
        }
    }
}

/// Prints new rows. A row gets its time at insertion but appears at the commit, so each query
/// reaches back by the duration of the longest transaction.
async fn follow(selection: &AuditSelection, db: &Db, output: Printer) -> anyhow::Result<()> {
    let now = db.now().await?;
    let start = selection.since.unwrap_or(now);
    let mut filter = AuditFilter { since: Some(start), ..filter(selection) };
    let mut printed: BTreeSet<(Timestamp, i64)> = BTreeSet::new();
    let mut newest = start;
    let mut outage = Outage::default();
    loop {
        let is_read = print(&filter, db, output, |row| {
            newest = newest.max(row.at);
            let is_new = printed.insert((row.at, row.id));
            while printed.first().is_some_and(|(at, _)| *at < newest - OPERATOR_LIMIT) {
                printed.pop_first();
            }
            is_new
        });
        if outage.survive(is_read.await)? == Some(false) {
            return Ok(());
        }
        filter.since = Some(start.max(newest - OPERATOR_LIMIT));
        tokio::time::sleep(FOLLOW_INTERVAL).await;
    }
}

fn as_json(entry: &AuditRow) -> serde_json::Value {
    json!({
        "at": entry.at.to_string(),
        "source": entry.source,
        "event": entry.event,
        "outcome": entry.outcome,
        "login": entry.login_number,
        "contract": entry.contract_number,
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
        ("login", &entry.login_number),
        ("contract", &entry.contract_number),
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
