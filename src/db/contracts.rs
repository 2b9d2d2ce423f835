//! Contracts and their numbers, looked up by the daemon, changed by operators (`D2`).

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::audit::{AuditEvent, AuditOutcome, AuditRecord, AuditSource};
use super::retry::Deadline;
use super::transaction::{Parameters, Transaction};
use super::{Db, DbError, DbFailure};
use domain::contract::{Contract, ContractLine};
use domain::phone_number::PhoneNumber;
use domain::rules;

const ALL_CONTRACTS: &str = "
    SELECT c.number, c.unit, c.suspended, n.number, n.has_service, c.version
    FROM contract AS c JOIN phone_number AS n ON n.contract_number = c.number
    ORDER BY c.number, n.number <> c.number, n.number";

const STANDINGS: &str = "
    SELECT login_number, kind = 'temporary', set_at, failed_attempts,
           voided_at IS NOT NULL
           AND (kind <> 'temporary' OR voided_at < set_at + make_interval(secs => $2)),
           kind = 'temporary' AND clock_timestamp() >= set_at + make_interval(secs => $2)
    FROM credential JOIN phone_number ON number = login_number
    WHERE contract_number = $1
    ORDER BY login_number";

/// Of one contract, or of all.
const CUSTOMERS: &str = "
    SELECT number, customer FROM contract
    WHERE customer IS NOT NULL AND ($1::text IS NULL OR number = $1)";

/// Held to the end of the transaction; foreign keys to the contract are not kept waiting.
pub(super) const LOCK_CONTRACT: &str = "SELECT FROM contract WHERE number = $1 FOR NO KEY UPDATE";

/// One operator at a time changes who has which number; the daemon goes on.
pub(super) const LOCK_NUMBERS: &str = "LOCK TABLE phone_number IN SHARE ROW EXCLUSIVE MODE";

/// The contract's own number comes first.
const CONTRACT_OF: &str = "
    SELECT c.number, c.unit, c.suspended, n.number, n.has_service, c.version
    FROM phone_number AS known
    JOIN contract AS c ON c.number = known.contract_number
    JOIN phone_number AS n ON n.contract_number = c.number
    WHERE known.number = $1
    ORDER BY n.number <> c.number, n.number";

/// A login's credential, less its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialStatus {
    /// The login number.
    pub login: PhoneNumber,
    /// Whether it is a temporary password.
    pub temporary: bool,
    /// When it was set, by the database's clock.
    pub set_at: Timestamp,
    /// Wrong entries in a row (`C2`).
    pub failures: i32,
    /// Whether it is good for a login.
    pub state: Validity,
}

/// What a login's credential is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// For a login.
    Good,
    /// For nothing: too many wrong entries, or voided by what happened to its contract (`C2`, `U1`).
    Void,
    /// For nothing: a temporary password past its day (`C1`).
    Expired,
}

impl Validity {
    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Void => "void",
            Self::Expired => "expired",
        }
    }
}

/// What came of an operator's act on a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// Done.
    Done,
    /// It was so already.
    Unchanged,
    /// There is no such contract.
    Unknown,
}

impl Db {
    /// The contract that `number` belongs to, as contract number or additional number; `None` if no
    /// contract has it.
    ///
    /// # Errors
    /// [`DbError::NotSent`] if the store is out of reach.
    pub async fn contract_of(&self, number: PhoneNumber) -> Result<Option<Contract>, DbError> {
        contract(&self.read(CONTRACT_OF, &[&number.as_str()]).await?)
    }

    /// Every contract, by its number.
    ///
    /// # Errors
    /// [`DbError::NotSent`] if the store is out of reach.
    pub async fn contracts(&self) -> Result<Vec<Contract>, DbError> {
        let rows = self.read(ALL_CONTRACTS, &[]).await?;
        let own = |row: &Row| row.try_get::<_, String>(0).ok();
        rows.chunk_by(|one, next| own(one) == own(next))
            .filter_map(|rows| contract(rows).transpose())
            .collect()
    }

