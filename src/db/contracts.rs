//! Contracts and their numbers: the daemon looks them up, operators change them (`D2`).

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Row;
use tracing::instrument;

use super::apply::{LOCK_CONTRACT, LOCK_CREDENTIALS};
use super::audit::event_statement;
use super::change::{DELETE_SESSIONS, END_SESSIONS};
use super::error::DbError;
use super::handle::Db;
use super::rows::{column, contract, contract_columns, number, parsed, single};
use super::transaction::{Statement, Transaction};
use domain::audit::{AuditEvent, AuditScope, AuditSource, SessionEndReason, VoidReason};
use domain::contract::Contract;
use domain::credential::CredentialKind;
use domain::phone_number::PhoneNumber;
use domain::rules;

const ALL_CONTRACTS: &str = concat!(
    "SELECT ",
    contract_columns!(),
    " FROM contract AS c JOIN phone_number AS n ON n.contract_number = c.number
    ORDER BY c.number, n.number <> c.number, n.number"
);

const CREDENTIAL_STATUSES: &str = "
    SELECT login_number, kind, set_at, failed_attempts,
           voided_at IS NOT NULL
           AND (kind <> 'temporary' OR voided_at < set_at + make_interval(secs => $2)) AS is_void,
           kind = 'temporary'
           AND clock_timestamp() >= set_at + make_interval(secs => $2) AS is_expired
    FROM credential JOIN phone_number ON number = login_number
    WHERE contract_number = $1
    ORDER BY login_number";

/// Of one contract, or of all if `$1` is null.
const CUSTOMERS: &str = "
    SELECT number, customer FROM contract
    WHERE customer IS NOT NULL AND ($1::text IS NULL OR number = $1)";

/// Only one operator at a time may assign numbers; the daemon is not held up.
pub(super) const LOCK_NUMBERS: &str = "LOCK TABLE phone_number IN SHARE ROW EXCLUSIVE MODE";

/// The contract's own number comes first.
const CONTRACT_OF: &str = concat!(
    "SELECT ",
    contract_columns!(),
    " FROM phone_number AS known
    JOIN contract AS c ON c.number = known.contract_number
    JOIN phone_number AS n ON n.contract_number = c.number
    WHERE known.number = $1
    ORDER BY n.number <> c.number, n.number"
);

/// A login number's credential, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialStatus {
    /// The number that logs in with it.
    pub login_number: PhoneNumber,
    /// A password or a temporary one.
    pub kind: CredentialKind,
    /// When it was set, by the database's clock.
    pub set_at: Timestamp,
    /// Wrong entries in a row (`C2`).
    pub failed_attempts: i32,
    /// Computed at the time of the query.
    pub state: Validity,
}

/// Whether a credential logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It logs in.
    Good,
    /// Too many wrong entries, or a change of its contract, have voided it (`C2`, `U1`).
    Void,
    /// A temporary password has expired (`C1`).
    Expired,
}

impl Validity {
    /// Its name for operators.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Void => "void",
            Self::Expired => "expired",
        }
    }
}

/// The result of an operator's change of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// The contract has changed.
    Done,
    /// Nothing had to be changed.
    Unchanged,
    /// There is no such contract.
    Unknown,
}

impl Db {
    /// The contract that `number` belongs to, as contract number or additional number; `None` if no
    /// contract has it.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    #[instrument(name = "transaction", skip_all, fields(operation = "contract_of"))]
    pub async fn contract_of(&self, number: PhoneNumber) -> Result<Option<Contract>, DbError> {
        contract(&self.read(&Statement::new(CONTRACT_OF).with_number(number)).await?)
    }

