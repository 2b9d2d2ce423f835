//! Pages of the audit table, filtered for an operator (`D3`).

use std::net::IpAddr;

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::config::Network;
use crate::db::rows::{column, single};
use crate::db::transaction::Statement;
use crate::db::{Db, DbError};
use domain::phone_number::PhoneNumber;

/// The rows to read. `None` and an empty list select all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// About this login, contract or caller's number.
    pub number: Option<PhoneNumber>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Names of events.
    pub events: Vec<String>,
    /// Names of outcomes.
    pub outcomes: Vec<String>,
    /// Names of sources.
    pub sources: Vec<String>,
    /// From an address in this network.
    pub network: Option<Network>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Rises from row to row.
    pub id: i64,
    /// When, by the database's clock.
    pub at: Timestamp,
    /// `phone`, `site` or `operator`.
    pub source: String,
    /// The event's name.
    pub event: String,
    /// Its outcome's name.
    pub outcome: String,
    /// `None` for an act that concerns no login number.
    pub login_number: Option<String>,
    /// `None` for an import, and for a number that no contract has.
    pub contract_number: Option<String>,
    /// The unit in force, or the new one.
    pub unit: Option<String>,
    /// By phone, if the call had a trusted number.
    pub caller: Option<String>,
    /// On the site alone.
    pub address: Option<IpAddr>,
    /// As the operator gave it by `--by`.
    pub operator: Option<String>,
}

/// Rows of a page.
const PAGE: i64 = 1_000;

macro_rules! columns {
    () => {
        "occurred_at, source, event, outcome, login_number, contract_number, unit, caller_number,
         address, id, operator"
    };
}

/// Selects a page of the rows of one index, after a row or from the start.
macro_rules! page {
    ($of:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM audit_log
             WHERE ",
            $of,
            " AND occurred_at >= coalesce($2::timestamptz, $1::timestamptz, '-infinity')
              AND ($2::timestamptz IS NULL OR (occurred_at, id) > ($2, $3::bigint))
              AND occurred_at < coalesce($5::timestamptz, 'infinity')
              AND (cardinality($6::text[]) = 0 OR event = ANY($6))
              AND (cardinality($7::text[]) = 0 OR outcome = ANY($7))
              AND (cardinality($8::text[]) = 0 OR source = ANY($8))
              AND ($9::text IS NULL OR address <<= $9::text::inet)
             ORDER BY occurred_at, id LIMIT $4"
        )
    };
}

const ALL: &str = page!("true");

/// One page by each of the three indexes, so that no row of other numbers is read.
const OF_NUMBER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM ((",
    page!("login_number = $10"),
    ") UNION (",
    page!("contract_number = $10"),
    ") UNION (",
    page!("caller_number = $10"),
    ")) AS page ORDER BY occurred_at, id LIMIT $4"
);

impl Db {
    /// The rows that the filter selects, the newest last. Returns the page after the row `after`;
    /// empty at the end.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<&AuditRow>,
    ) -> Result<Vec<AuditRow>, DbError> {
        let (at, id) = (after.map(|row| row.at), after.map(|row| row.id));
        let sql = if filter.number.is_some() { OF_NUMBER } else { ALL };
        let mut statement = Statement::new(sql)
            .with(filter.since)
            .with(at)
            .with(id)
            .with(PAGE)
            .with(filter.until)
            .with(&filter.events)
            .with(&filter.outcomes)
            .with(&filter.sources)
            .with(filter.network.map(|network| network.to_string()));
        if let Some(number) = filter.number {
            statement = statement.with_number(number);
        }
        self.read(&statement).await?.iter().map(row).collect()
    }

    /// The time by the database's clock.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    pub async fn now(&self) -> Result<Timestamp, DbError> {
        single(&self.read(&Statement::new("SELECT clock_timestamp() AS now")).await?, "now")
    }
}

fn row(found: &Row) -> Result<AuditRow, DbError> {
    Ok(AuditRow {
        at: column(found, "occurred_at")?,
        source: column(found, "source")?,
        event: column(found, "event")?,
        outcome: column(found, "outcome")?,
        login_number: column(found, "login_number")?,
        contract_number: column(found, "contract_number")?,
        unit: column(found, "unit")?,
        caller: column(found, "caller_number")?,
        address: column(found, "address")?,
        id: column(found, "id")?,
        operator: column(found, "operator")?,
    })
}