    /// Whose the contracts are that have a mark of it: this one, or all of them (`D1`).
    ///
    /// # Errors
    /// [`DbError::NotSent`] if the store is out of reach.
    pub async fn customers(
        &self,
        contract_number: Option<PhoneNumber>,
    ) -> Result<HashMap<PhoneNumber, String>, DbError> {
        let wanted = contract_number.as_ref().map(PhoneNumber::as_str);
        let rows = self.read(CUSTOMERS, &[&wanted]).await?;
        rows.iter().map(|row| Ok((number(row, 0)?, column(row, 1, "contract.customer")?))).collect()
    }

    /// What the logins of a contract have, by their numbers.
    ///
    /// # Errors
    /// [`DbError::NotSent`] if the store is out of reach.
    pub async fn credential_statuses(
        &self,
        contract_number: PhoneNumber,
    ) -> Result<Vec<CredentialStatus>, DbError> {
        let life = rules::TEMPORARY_PASSWORD_LIFETIME.as_secs_f64();
        let rows = self.read(STANDINGS, &[&contract_number.as_str(), &life]).await?;
        rows.iter().map(standing).collect()
    }

    /// Suspends a contract and ends its sessions, or resumes it.
    ///
    /// # Errors
    /// [`DbError`] if the store is out of reach.
    pub async fn suspend(
        &self,
        number: PhoneNumber,
        suspended: bool,
        by: &str,
    ) -> Result<UpdateOutcome, DbError> {
        let (mut transaction, contract) = self.begin_with_contract(self.time(), number).await?;
        let Some(contract) = contract else { return Ok(UpdateOutcome::Unknown) };
        if contract.suspended == suspended {
            return Ok(UpdateOutcome::Unchanged);
        }
        transaction.by(by).await?;
        let set = "UPDATE contract SET suspended = $2, version = version + 1 WHERE number = $1";
        transaction.query(set, &[&number.as_str(), &suspended]).await?;
        if suspended {
            let sessions = "DELETE FROM session WHERE contract_number = $1";
            transaction.query(sessions, &[&number.as_str()]).await?;
        }
        let event =
            if suspended { AuditEvent::ContractSuspended } else { AuditEvent::ContractResumed };
        transaction.record(&operators(event, AuditOutcome::Done, None, Some(number))).await?;
        transaction.commit().await?;
        Ok(UpdateOutcome::Done)
    }

    /// Removes a contract with its numbers, credentials and sessions.
    ///
    /// # Errors
    /// [`DbError`] if the store is out of reach.
    pub async fn remove(&self, number: PhoneNumber, by: &str) -> Result<UpdateOutcome, DbError> {
        let mut transaction = self.begin().await?;
        transaction.by(by).await?;
        transaction.query(LOCK_NUMBERS, &[]).await?;
        let Some(contract) = transaction.lock_contract(number).await? else {
            return Ok(UpdateOutcome::Unknown);
        };
        for row in &contract.lines {
            transaction.drop_credential(row.number, number, AuditOutcome::NumberRemoved).await?;
        }
        let (numbers, own) = (
            "DELETE FROM phone_number WHERE contract_number = $1",
            "DELETE FROM contract WHERE number = $1",
        );
        transaction.query(numbers, &[&number.as_str()]).await?;
        transaction.query(own, &[&number.as_str()]).await?;
        let removed =
            operators(AuditEvent::ContractRemoved, AuditOutcome::Done, None, Some(number));
        transaction.record(&removed).await?;
        transaction.commit().await?;
        Ok(UpdateOutcome::Done)
    }
}

impl Db {
    /// Begins a transaction with [`Transaction::lock_contract`].
    pub(super) async fn begin_with_contract(
        &self,
        time: Deadline,
        contract_number: PhoneNumber,
    ) -> Result<(Transaction, Option<Contract>), DbError> {
        let parameters: Parameters<'_> = &[&contract_number.as_str()];
        let statements = [(LOCK_CONTRACT, parameters), (CONTRACT_OF, parameters)];
        let (transaction, rows) = self.begin_with(time, &statements).await?;
        let contract = locked(rows.last().map_or(&[], Vec::as_slice), contract_number)?;
        Ok((transaction, contract))
    }
}

