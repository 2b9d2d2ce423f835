//! Imports of contracts (`D1`): compares the rows of a file with the tables, and applies all
//! changes or none.
//!
//! `COPY` loads the rows into a temporary table. The rest takes the same few statements for any
//! number of rows.

use std::slice;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::audit::{event_statement, insert_audit};
use super::contracts::LOCK_NUMBERS;
use super::error::DbError;
use super::handle::Db;
use super::rows::{column, contract, contract_columns, number, single};
use super::transaction::{Statement, Transaction};
use domain::audit::{AuditEvent, AuditScope, AuditSource, VoidReason};
use domain::phone_number::PhoneNumber;

/// One row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// The contract that `number` belongs to, by its contract number.
    pub contract_number: PhoneNumber,
    /// Stands in one row of a file alone.
    pub number: PhoneNumber,
    /// Whether it has the settings service.
    pub service: bool,
    /// The contract's customer mark, the same in all of its rows. `None` keeps the old one.
    pub customer: Option<Box<str>>,
}

/// The changes of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Numbers that are new.
    pub added: usize,
    /// Numbers that go to another contract, or whose service changes.
    pub changed: usize,
    /// Numbers that stay as they are.
    pub unchanged: usize,
    /// Numbers that the file does not contain.
    pub removed: usize,
    /// Contracts that get another customer mark.
    pub other_customers: usize,
}

/// How an import that the database took has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Import {
    /// Committed, with these counts.
    Loaded(Counts),
    /// Nothing is changed. At these lines a contract number would move to another contract, and the
    /// other numbers of its contract would remain without it.
    WouldOrphanNumbers(Vec<u64>),
}

/// A step of a running import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportProgress {
    /// One more row is on its way to the database.
    Sent,
    /// The database compares the rows with its own.
    Comparing,
    /// The database makes the changes.
    Applying,
}

const MAKE_TABLE: &str = "
    CREATE TEMPORARY TABLE incoming (
        line bigint, contract_number text, number text, has_service boolean, customer text
    ) ON COMMIT DROP";

const FILL_TABLE: &str = "
    COPY incoming (line, contract_number, number, has_service, customer) FROM STDIN (FORMAT binary)";

/// The types of the columns in [`FILL_TABLE`], in its order: the binary format names none.
const COLUMN_TYPES: [Type; 5] = [Type::INT8, Type::TEXT, Type::TEXT, Type::BOOL, Type::TEXT];

/// The change of each number, except of those that stay the same.
macro_rules! compare {
    ($join:literal) => {
        concat!(
            "CREATE TEMPORARY TABLE compared ON COMMIT DROP AS
             SELECT number, line,
                    known.contract_number AS old_contract,
                    incoming.contract_number AS new_contract,
                    incoming.has_service AS new_service,
                    CASE WHEN known.number IS NULL THEN 'added'
                         WHEN incoming.number IS NULL THEN 'absent'
                         WHEN known.contract_number <> incoming.contract_number THEN 'moved'
                         WHEN known.has_service THEN 'ended'
                         ELSE 'begun'
                    END AS change
             FROM incoming ",
            $join,
            " JOIN phone_number AS known USING (number)
             WHERE (known.contract_number, known.has_service)
                   IS DISTINCT FROM (incoming.contract_number, incoming.has_service)"
        )
    };
}

const COMPARE: &str = compare!("LEFT");

/// Includes the numbers that the file does not contain.
const COMPARE_ALL: &str = compare!("FULL");

/// The contracts whose customer mark changes, and whether they had one: a first mark changes
/// nothing else. A contract's rows have the same mark, and one of them is its own.
const MARK: &str = "
    CREATE TEMPORARY TABLE marked ON COMMIT DROP AS
    SELECT number, incoming.customer, known.customer IS NOT NULL AS has_changed
    FROM incoming LEFT JOIN contract AS known USING (number)
    WHERE number = contract_number AND incoming.customer IS NOT NULL
      AND known.customer IS DISTINCT FROM incoming.customer";

const LEFT_BEHIND: &str = "
    SELECT own.line FROM compared AS own
    WHERE own.change = 'moved' AND own.number = own.old_contract
      AND EXISTS (SELECT FROM phone_number AS other
                  WHERE other.contract_number = own.number
                    AND NOT EXISTS (SELECT FROM incoming WHERE incoming.number = other.number))
    ORDER BY own.line";

const COUNT: &str = "
    SELECT count(*) FILTER (WHERE change = 'added') AS added,
           count(*) FILTER (WHERE change IN ('moved', 'ended', 'begun')) AS changed,
           (SELECT count(*) FROM incoming)
               - count(*) FILTER (WHERE change <> 'absent') AS unchanged,
           count(*) FILTER (WHERE change = 'absent') AS removed,
           (SELECT count(*) FROM marked WHERE has_changed) AS other_customers,
           (SELECT count(*) FROM marked) AS marked
    FROM compared";

