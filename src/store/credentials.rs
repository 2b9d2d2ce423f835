//! Setting a temporary password by phone (`P9`, `P13`, `P14`, `C4`).

use super::audit::{Event, Outcome, Record, Source};
use super::contracts::number;
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::number::Number;
use crate::password::PhcString;
use crate::unit::Unit;

/// A temporary password that its caller has confirmed, hashed.
#[derive(Debug)]
pub struct SetTemporary {
    /// The caller's number.
    pub caller: Number,
    /// The contract number of the caller's contract.
    pub contract: Number,
    /// The unit chosen by phone.
    pub unit: Unit,
    /// The login number that the password is for.
    pub login: Number,
    /// The password's hash.
    pub phc: PhcString,
}

/// What came of setting a temporary password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Committed.
    Stored,
    /// The contract has changed under the call: not live, number gone, or another unit in force.
    Refused,
}

impl Store {
    /// Stores a temporary password and the unit that was chosen with it, in one transaction (`P9`).
    ///
    /// What the login number had, and its sessions, are gone (`C4`); a change of unit voids every
    /// other credential of the contract and ends all its sessions (`P14`). Dropped before its commit
    /// is sent, it changes nothing (`P13`).
    ///
    /// # Errors
    /// [`StoreError::NotSent`]: nothing is stored; [`StoreError::OutcomeUnknown`]: all of it or nothing.
    pub async fn set_temporary(&self, new: &SetTemporary) -> Result<Setting, StoreError> {
        let mut transaction = self.begin().await?;
        let contract = transaction.lock_contract(new.contract).await?;
        let Some(contract) =
            contract.filter(|contract| contract.may_set(new.caller, new.unit, new.login))
        else {
            let outcome = Outcome::ContractChanged;
            transaction.record(&record(new, Event::TemporarySet, outcome, new.login)).await?;
            transaction.commit().await?;
            return Ok(Setting::Refused);
        };
        transaction.replace_credential(new).await?;
        transaction.record(&record(new, Event::TemporarySet, Outcome::Done, new.login)).await?;
        if contract.unit != Some(new.unit) {
            transaction.change_unit(new).await?;
        }
        let touch = "UPDATE contract SET unit = $2, version = version + 1 WHERE number = $1";
        transaction.query(touch, &[&new.contract.as_str(), &new.unit.as_str()]).await?;
        transaction.commit().await?;
        Ok(Setting::Stored)
    }
}

impl Transaction {
    /// Puts a new credential, with a new id, in the place of the old one and of its sessions (`C4`).
    async fn replace_credential(&mut self, new: &SetTemporary) -> Result<(), StoreError> {
        let login = new.login.as_str();
        self.query("DELETE FROM credential WHERE login = $1", &[&login]).await?;
        self.query(
            "INSERT INTO credential (login, kind, phc, set_at)
             VALUES ($1, 'temporary', $2, clock_timestamp())",
            &[&login, &new.phc.expose()],
        )
        .await?;
        Ok(())
    }

    /// Voids every other credential of the contract, then ends its sessions: a login that is under
    /// way either finds its credential void or has left a session that is seen here.
    async fn change_unit(&mut self, new: &SetTemporary) -> Result<(), StoreError> {
        let voided = self
            .query(
                "UPDATE credential SET phc = NULL, voided_at = clock_timestamp()
                 WHERE login IN (SELECT number FROM contract_number WHERE contract = $1)
                   AND login <> $2 AND voided_at IS NULL
                 RETURNING login",
                &[&new.contract.as_str(), &new.login.as_str()],
            )
            .await?;
        let sessions = "DELETE FROM session WHERE contract = $1";
        self.query(sessions, &[&new.contract.as_str()]).await?;
        self.record(&record(new, Event::UnitChanged, Outcome::Done, new.login)).await?;
        for row in &voided {
            let login = number(row, 0)?;
            self.record(&record(new, Event::Voided, Outcome::UnitChanged, login)).await?;
        }
        Ok(())
    }
}

fn record(new: &SetTemporary, event: Event, outcome: Outcome, login: Number) -> Record {
    Record {
        source: Source::Phone(Some(new.caller)),
        event,
        outcome,
        login: Some(login),
        contract: Some(new.contract),
        unit: Some(new.unit),
    }
}
