//! Imports of contracts (`D1`): the rows of a file are compared with the tables, and applied whole
//! or not at all.

use tokio_postgres::Row;

use super::contracts::LOCK_NUMBERS;
use super::rows::{column, number, single};
use super::transaction::{Statement, Transaction};
use super::{Db, DbError};
use domain::audit::{AuditEvent, VoidReason};
use domain::phone_number::PhoneNumber;

/// One row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// The contract number.
    pub contract: PhoneNumber,
    /// A number of the contract.
    pub number: PhoneNumber,
    /// Whether it has the settings service.
    pub service: bool,
    /// The contract's customer mark, the same in all of its rows. `None` keeps the old one.
    pub customer: Option<Box<str>>,
}

/// What an import changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Numbers that are new.
    pub added: usize,
    /// Numbers that go to another contract, or whose service changes.
    pub changed: usize,
    /// Numbers that stay as they are.
    pub unchanged: usize,
    /// Numbers that the file does not have.
    pub removed: usize,
    /// Contracts that get another customer.
    pub other_customers: usize,
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Import {
    /// Loaded.
    Loaded(Counts),
    /// Nothing is changed. At these lines a contract number would go to another contract, and leave
    /// numbers of its contract behind.
    LeavesNumbersBehind(Vec<u64>),
}

const MAKE_TABLE: &str = "
    CREATE TEMPORARY TABLE incoming (
        line bigint, contract_number text, number text PRIMARY KEY, has_service boolean,
        customer text
    ) ON COMMIT DROP";

const FILL_TABLE: &str = "
    INSERT INTO incoming
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::text[])";

/// The fate of each number of the file or the database.
const COMPARE: &str = "
    CREATE TEMPORARY TABLE compared ON COMMIT DROP AS
    SELECT number, line,
           known.contract_number AS old_contract, incoming.contract_number AS new_contract,
           incoming.has_service AS new_service,
           CASE WHEN known.number IS NULL THEN 'added'
                WHEN incoming.number IS NULL THEN 'absent'
                WHEN known.contract_number <> incoming.contract_number THEN 'moved'
                WHEN known.has_service AND NOT incoming.has_service THEN 'ended'
                WHEN known.has_service <> incoming.has_service THEN 'begun'
                ELSE 'unchanged'
           END AS fate
    FROM incoming FULL JOIN phone_number AS known USING (number)";

/// The contracts whose customer mark changes, and whether they had one: a first mark changes
/// nothing else.
const MARK: &str = "
    CREATE TEMPORARY TABLE marked ON COMMIT DROP AS
    SELECT DISTINCT incoming.contract_number AS number, incoming.customer,
           known.customer IS NOT NULL AS has_changed
    FROM incoming LEFT JOIN contract AS known ON known.number = incoming.contract_number
    WHERE incoming.customer IS NOT NULL AND known.customer IS DISTINCT FROM incoming.customer";

const MARK_CONTRACTS: &str = "
    UPDATE contract SET customer = marked.customer FROM marked
    WHERE contract.number = marked.number";

/// The former customer's credentials that are still there.
const FORMER: &str = "
    SELECT cr.login_number, n.contract_number
    FROM marked JOIN phone_number AS n ON n.contract_number = marked.number
    JOIN credential AS cr ON cr.login_number = n.number
    WHERE has_changed ORDER BY cr.login_number";

const DELETE_HISTORY: &str = "
    DELETE FROM login_history USING marked, phone_number AS n
    WHERE has_changed AND n.contract_number = marked.number AND login_number = n.number";

const RESET_CONTRACTS: &str = "
    UPDATE contract SET unit = NULL, version = version + 1 FROM marked
    WHERE contract.number = marked.number AND has_changed
    RETURNING contract.number";

const LEFT_BEHIND: &str = "
    SELECT own.line FROM compared AS own
    WHERE own.fate = 'moved' AND own.number = own.old_contract
      AND EXISTS (SELECT FROM compared AS other
                  WHERE other.old_contract = own.number AND other.fate = 'absent')
    ORDER BY own.line";

/// In the order of the contract numbers, so that two imports do not deadlock.
const LOCK_CONTRACTS: &str = "
    SELECT FROM contract
    WHERE number IN (SELECT old_contract FROM compared WHERE fate <> 'unchanged'
                     UNION SELECT new_contract FROM compared WHERE fate <> 'unchanged'
                     UNION SELECT number FROM marked)
    ORDER BY number FOR NO KEY UPDATE";

const TOUCH_CONTRACTS: &str = "
    UPDATE contract SET version = version + 1
    WHERE number IN (SELECT old_contract FROM compared WHERE fate <> 'unchanged'
                     UNION SELECT new_contract FROM compared WHERE fate <> 'unchanged')";

const LOST: &str = "
    SELECT number, old_contract, fate FROM compared
    WHERE fate IN ('moved', 'absent') AND number IN (SELECT login_number FROM credential)
    ORDER BY number";

const ENDED: &str = "
    SELECT number, old_contract FROM compared
    WHERE fate = 'ended' AND number IN (SELECT login_number FROM credential)
    ORDER BY number";

/// In an order that the foreign keys allow.
const APPLY: [&str; 5] = [
    "DELETE FROM login_history USING compared
     WHERE login_number = compared.number AND fate = 'moved'",
    "INSERT INTO contract (number)
     SELECT DISTINCT new_contract FROM compared WHERE new_contract IS NOT NULL
     ON CONFLICT DO NOTHING",
    "UPDATE phone_number AS known SET contract_number = new_contract, has_service = new_service
     FROM compared WHERE known.number = compared.number AND fate IN ('moved', 'ended', 'begun')",
    "INSERT INTO phone_number (number, contract_number, has_service)
     SELECT number, new_contract, new_service FROM compared WHERE fate = 'added'",
    "DELETE FROM phone_number USING compared
     WHERE phone_number.number = compared.number AND fate = 'absent'",
];