/// These two lock every contract that changes.
const LOCK_CONTRACTS: [&str; 2] = [
    "UPDATE contract SET version = version + 1
     WHERE number IN (SELECT old_contract FROM compared UNION SELECT new_contract FROM compared)",
    "UPDATE contract SET customer = marked.customer FROM marked
     WHERE contract.number = marked.number",
];

/// In an order that the foreign keys allow, and new rows in the order of their indexes.
const APPLY: [&str; 5] = [
    "DELETE FROM login_history USING compared
     WHERE login_number = compared.number AND change = 'moved'",
    "INSERT INTO contract (number, customer)
     SELECT number, customer FROM compared LEFT JOIN marked USING (number)
     WHERE number = new_contract AND change IN ('added', 'moved')
     ORDER BY number
     ON CONFLICT DO NOTHING",
    "UPDATE phone_number AS known SET contract_number = new_contract, has_service = new_service
     FROM compared WHERE known.number = compared.number AND change IN ('moved', 'ended', 'begun')",
    "INSERT INTO phone_number (number, contract_number, has_service)
     SELECT number, new_contract, new_service FROM compared WHERE change = 'added' ORDER BY number",
    "DELETE FROM phone_number USING compared
     WHERE phone_number.number = compared.number AND change = 'absent'",
];

/// Deletes the credentials of the numbers that a query returns with their contracts. Those that
/// were not void leave an audit row.
macro_rules! delete_credentials {
    ($numbers:literal) => {
        concat!(
            "WITH dropped AS (
                DELETE FROM credential USING (",
            $numbers,
            ") AS lost (number, contract_number)
                WHERE login_number = lost.number
                RETURNING login_number, contract_number, voided_at IS NULL AS was_live
            ) ",
            insert_audit!(
                "coalesce($2::text, noted.contract_number)",
                "(SELECT $6::text, $7::text, login_number, contract_number
                  FROM dropped WHERE was_live ORDER BY login_number)
                 AS noted (event, outcome, login_number, contract_number)"
            )
        )
    };
}

const DELETE_BY_CHANGE: &str =
    delete_credentials!("SELECT number, old_contract FROM compared WHERE change = $8");

const DELETE_LISTED: &str = delete_credentials!(
    "SELECT number, contract_number FROM phone_number WHERE number = ANY($8::text[])"
);

const DELETE_OF_FORMER_CUSTOMERS: &str = delete_credentials!(
    "SELECT n.number, n.contract_number
     FROM marked JOIN phone_number AS n ON n.contract_number = marked.number WHERE has_changed"
);

/// Numbers without the service that still have a credential, each with its contract.
const LOST_SERVICE: &str = concat!(
    "SELECT ",
    contract_columns!(),
    " FROM compared JOIN credential ON login_number = compared.number
    JOIN phone_number AS n ON n.number = compared.number
    JOIN contract AS c ON c.number = n.contract_number
    WHERE change = 'ended'"
);

/// An audit row for each contract that a statement returns.
macro_rules! note_contracts {
    ($statement:literal) => {
        concat!(
            "WITH changed AS (",
            $statement,
            " RETURNING contract.number) ",
            insert_audit!(
                "coalesce($2::text, noted.contract_number)",
                "(SELECT $6::text, $7::text, NULL::text, number FROM changed ORDER BY number)
                 AS noted (event, outcome, login_number, contract_number)"
            )
        )
    };
}

const REMOVE_EMPTY: &str = note_contracts!(
    "DELETE FROM contract
     WHERE number IN (SELECT old_contract FROM compared WHERE change IN ('moved', 'absent'))
       AND NOT EXISTS (SELECT FROM phone_number WHERE contract_number = contract.number)"
);

const DELETE_HISTORY: &str = "
    DELETE FROM login_history USING marked, phone_number AS n
    WHERE has_changed AND n.contract_number = marked.number AND login_number = n.number";

const RESET_CONTRACTS: &str = note_contracts!(
    "UPDATE contract SET unit = NULL, version = version + 1 FROM marked
     WHERE contract.number = marked.number AND has_changed"
);

