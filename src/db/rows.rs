//! Reads rows by their columns' names.
//!
//! The macros list columns under the names that the functions here read. So every query for a
//! contract or a credential gives the same columns. A query with other columns reads them
//! beside its text, through [`column()`].

use std::collections::HashSet;
use std::str::FromStr;

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::error::{DbError, DbFailure};
use domain::change::EntryKey;
use domain::contract::{Contract, ContractLine};
use domain::credential::{Credential, CredentialId, NumberCredential};
use domain::phone_number::PhoneNumber;
use domain::snapshot::{Snapshot, SnapshotSession};

/// The columns of [`contract`], from `contract AS c` and `phone_number AS n`.
macro_rules! contract_columns {
    () => {
        "c.number AS contract_number, c.unit, c.suspended, c.version, n.number, n.has_service"
    };
}

/// The columns of [`credential`], from `credential AS cr`.
macro_rules! credential_columns {
    () => {
        "cr.id AS credential_id, cr.kind, cr.set_at, cr.password_hash, cr.failed_attempts"
    };
}

pub(super) use {contract_columns, credential_columns};

/// A column of any type.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, DbError> {
    row.try_get(name).map_err(|_| invalid_column(name))
}

/// A text column with the name of a value.
pub(super) fn parsed<T: FromStr>(row: &Row, name: &'static str) -> Result<T, DbError> {
    let text: &str = column(row, name)?;
    text.parse().map_err(|_| invalid_column(name))
}

/// A telephone number.
pub(super) fn number(row: &Row, name: &'static str) -> Result<PhoneNumber, DbError> {
    parsed(row, name)
}

/// The first row's column, of a query that always gives a row.
pub(super) fn single<T>(rows: &[Row], name: &'static str) -> Result<T, DbError>
where
    T: for<'a> FromSql<'a>,
{
    column(rows.first().ok_or_else(|| invalid_column(name))?, name)
}

/// A contract, one row for each of its numbers; `None` without a row.
pub(super) fn contract(rows: &[Row]) -> Result<Option<Contract>, DbError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let unit: Option<&str> = column(first, "unit")?;
    let line = |row: &Row| {
        let number = number(row, "number")?;
        Ok(ContractLine { number, has_service: column(row, "has_service")? })
    };
    Ok(Some(Contract {
        number: number(first, "contract_number")?,
        lines: rows.iter().map(line).collect::<Result<_, DbError>>()?,
        unit: unit.map(str::parse).transpose().map_err(|_| invalid_column("unit"))?,
        suspended: column(first, "suspended")?,
        version: column(first, "version")?,
    }))
}

/// The credential of a number; `None` if it never had one.
pub(super) fn credential(row: &Row) -> Result<Option<Credential>, DbError> {
    let Some(id) = column(row, "credential_id")? else { return Ok(None) };
    let hash: Option<String> = column(row, "password_hash")?;
    Ok(Some(Credential {
        id: CredentialId(id),
        kind: parsed(row, "kind")?,
        set_at: column(row, "set_at")?,
        password_hash: hash.map(Into::into),
        failed_attempts: column(row, "failed_attempts")?,
    }))
}

/// A contract with its credentials, one row for each of its numbers; `None` without a row.
pub(super) fn snapshot(rows: &[Row]) -> Result<Option<Snapshot>, DbError> {
    let (Some(first), Some(contract)) = (rows.first(), contract(rows)?) else { return Ok(None) };
    let row = |row: &Row| {
        Ok(NumberCredential { number: number(row, "number")?, credential: credential(row)? })
    };
    let session: Option<i64> = column(first, "session_credential_id")?;
    let seen_version: Option<i64> = column(first, "seen_version")?;
    Ok(Some(Snapshot {
        contract,
        credentials: rows.iter().map(row).collect::<Result<_, DbError>>()?,
        session: session.zip(seen_version).map(|(credential, seen_version)| SnapshotSession {
            credential: CredentialId(credential),
            seen_version,
        }),
        counted: HashSet::new(),
        now: column(first, "now")?,
    }))
}

pub(super) fn entry_key(row: &Row) -> Result<EntryKey, DbError> {
    let key: &[u8] = column(row, "key")?;
    key.try_into().map(EntryKey).map_err(|_| invalid_column("key"))
}

/// A column does not hold what the schema promises.
pub(super) fn invalid_column(name: &'static str) -> DbError {
    DbError::NotCommitted(DbFailure::Row(name))
}