    /// Every contract, by its number.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    pub async fn contracts(&self) -> Result<Vec<Contract>, DbError> {
        let rows = self.read(&Statement::new(ALL_CONTRACTS)).await?;
        let own = |row: &Row| number(row, "contract_number").ok();
        rows.chunk_by(|one, next| own(one) == own(next))
            .filter_map(|rows| contract(rows).transpose())
            .collect()
    }

    /// The customer marks of the contracts that have one: of this contract, or of all (`D1`).
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    pub async fn customers(
        &self,
        contract_number: Option<PhoneNumber>,
    ) -> Result<HashMap<PhoneNumber, String>, DbError> {
        let rows = self.read(&Statement::new(CUSTOMERS).with_number(contract_number)).await?;
        rows.iter().map(|row| Ok((number(row, "number")?, column(row, "customer")?))).collect()
    }

    /// The credentials of a contract's login numbers, in the order of the numbers.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    pub async fn credential_statuses(
        &self,
        contract_number: PhoneNumber,
    ) -> Result<Vec<CredentialStatus>, DbError> {
        let statement = Statement::new(CREDENTIAL_STATUSES)
            .with_number(contract_number)
            .with(rules::TEMPORARY_PASSWORD_LIFETIME.as_secs_f64());
        self.read(&statement).await?.iter().map(credential_status).collect()
    }

    /// Suspends a contract and ends its sessions, or resumes it.
    ///
    /// # Errors
    /// [`DbError`] if the database cannot be reached.
    pub async fn suspend(
        &self,
        number: PhoneNumber,
        suspended: bool,
        by: &str,
    ) -> Result<UpdateOutcome, DbError> {
        let mut transaction = self.begin().await?;
        let Some(contract) = transaction.lock_contract(number).await? else {
            return Ok(UpdateOutcome::Unknown);
        };
        if contract.suspended == suspended {
            return Ok(UpdateOutcome::Unchanged);
        }
        transaction.set_operator(by).await?;
        let set = "UPDATE contract SET suspended = $2, version = version + 1 WHERE number = $1";
        transaction.query(&Statement::new(set).with_number(number).with(suspended)).await?;
        if suspended {
            transaction.query(&Statement::new(DELETE_SESSIONS).with_number(number)).await?;
        }
        let event =
            if suspended { AuditEvent::ContractSuspended } else { AuditEvent::ContractResumed };
        transaction.record(event, None, Some(number)).await?;
        transaction.commit().await?;
        Ok(UpdateOutcome::Done)
    }

    /// Ends every session of a contract (`D4`).
    ///
    /// # Errors
    /// [`DbError`] if the database cannot be reached.
    pub async fn end_sessions(
        &self,
        number: PhoneNumber,
        by: &str,
    ) -> Result<UpdateOutcome, DbError> {
        let mut transaction = self.begin().await?;
        if transaction.lock_contract(number).await?.is_none() {
            return Ok(UpdateOutcome::Unknown);
        }
        // A session begins in a transaction that holds its credential.
        transaction.query(&Statement::new(LOCK_CREDENTIALS).with_number(number)).await?;
        let count = "SELECT count(*) FROM session WHERE contract_number = $1";
        let open = transaction.query(&Statement::new(count).with_number(number)).await?;
        if single::<i64>(&open, "count")? == 0 {
            return Ok(UpdateOutcome::Unchanged);
        }
        transaction.set_operator(by).await?;
        let scope =
            AuditScope { source: AuditSource::Operator, contract_number: Some(number), unit: None };
        let ended = AuditEvent::SessionEnded(SessionEndReason::Operator);
        transaction.query(&event_statement(END_SESSIONS, &scope, ended)).await?;
        transaction.commit().await?;
        Ok(UpdateOutcome::Done)
    }

    /// Removes a contract with its numbers, credentials and sessions.
    ///
    /// # Errors
    /// [`DbError`] if the database cannot be reached.
    pub async fn remove(&self, number: PhoneNumber, by: &str) -> Result<UpdateOutcome, DbError> {
        let mut transaction = self.begin().await?;
        transaction.set_operator(by).await?;
        transaction.query(&Statement::new(LOCK_NUMBERS)).await?;
        let Some(contract) = transaction.lock_contract(number).await? else {
            return Ok(UpdateOutcome::Unknown);
        };
        for line in contract.numbers() {
            transaction.drop_credential(line, number, VoidReason::NumberRemoved).await?;
        }
        for sql in [
            "DELETE FROM phone_number WHERE contract_number = $1",
            "DELETE FROM contract WHERE number = $1",
        ] {
            transaction.query(&Statement::new(sql).with_number(number)).await?;
        }
        transaction.record(AuditEvent::ContractRemoved, None, Some(number)).await?;
        transaction.commit().await?;
        Ok(UpdateOutcome::Done)
    }
}

impl Transaction {
    /// Deletes a login number's credential with its sessions. Writes an audit row if it was not
    /// void.
    pub(super) async fn drop_credential(
        &mut self,
        login_number: PhoneNumber,
        contract_number: PhoneNumber,
        reason: VoidReason,
    ) -> Result<(), DbError> {
        let sql = "DELETE FROM credential WHERE login_number = $1
                   RETURNING voided_at IS NULL AS was_live";
        let rows = self.query(&Statement::new(sql).with_number(login_number)).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        if column(row, "was_live")? {
            self.record(AuditEvent::Voided(reason), Some(login_number), Some(contract_number))
                .await?;
        }
        Ok(())
    }

    /// Locks the contract with this contract number against every other change, and reads it.
    pub(super) async fn lock_contract(
        &mut self,
        number: PhoneNumber,
    ) -> Result<Option<Contract>, DbError> {
        self.query(&Statement::new(LOCK_CONTRACT).with_number(number)).await?;
        let rows = self.query(&Statement::new(CONTRACT_OF).with_number(number)).await?;
        Ok(contract(&rows)?.filter(|contract| contract.number == number))
    }
}

fn credential_status(row: &Row) -> Result<CredentialStatus, DbError> {
    let state = match (column(row, "is_void")?, column(row, "is_expired")?) {
        (true, true | false) => Validity::Void,
        (false, true) => Validity::Expired,
        (false, false) => Validity::Good,
    };
    Ok(CredentialStatus {
        login_number: number(row, "login_number")?,
        kind: parsed(row, "kind")?,
        set_at: column(row, "set_at")?,
        failed_attempts: column(row, "failed_attempts")?,
        state,
    })
}