impl Db {
    /// Imports the rows of a file, in which each number is unique and each contract has its own
    /// row. With `replace`, removes the numbers that the file does not contain.
    ///
    /// A number that is moved or removed loses its credential and sessions, and so does one that
    /// no longer logs in without its service. A contract that gets another customer loses its unit
    /// and all credentials and sessions.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    pub async fn import(
        &self,
        rows: &[ImportRow],
        replace: bool,
        by: &str,
        on_progress: impl Fn(ImportProgress),
    ) -> Result<Import, DbError> {
        let mut transaction = self.begin().await?;
        transaction.set_operator(by).await?;
        transaction.copy(rows, &on_progress).await?;
        transaction.query(&Statement::new(LOCK_NUMBERS)).await?;
        on_progress(ImportProgress::Comparing);
        let compare = if replace { COMPARE_ALL } else { COMPARE };
        for sql in ["ANALYZE incoming", compare, "ANALYZE compared", MARK, "ANALYZE marked"] {
            transaction.query(&Statement::new(sql)).await?;
        }
        if !replace {
            let left_behind = transaction.query(&Statement::new(LEFT_BEHIND)).await?;
            if !left_behind.is_empty() {
                return Ok(Import::WouldOrphanNumbers(lines(&left_behind)?));
            }
        }
        let (counts, marked) = transaction.counts().await?;
        if marked == 0 && counts == (Counts { unchanged: counts.unchanged, ..Counts::default() }) {
            return Ok(Import::Loaded(counts));
        }
        on_progress(ImportProgress::Applying);
        transaction.apply().await?;
        transaction.commit().await?;
        Ok(Import::Loaded(counts))
    }
}

impl Transaction {
    /// Fills the table `incoming`.
    async fn copy(
        &mut self,
        rows: &[ImportRow],
        on_progress: &impl Fn(ImportProgress),
    ) -> Result<(), DbError> {
        self.query(&Statement::new(MAKE_TABLE)).await?;
        self.copy_in(FILL_TABLE, &COLUMN_TYPES, async |mut table| {
            for ImportRow { line, contract_number, number, service, customer } in rows {
                let (contract_number, number) = (contract_number.as_str(), number.as_str());
                let customer = customer.as_deref();
                let line = line.cast_signed();
                table
                    .as_mut()
                    .write(&[&line, &contract_number, &number, service, &customer])
                    .await?;
                on_progress(ImportProgress::Sent);
            }
            Ok(())
        })
        .await
    }

    /// Counts the import's changes, and the contracts that get a mark.
    async fn counts(&mut self) -> Result<(Counts, usize), DbError> {
        let rows = self.query(&Statement::new(COUNT)).await?;
        let count = |name| {
            let count: i64 = single(&rows, name)?;
            Ok::<_, DbError>(usize::try_from(count).unwrap_or_default())
        };
        let counts = Counts {
            added: count("added")?,
            changed: count("changed")?,
            unchanged: count("unchanged")?,
            removed: count("removed")?,
            other_customers: count("other_customers")?,
        };
        Ok((counts, count("marked")?))
    }

    async fn apply(&mut self) -> Result<(), DbError> {
        for sql in LOCK_CONTRACTS {
            self.query(&Statement::new(sql)).await?;
        }
        for (change, reason) in
            [("moved", VoidReason::NumberMoved), ("absent", VoidReason::NumberRemoved)]
        {
            self.query(&noted(DELETE_BY_CHANGE, AuditEvent::Voided(reason)).with(change)).await?;
        }
        for sql in APPLY {
            self.query(&Statement::new(sql)).await?;
        }
        self.end_services().await?;
        self.query(&noted(REMOVE_EMPTY, AuditEvent::ContractRemoved)).await?;
        let other_customer = AuditEvent::Voided(VoidReason::CustomerChanged);
        self.query(&noted(DELETE_OF_FORMER_CUSTOMERS, other_customer)).await?;
        self.query(&Statement::new(DELETE_HISTORY)).await?;
        self.query(&noted(RESET_CONTRACTS, AuditEvent::CustomerChanged)).await?;
        self.record(AuditEvent::ContractsImported, None, None).await
    }

    /// Deletes the credentials of numbers that lost their service, unless they still log in (`W1`).
    async fn end_services(&mut self) -> Result<(), DbError> {
        let mut lost = Vec::new();
        for row in self.query(&Statement::new(LOST_SERVICE)).await? {
            let login_number = number(&row, "number")?;
            let contract = contract(slice::from_ref(&row))?;
            if contract.and_then(|contract| contract.role(login_number)).is_none() {
                lost.push(login_number.as_str().to_owned());
            }
        }
        let ended = AuditEvent::Voided(VoidReason::ServiceEnded);
        self.query(&noted(DELETE_LISTED, ended).with(lost)).await.map(drop)
    }
}

/// A statement that writes audit rows of this event, for several contracts.
fn noted(sql: &'static str, event: AuditEvent) -> Statement<'static> {
    let scope = AuditScope { source: AuditSource::Operator, contract_number: None, unit: None };
    event_statement(sql, &scope, event)
}

fn lines(rows: &[Row]) -> Result<Vec<u64>, DbError> {
    rows.iter().map(|row| Ok(column::<i64>(row, "line")?.cast_unsigned())).collect()
}
