//! Loading contracts (`D1`): a file's rows against what is there, whole or not at all.

use tokio_postgres::Row;

use super::audit::{AuditEvent, AuditOutcome};
use super::contracts::{LOCK_NUMBERS, column, number, operators};
use super::transaction::Transaction;
use super::{Db, DbError};
use domain::phone_number::PhoneNumber;

/// One row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// The contract number.
    pub contract: PhoneNumber,
    /// The number.
    pub number: PhoneNumber,
    /// Whether it has the settings service.
    pub service: bool,
    /// Whose the contract is, the same in all of its rows; none leaves it as it is.
    pub customer: Option<Box<str>>,
}

/// How many numbers a file has made or changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Numbers that are new.
    pub added: usize,
    /// Numbers that belong to another contract now, or whose service was changed.
    pub changed: usize,
    /// Numbers that were there as they are in the file.
    pub unchanged: usize,
    /// Numbers that the file does not have and that are gone.
    pub removed: usize,
    /// Contracts that have another customer now.
    pub other_customers: usize,
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Import {
    /// Loaded.
    Loaded(Counts),
    /// Nothing is changed: at these lines a number that other numbers are known by, being their
    /// contract number, would go to another contract and leave them behind.
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

/// What each number of the file or the database comes to.
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

/// The contracts whose mark is not the file's, and whether they had one: a first mark is no change.
const MARK: &str = "
    CREATE TEMPORARY TABLE marked ON COMMIT DROP AS
    SELECT DISTINCT incoming.contract_number AS number, incoming.customer,
           known.customer IS NOT NULL AS has_changed
    FROM incoming LEFT JOIN contract AS known ON known.number = incoming.contract_number
    WHERE incoming.customer IS NOT NULL AND known.customer IS DISTINCT FROM incoming.customer";

const MARK_CONTRACTS: &str = "
    UPDATE contract SET customer = marked.customer FROM marked
    WHERE contract.number = marked.number";

/// The former customer's logins, less those that are gone already.
const FORMER: &str = "
    SELECT cr.login_number, n.contract_number
    FROM marked JOIN phone_number AS n ON n.contract_number = marked.number
    JOIN credential AS cr ON cr.login_number = n.number
    WHERE has_changed ORDER BY cr.login_number";

const BEGIN_ANEW: &str = "
    UPDATE contract SET unit = NULL, version = version + 1 FROM marked
    WHERE contract.number = marked.number AND has_changed
    RETURNING contract.number";

const LEFT_BEHIND: &str = "
    SELECT own.line FROM compared AS own
    WHERE own.fate = 'moved' AND own.number = own.old_contract
      AND EXISTS (SELECT FROM compared AS other
                  WHERE other.old_contract = own.number AND other.fate = 'absent')
    ORDER BY own.line";

/// In the order of their numbers, as everyone locks contracts.
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

/// The rows themselves, in an order that the foreign keys allow.
const APPLY: [&str; 4] = [
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
    SELECT count(*) FILTER (WHERE fate = 'added'),
           count(*) FILTER (WHERE fate IN ('moved', 'ended', 'begun')),
           count(*) FILTER (WHERE fate = 'unchanged'),
           count(*) FILTER (WHERE fate = 'absent'),
           (SELECT count(*) FROM marked WHERE has_changed), (SELECT count(*) FROM marked)
    FROM compared";

impl Db {
    /// Loads a file's rows, in which each number stands once and each contract has its own; with
    /// `replace` the numbers that the file does not have are dropped.
    ///
    /// A number that goes to another contract, or goes, loses its credential and sessions; so does
    /// one that without its service logs in no more. A contract that has another customer loses its
    /// unit and every credential and session.
    ///
    /// # Errors
    /// [`DbError`] if the store is out of reach.
    pub async fn import(
        &self,
        rows: &[ImportRow],
        replace: bool,
        by: &str,
    ) -> Result<Import, DbError> {
        let mut transaction = self.begin().await?;
        transaction.by(by).await?;
        transaction.query(LOCK_NUMBERS, &[]).await?;
        transaction.compare(rows).await?;
        if !replace {
            let left_behind = transaction.query(LEFT_BEHIND, &[]).await?;
            if !left_behind.is_empty() {
                return Ok(Import::LeavesNumbersBehind(lines(&left_behind)?));
            }
            transaction.query("DELETE FROM compared WHERE fate = 'absent'", &[]).await?;
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
        self.query(MAKE_TABLE, &[]).await?;
        let lines: Vec<i64> = rows.iter().map(|row| row.line.cast_signed()).collect();
        let contracts: Vec<&str> = rows.iter().map(|row| row.contract.as_str()).collect();
        let numbers: Vec<&str> = rows.iter().map(|row| row.number.as_str()).collect();
        let services: Vec<bool> = rows.iter().map(|row| row.service).collect();
        let customers: Vec<Option<&str>> = rows.iter().map(|row| row.customer.as_deref()).collect();
        self.query(FILL_TABLE, &[&lines, &contracts, &numbers, &services, &customers]).await?;
        self.query("ANALYZE incoming", &[]).await?;
        self.query(COMPARE, &[]).await?;
        self.query("ANALYZE compared", &[]).await?;
        self.query(MARK, &[]).await?;
        Ok(())
    }

    /// What is to be told, and how many contracts get a mark.
    async fn counts(&mut self) -> Result<(Counts, usize), DbError> {
        let Some(row) = self.query_opt(COUNT, &[]).await? else {
            return Ok((Counts::default(), 0));
        };
        let count = |index| {
            let count: i64 = column(&row, index, "a count")?;
            Ok::<_, DbError>(usize::try_from(count).unwrap_or_default())
        };
        let counts = Counts {
            added: count(0)?,
            changed: count(1)?,
            unchanged: count(2)?,
            removed: count(3)?,
            other_customers: count(4)?,
        };
        Ok((counts, count(5)?))
    }

    async fn apply(&mut self) -> Result<(), DbError> {
        self.query(LOCK_CONTRACTS, &[]).await?;
        for row in self.query(LOST, &[]).await? {
            let fate: &str = column(&row, 2, "fate")?;
            let why = if fate == "moved" {
                AuditOutcome::NumberMoved
            } else {
                AuditOutcome::NumberRemoved
            };
            self.drop_credential(number(&row, 0)?, number(&row, 1)?, why).await?;
        }
        for statement in APPLY {
            self.query(statement, &[]).await?;
        }
        for row in self.query(ENDED, &[]).await? {
            self.end_service(number(&row, 0)?, number(&row, 1)?).await?;
        }
        for row in self.query(REMOVE_EMPTY, &[]).await? {
            let removed = number(&row, 0)?;
            let record =
                operators(AuditEvent::ContractRemoved, AuditOutcome::Done, None, Some(removed));
            self.record(&record).await?;
        }
        self.begin_anew().await?;
        self.query(TOUCH_CONTRACTS, &[]).await?;
        self.record(&operators(AuditEvent::ContractsImported, AuditOutcome::Done, None, None)).await
    }

    /// Marks contracts, and takes everything from those that had another customer.
    async fn begin_anew(&mut self) -> Result<(), DbError> {
        self.query(MARK_CONTRACTS, &[]).await?;
        for row in self.query(FORMER, &[]).await? {
            let (login, contract) = (number(&row, 0)?, number(&row, 1)?);
            self.drop_credential(login, contract, AuditOutcome::CustomerChanged).await?;
        }
        for row in self.query(BEGIN_ANEW, &[]).await? {
            let contract = Some(number(&row, 0)?);
            let changed =
                operators(AuditEvent::CustomerChanged, AuditOutcome::Done, None, contract);
            self.record(&changed).await?;
        }
        Ok(())
    }

    /// Takes a number without service its credential, unless it logs in all the same (`W1`).
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
        self.drop_credential(login, contract, AuditOutcome::ServiceEnded).await
    }
}

fn lines(rows: &[Row]) -> Result<Vec<u64>, DbError> {
    rows.iter().map(|row| Ok(column::<i64>(row, 0, "line")?.cast_unsigned())).collect()
}
