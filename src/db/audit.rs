//! The audit (`D3`): one row for every set, change, voiding, login and refusal, never a secret.

use std::net::IpAddr;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::contracts::column;
use super::idempotency::IdempotencyKey;
use super::transaction::{Parameters, Transaction};
use super::{Db, DbError};
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;

/// Who or where an act came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditSource {
    /// A call, from this number if it was given and trusted.
    Phone(Option<PhoneNumber>),
    /// The site or the API, from this address.
    Site(IpAddr),
    /// An operator's command.
    Operator,
}

impl AuditSource {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Phone(_) => "phone",
            Self::Site(_) => "site",
            Self::Operator => "operator",
        }
    }
}

/// What was done or tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditEvent {
    /// A call that ended without a password.
    Call,
    /// A temporary password set by phone (`P9`).
    TemporarySet,
    /// A password changed on the site, or its refusal (`C5`).
    PasswordChanged,
    /// A login given another's password by a change of the unit (`U`).
    PasswordCopied,
    /// The contract's unit set or changed, or its refusal (`P14`, `U`).
    UnitChanged,
    /// A credential gone; the outcome says why.
    Voided,
    /// Contracts loaded from a file (`D1`).
    ContractsImported,
    /// A contract that has another customer now (`D1`).
    CustomerChanged,
    /// A contract suspended (`D2`).
    ContractSuspended,
    /// A contract resumed (`D2`).
    ContractResumed,
    /// A contract removed (`D2`).
    ContractRemoved,
    /// A login, or its refusal (`W2`).
    Login,
    /// A session ended by its user (`W5`).
    Logout,
    /// A session ended by a change; the outcome says which.
    SessionEnded,
}

impl AuditEvent {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::TemporarySet => "temporary_set",
            Self::PasswordChanged => "password_changed",
            Self::PasswordCopied => "password_copied",
            Self::UnitChanged => "unit_changed",
            Self::Voided => "voided",
            Self::ContractsImported => "contracts_imported",
            Self::CustomerChanged => "customer_changed",
            Self::ContractSuspended => "contract_suspended",
            Self::ContractResumed => "contract_resumed",
            Self::ContractRemoved => "contract_removed",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::SessionEnded => "session_ended",
        }
    }
}

/// What came of it; of a voiding, the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// Done.
    Done,
    /// The caller is not served (`P2`, `P6`).
    NotAvailable,
    /// The third wrong entry of a step (`P10`).
    WrongEntries,
    /// The contract changed under the call or the form: not live, number gone, or another unit in
    /// force; on the site anything that the form shows (`W6`).
    ContractChanged,
    /// Voided or ended by a change of unit (`P14`, `U1`).
    UnitChanged,
    /// Ended by the password's change (`C5`).
    PasswordChanged,
    /// A new password against the rules (`C5`).
    Rejected,
    /// A change of the unit that the role does not allow (`U2`).
    NotAllowed,
    /// Voided because the number belongs to another contract now (`D1`).
    NumberMoved,
    /// Voided because the number is gone (`D1`, `D2`).
    NumberRemoved,
    /// Voided because the contract has another customer now (`D1`).
    CustomerChanged,
    /// Voided because the number no longer logs in without its service.
    ServiceEnded,
    /// A wrong password, counted (`C2`).
    Wrong,
    /// No contract has the number, or it is none.
    UnknownNumber,
    /// The number has never had a credential.
    NoCredential,
    /// The credential is void, or was when the verdict came.
    Void,
    /// The temporary password is past its end (`C1`).
    Expired,
    /// The number does not log in under the unit in force (`W1`).
    NotALogin,
    /// The contract is suspended.
    Suspended,
    /// The stored hash is of a key that is not configured, or damaged.
    Unverifiable,
}

impl AuditOutcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotAvailable => "not_available",
            Self::WrongEntries => "wrong_entries",
            Self::ContractChanged => "contract_changed",
            Self::UnitChanged => "unit_changed",
            Self::PasswordChanged => "password_changed",
            Self::Rejected => "rejected",
            Self::NotAllowed => "not_allowed",
            Self::NumberMoved => "number_moved",
            Self::NumberRemoved => "number_removed",
            Self::CustomerChanged => "customer_changed",
            Self::ServiceEnded => "service_ended",
            Self::Wrong => "wrong",
            Self::UnknownNumber => "unknown_number",
            Self::NoCredential => "no_credential",
            Self::Void => "void",
            Self::Expired => "expired",
            Self::NotALogin => "not_a_login",
            Self::Suspended => "suspended",
            Self::Unverifiable => "unverifiable",
        }
    }
}

/// One row to be written; its time is the database's.
#[derive(Debug, Clone, Copy)]
pub struct AuditRecord {
    /// Where it came from.
    pub source: AuditSource,
    /// What.
    pub event: AuditEvent,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// The login number, if one was named.
    pub login: Option<PhoneNumber>,
    /// The contract number, if it is known.
    pub contract: Option<PhoneNumber>,
    /// The unit that was chosen.
    pub unit: Option<AuthUnit>,
}

/// One row as it was written, for an operator's eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id.
    pub id: i64,
    /// When, by the database's clock.
    pub at: Timestamp,
    /// `phone`, `site` or `operator`.
    pub source: String,
    /// What.
    pub event: String,
    /// What came of it.
    pub outcome: String,
    /// The login number.
    pub login: Option<String>,
    /// The contract number.
    pub contract: Option<String>,
    /// The unit.
    pub unit: Option<String>,
    /// The caller's number.
    pub caller: Option<String>,
    /// The address.
    pub address: Option<IpAddr>,
    /// The operator's name.
    pub operator: Option<String>,
}

