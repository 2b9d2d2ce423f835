//! Setting a temporary password by phone (`P9`, `P13`, `P14`, `C4`).

use metrics::counter;

use super::audit::{self, AuditEvent, AuditOutcome, AuditRecord, AuditSource, Columns};
use super::idempotency::{Attempt, IdempotencyKey, Uncertain};
use super::transaction::{Parameters, Statement, Transaction};
use super::{Db, DbError};
use crate::metrics::CREDENTIALS_VOIDED;
use domain::auth_unit::AuthUnit;
use domain::password::PhcString;
use domain::phone_number::PhoneNumber;

/// A temporary password that its caller has confirmed, hashed.
#[derive(Debug)]
pub struct SetTemporaryPassword {
    /// Under which it is stored once.
    pub attempt: IdempotencyKey,
    /// The caller's number.
    pub caller: PhoneNumber,
    /// The contract number of the caller's contract.
    pub contract: PhoneNumber,
    /// The unit chosen by phone.
    pub unit: AuthUnit,
    /// The login number that the password is for.
    pub login: PhoneNumber,
    /// The password's hash.
    pub phc: PhcString,
}

/// What came of setting a temporary password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOutcome {
    /// Committed.
    Stored,
    /// The contract has changed under the call: not live, number gone, or another unit in force.
    Refused,
}

const DELETE: &str = "DELETE FROM credential WHERE login_number = $1";

const INSERT: &str = "
    INSERT INTO credential (login_number, kind, password_hash, set_at)
    VALUES ($1, 'temporary', $2, clock_timestamp())";

const TOUCH: &str = "UPDATE contract SET unit = $2, version = version + 1 WHERE number = $1";

const VOID_OTHERS: &str = "
    WITH voided AS (
        UPDATE credential SET password_hash = NULL, voided_at = clock_timestamp()
        WHERE login_number IN (SELECT number FROM phone_number WHERE contract_number = $1)
          AND login_number <> $2 AND voided_at IS NULL
        RETURNING login_number
    ), noted AS (
        INSERT INTO audit_log
            (source, event, outcome, login_number, contract_number, unit, caller_number)
        SELECT $3, $4, $5, login_number, $1, $6, $7 FROM voided ORDER BY login_number
    )
    SELECT login_number FROM voided";

/// After [`VOID_OTHERS`]: a login under way either finds its credential void or has left a session
/// that is seen here.
const END_SESSIONS: &str = "DELETE FROM session WHERE contract_number = $1";

impl Db {
    /// Stores a temporary password and the unit that was chosen with it, in one transaction (`P9`).
    ///
    /// What the login number had, and its sessions, are gone: a new credential has a new id (`C4`).
    /// A change of unit voids every other credential of the contract and ends all its sessions
    /// (`P14`). Dropped before its commit is sent, it changes nothing (`P13`). If the answer to the commit is
    /// lost it is tried again, and stored once.
    ///
    /// # Errors
    /// [`DbError::NotSent`]: nothing is stored; [`DbError::OutcomeUnknown`]: all of it or nothing.
    pub async fn set_temporary(&self, new: &SetTemporaryPassword) -> Result<SetOutcome, DbError> {
        self.execute_once(new.attempt, |tried| self.try_to_set(tried, new)).await
    }

    async fn try_to_set(
        &self,
        tried: Attempt,
        new: &SetTemporaryPassword,
    ) -> Result<Uncertain<SetOutcome>, DbError> {
        let (transaction, contract) = self.begin_with_contract(tried.time, new.contract).await?;
        let allowed = contract.filter(|contract| contract.may_set(new.caller, new.unit, new.login));
        let Some(contract) = allowed else {
            let refusal = record(new, AuditEvent::TemporarySet, AuditOutcome::ContractChanged);
            let refusal = Columns::of(&refusal);
            let row = refusal.parameters();
            let statements: [Statement<'_>; 1] = [(audit::INSERT, &row)];
            let committed =
                transaction.commit_as(tried, AuditOutcome::ContractChanged, &statements).await;
            return Ok(Uncertain { value: SetOutcome::Refused, committed: committed.map(drop) });
        };
        let changes_unit = contract.unit != Some(new.unit);
        let committed = transaction.store(tried, new, changes_unit).await;
        Ok(Uncertain { value: SetOutcome::Stored, committed })
    }
}

impl Transaction {
    /// Writes all of it and commits.
    async fn store(
        self,
        tried: Attempt,
        new: &SetTemporaryPassword,
        changes_unit: bool,
    ) -> Result<(), DbError> {
        let (contract, login) = (new.contract.as_str(), new.login.as_str());
        let set = record(new, AuditEvent::TemporarySet, AuditOutcome::Done);
        let changed = record(new, AuditEvent::UnitChanged, AuditOutcome::Done);
        let (set, changed) = (Columns::of(&set), Columns::of(&changed));
        let source = AuditSource::Phone(Some(new.caller)).as_str();
        let (set, changed) = (set.parameters(), changed.parameters());
        let phc = new.phc.expose();
        let of_login: Parameters<'_> = &[&login];
        let of_contract: Parameters<'_> = &[&contract];
        let credential: Parameters<'_> = &[&login, &phc];
        let touch: Parameters<'_> = &[&contract, &new.unit.as_str()];
        let others: Parameters<'_> = &[
            &contract,
            &login,
            &source,
            &AuditEvent::Voided.as_str(),
            &AuditOutcome::UnitChanged.as_str(),
            &new.unit.as_str(),
            &new.caller.as_str(),
        ];
        let mut statements: Vec<Statement<'_>> =
            vec![(DELETE, of_login), (INSERT, credential), (audit::INSERT, &set)];
        if changes_unit {
            statements.extend([
                (audit::INSERT, changed.as_slice()),
                (VOID_OTHERS, others),
                (END_SESSIONS, of_contract),
            ]);
        }
        statements.push((TOUCH, touch));
        let rows = self.commit_as(tried, AuditOutcome::Done, &statements).await?;
        // Those of what voids the others: nothing else has any.
        count_voided(AuditOutcome::UnitChanged, rows.iter().map(Vec::len).sum());
        Ok(())
    }
}

/// Counts credentials that are void now, and why.
pub(crate) fn count_voided(reason: AuditOutcome, number: usize) {
    counter!(CREDENTIALS_VOIDED, "reason" => reason.as_str()).increment(number as u64);
}

fn record(new: &SetTemporaryPassword, event: AuditEvent, outcome: AuditOutcome) -> AuditRecord {
    AuditRecord {
        source: AuditSource::Phone(Some(new.caller)),
        event,
        outcome,
        login: Some(new.login),
        contract: Some(new.contract),
        unit: Some(new.unit),
    }
}