const REMOVE_EMPTY: &str = "
    DELETE FROM contract
    WHERE number IN (SELECT old_contract FROM compared WHERE fate IN ('moved', 'absent'))
      AND NOT EXISTS (SELECT FROM phone_number WHERE contract_number = contract.number)
    RETURNING number";

const COUNT: &str = "
    SELECT count(*) FILTER (WHERE fate = 'added') AS added,
           count(*) FILTER (WHERE fate IN ('moved', 'ended', 'begun')) AS changed,
           count(*) FILTER (WHERE fate = 'unchanged') AS unchanged,
           count(*) FILTER (WHERE fate = 'absent') AS removed,
           (SELECT count(*) FROM marked WHERE has_changed) AS other_customers,
           (SELECT count(*) FROM marked) AS marked
    FROM compared";

impl Db {
    /// Imports the rows of a file, in which each number stands once and each contract has its own
    /// number. With `replace`, numbers that the file does not have are removed.
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
    ) -> Result<Import, DbError> {
        let mut transaction = self.begin().await?;
        transaction.set_operator(by).await?;
        transaction.query(&Statement::new(LOCK_NUMBERS)).await?;
        transaction.compare(rows).await?;
        if !replace {
            let left_behind = transaction.query(&Statement::new(LEFT_BEHIND)).await?;
            if !left_behind.is_empty() {
                return Ok(Import::LeavesNumbersBehind(lines(&left_behind)?));
            }
            let keep = Statement::new("DELETE FROM compared WHERE fate = 'absent'");
            transaction.query(&keep).await?;
        }
        let (counts, marked) = transaction.counts().await?;
        if marked == 0 && counts == (Counts { unchanged: counts.unchanged, ..Counts::default() }) {
            return Ok(Import::Loaded(counts));
        }
        transaction.apply().await?;
        transaction.commit().await?;
        Ok(Import::Loaded(counts))
    }
}

impl Transaction {
    /// Fills the table `compared`.
    async fn compare(&mut self, rows: &[ImportRow]) -> Result<(), DbError> {
        self.query(&Statement::new(MAKE_TABLE)).await?;
        let lines: Vec<i64> = rows.iter().map(|row| row.line.cast_signed()).collect();
        let contracts: Vec<&str> = rows.iter().map(|row| row.contract.as_str()).collect();
        let numbers: Vec<&str> = rows.iter().map(|row| row.number.as_str()).collect();
        let services: Vec<bool> = rows.iter().map(|row| row.service).collect();
        let customers: Vec<Option<&str>> = rows.iter().map(|row| row.customer.as_deref()).collect();
        let fill = Statement::new(FILL_TABLE)
            .with(lines)
            .with(contracts)
            .with(numbers)
            .with(services)
            .with(customers);
        self.query(&fill).await?;
        for sql in ["ANALYZE incoming", COMPARE, "ANALYZE compared", MARK] {
            self.query(&Statement::new(sql)).await?;
        }
        Ok(())
    }

    /// What the import changes, and how many contracts get a mark.
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
        self.query(&Statement::new(LOCK_CONTRACTS)).await?;
        for row in self.query(&Statement::new(LOST)).await? {
            let fate: &str = column(&row, "fate")?;
            let reason = match fate {
                "moved" => VoidReason::NumberMoved,
                _removed => VoidReason::NumberRemoved,
            };
            let (login, contract) = (number(&row, "number")?, number(&row, "old_contract")?);
            self.drop_credential(login, contract, reason).await?;
        }
        for statement in APPLY {
            self.query(&Statement::new(statement)).await?;
        }
        for row in self.query(&Statement::new(ENDED)).await? {
            self.end_service(number(&row, "number")?, number(&row, "old_contract")?).await?;
        }
        for row in self.query(&Statement::new(REMOVE_EMPTY)).await? {
            let removed = number(&row, "number")?;
            self.record(AuditEvent::ContractRemoved, None, Some(removed)).await?;
        }
        self.reset_contracts().await?;
        self.query(&Statement::new(TOUCH_CONTRACTS)).await?;
        self.record(AuditEvent::ContractsImported, None, None).await
    }

    /// Writes the customer marks, and resets the contracts that had another customer.
    async fn reset_contracts(&mut self) -> Result<(), DbError> {
        self.query(&Statement::new(MARK_CONTRACTS)).await?;
        for row in self.query(&Statement::new(FORMER)).await? {
            let login = number(&row, "login_number")?;
            let contract = number(&row, "contract_number")?;
            self.drop_credential(login, contract, VoidReason::CustomerChanged).await?;
        }
        self.query(&Statement::new(DELETE_HISTORY)).await?;
        for row in self.query(&Statement::new(RESET_CONTRACTS)).await? {
            let contract = number(&row, "number")?;
            self.record(AuditEvent::CustomerChanged, None, Some(contract)).await?;
        }
        Ok(())
    }

    /// Deletes the credential of a number that lost its service, unless it still logs in (`W1`).
    async fn end_service(
        &mut self,
        login: PhoneNumber,
        contract: PhoneNumber,
    ) -> Result<(), DbError> {
        let logs_in = self
            .lock_contract(contract)
            .await?
            .is_some_and(|contract| contract.role(login).is_some());
        if logs_in {
            return Ok(());
        }
        self.drop_credential(login, contract, VoidReason::ServiceEnded).await
    }
}

fn lines(rows: &[Row]) -> Result<Vec<u64>, DbError> {
    rows.iter().map(|row| Ok(column::<i64>(row, "line")?.cast_unsigned())).collect()
}