/// Rows of a page.
const PAGE: usize = 1_000;

/// A page of the rows of one index after a row, from a time on; the first page comes after none.
macro_rules! page {
    ($of:literal) => {
        concat!(
            "SELECT occurred_at, source, event, outcome, login_number, contract_number, unit,
                    caller_number, address, id, operator
             FROM audit_log
             WHERE ",
            $of,
            " AND occurred_at >= coalesce($2::timestamptz, $1::timestamptz, '-infinity')
               AND ($2::timestamptz IS NULL OR (occurred_at, id) > ($2, $3::bigint))
             ORDER BY occurred_at, id LIMIT $4"
        )
    };
}

const ALL: &str = page!("true");

/// By each of the three indexes, so that no row of other numbers is read.
const OF_NUMBER: &str = concat!(
    "SELECT * FROM ((",
    page!("login_number = $5"),
    ") UNION (",
    page!("contract_number = $5"),
    ") UNION (",
    page!("caller_number = $5"),
    ")) AS page ORDER BY occurred_at, id LIMIT $4"
);

impl Db {
    /// The rows about `number` (as login, contract or caller's number; all if none is given) since
    /// `since`, the newest last: a page of those that come after `after`, empty behind the last.
    ///
    /// # Errors
    /// [`DbError::NotSent`] if the store is out of reach.
    pub async fn audit(
        &self,
        number: Option<PhoneNumber>,
        since: Option<Timestamp>,
        after: Option<&AuditEntry>,
    ) -> Result<Vec<AuditEntry>, DbError> {
        let (at, id) = (after.map(|entry| entry.at), after.map(|entry| entry.id));
        let page = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let rows = match number.as_ref().map(PhoneNumber::as_str) {
            None => self.read(ALL, &[&since, &at, &id, &page]).await?,
            Some(number) => self.read(OF_NUMBER, &[&since, &at, &id, &page, &number]).await?,
        };
        rows.iter().map(entry).collect()
    }

    /// Writes one row by itself, such as a call's refusal, once.
    ///
    /// # Errors
    /// [`DbError`] if the store is out of reach.
    pub async fn record(
        &self,
        attempt: IdempotencyKey,
        record: &AuditRecord,
    ) -> Result<(), DbError> {
        let (columns, id) = (Columns::of(record), attempt.bytes());
        let last: Parameters<'_> = &[&id.as_slice()];
        let parameters = [&columns.parameters(), last].concat();
        self.insert_once(attempt, INSERT_ONCE, &parameters).await.map(drop)
    }
}

impl Transaction {
    /// Names the operator whose act this is: its rows of the audit have the name by default.
    pub(super) async fn by(&mut self, operator: &str) -> Result<(), DbError> {
        let sql = "SELECT set_config('karipass.operator', $1, true)";
        self.query(sql, &[&operator]).await.map(drop)
    }

    /// Writes one row together with what it is about.
    pub(super) async fn record(&mut self, record: &AuditRecord) -> Result<(), DbError> {
        self.query(INSERT, &Columns::of(record).parameters()).await.map(drop)
    }
}

/// Writes the row of [`Columns::parameters`].
pub(super) const INSERT: &str = "
    INSERT INTO audit_log
        (source, event, outcome, login_number, contract_number, unit, caller_number, address)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// The same as an attempt by itself.
const INSERT_ONCE: &str = "
    WITH keyed AS (
        INSERT INTO idempotency_key (key, outcome) VALUES ($9, $3)
    )
    INSERT INTO audit_log
        (source, event, outcome, login_number, contract_number, unit, caller_number, address)
    VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::inet)";

/// A record as the database takes it.
pub(super) struct Columns<'a> {
    source: &'static str,
    event: &'static str,
    outcome: &'static str,
    login: Option<&'a str>,
    contract: Option<&'a str>,
    unit: Option<&'static str>,
    caller: Option<&'a str>,
    address: Option<IpAddr>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(record: &'a AuditRecord) -> Self {
        let (caller, address) = match &record.source {
            AuditSource::Phone(caller) => (caller.as_ref(), None),
            AuditSource::Site(address) => (None, Some(*address)),
            AuditSource::Operator => (None, None),
        };
        Self {
            source: record.source.as_str(),
            event: record.event.as_str(),
            outcome: record.outcome.as_str(),
            login: record.login.as_ref().map(PhoneNumber::as_str),
            contract: record.contract.as_ref().map(PhoneNumber::as_str),
            unit: record.unit.map(AuthUnit::as_str),
            caller: caller.map(PhoneNumber::as_str),
            address,
        }
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 8] {
        [
            &self.source,
            &self.event,
            &self.outcome,
            &self.login,
            &self.contract,
            &self.unit,
            &self.caller,
            &self.address,
        ]
    }
}

fn entry(row: &Row) -> Result<AuditEntry, DbError> {
    Ok(AuditEntry {
        at: column(row, 0, "audit_log.occurred_at")?,
        source: column(row, 1, "audit_log.source")?,
        event: column(row, 2, "audit_log.event")?,
        outcome: column(row, 3, "audit_log.outcome")?,
        login: column(row, 4, "audit_log.login_number")?,
        contract: column(row, 5, "audit_log.contract_number")?,
        unit: column(row, 6, "audit_log.unit")?,
        caller: column(row, 7, "audit_log.caller_number")?,
        address: column(row, 8, "audit_log.address")?,
        id: column(row, 9, "audit_log.id")?,
        operator: column(row, 10, "audit_log.operator")?,
    })
}