impl Transaction {
    /// Takes a login its credential and sessions, and says so if the credential was not void.
    pub(super) async fn drop_credential(
        &mut self,
        login: PhoneNumber,
        contract: PhoneNumber,
        why: AuditOutcome,
    ) -> Result<(), DbError> {
        let sql = "DELETE FROM credential WHERE login_number = $1 RETURNING voided_at IS NULL";
        let Some(row) = self.query_opt(sql, &[&login.as_str()]).await? else { return Ok(()) };
        if column(&row, 0, "credential.voided_at")? {
            self.record(&operators(AuditEvent::Voided, why, Some(login), Some(contract))).await?;
        }
        Ok(())
    }

    /// Locks the contract with this contract number against every other change of it, then reads it.
    pub(super) async fn lock_contract(
        &mut self,
        contract_number: PhoneNumber,
    ) -> Result<Option<Contract>, DbError> {
        let parameters: Parameters<'_> = &[&contract_number.as_str()];
        self.query(LOCK_CONTRACT, parameters).await?;
        locked(&self.query(CONTRACT_OF, parameters).await?, contract_number)
    }
}

/// What [`CONTRACT_OF`] found, if it is the contract that [`LOCK_CONTRACT`] has locked.
fn locked(rows: &[Row], contract_number: PhoneNumber) -> Result<Option<Contract>, DbError> {
    Ok(contract(rows)?.filter(|contract| contract.number == contract_number))
}

/// Puts the rows of [`CONTRACT_OF`] together, or of another query whose first columns are the same.
pub(super) fn contract(rows: &[Row]) -> Result<Option<Contract>, DbError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let unit: Option<&str> = column(first, 1, "contract.unit")?;
    let unit = unit.map(str::parse).transpose().map_err(|_| broken("contract.unit"))?;
    Ok(Some(Contract {
        number: number(first, 0)?,
        lines: rows
            .iter()
            .map(|row| {
                let service = column(row, 4, "phone_number.has_service")?;
                Ok(ContractLine { number: number(row, 3)?, has_service: service })
            })
            .collect::<Result<_, DbError>>()?,
        unit,
        suspended: column(first, 2, "contract.suspended")?,
        version: column(first, 5, "contract.version")?,
    }))
}

fn standing(row: &Row) -> Result<CredentialStatus, DbError> {
    let void = column(row, 4, "credential.voided_at")?;
    let expired = column(row, 5, "credential.set_at")?;
    Ok(CredentialStatus {
        login: number(row, 0)?,
        temporary: column(row, 1, "credential.kind")?,
        set_at: column(row, 2, "credential.set_at")?,
        failures: column(row, 3, "credential.failed_attempts")?,
        state: match (void, expired) {
            (true, true | false) => Validity::Void,
            (false, true) => Validity::Expired,
            (false, false) => Validity::Good,
        },
    })
}

/// An audit row of an operator's act.
pub(super) fn operators(
    event: AuditEvent,
    outcome: AuditOutcome,
    login: Option<PhoneNumber>,
    contract: Option<PhoneNumber>,
) -> AuditRecord {
    AuditRecord { source: AuditSource::Operator, event, outcome, login, contract, unit: None }
}

/// A telephone number in a column.
pub(super) fn number(row: &Row, index: usize) -> Result<PhoneNumber, DbError> {
    let text: &str = column(row, index, "a telephone number")?;
    text.parse().map_err(|_| broken("a telephone number"))
}

/// Any other column.
pub(super) fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    index: usize,
    name: &'static str,
) -> Result<T, DbError> {
    row.try_get(index).map_err(|_| broken(name))
}

fn broken(name: &'static str) -> DbError {
    DbError::NotSent(DbFailure::Row(name))
}
