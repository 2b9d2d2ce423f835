//! The audit table (`D3`): its one insert, and the metrics and log lines of its events.

pub mod page;

use metrics::counter;
use tracing::instrument;

use super::error::DbError;
use super::handle::Db;
use super::idempotency::IdempotencyKey;
use super::transaction::{Statement, Transaction};
use crate::metrics::{CREDENTIALS_VOIDED, LOGINS, PASSWORD_CHANGES, UNIT_CHANGES};
use domain::audit::{AuditEntry, AuditEvent, AuditScope, AuditSource, LoginOutcome, VoidReason};
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;

/// Inserts audit rows. The first five parameters are the [`AuditScope`]: source, contract number,
/// unit, caller's number and address. `$contract` is `$2::text`, or a column of `$rows`. `$rows` is
/// a table `noted` with the columns `event`, `outcome` and `login_number`.
macro_rules! insert_audit {
    ($contract:literal, $rows:literal) => {
        concat!(
            "INSERT INTO audit_log
                 (source, event, outcome, login_number,
                  contract_number, unit, caller_number, address)
             SELECT $1::text, noted.event, noted.outcome, noted.login_number,
                    ",
            $contract,
            ", $3::text, $4::text, $5::inet
             FROM ",
            $rows
        )
    };
}

pub(super) use insert_audit;

const INSERT: &str = insert_audit!(
    "$2::text",
    "unnest($6::text[], $7::text[], $8::text[]) AS noted (event, outcome, login_number)"
);

const INSERT_ONCE: &str = concat!(
    "WITH keyed AS (
        INSERT INTO idempotency_key (key, outcome) VALUES ($9, $7)
    ) ",
    insert_audit!(
        "$2::text",
        "(VALUES ($6::text, $7::text, $8::text)) AS noted (event, outcome, login_number)"
    )
);

/// A statement about a number whose second and third parameters are the source and the caller.
pub(super) fn source_statement<'a>(
    sql: &'static str,
    number: PhoneNumber,
    source: AuditSource,
) -> Statement<'a> {
    let caller = match source {
        AuditSource::Phone(caller) => caller,
        AuditSource::Site(_) | AuditSource::Operator => None,
    };
    let source: &'static str = source.into();
    Statement::new(sql).with_number(number).with(source).with_number(caller)
}

/// A statement whose first parameters are the scope's.
pub(super) fn scope_statement<'a>(sql: &'static str, scope: &AuditScope) -> Statement<'a> {
    let (caller, address) = match scope.source {
        AuditSource::Phone(caller) => (caller, None),
        AuditSource::Site(address) => (None, address),
        AuditSource::Operator => (None, None),
    };
    let source: &'static str = scope.source.into();
    Statement::new(sql)
        .with(source)
        .with_number(scope.contract_number)
        .with(scope.unit.map(AuthUnit::as_str))
        .with_number(caller)
        .with(address)
}

/// A statement whose first parameters are the scope's, then the event and its outcome.
pub(super) fn event_statement<'a>(
    sql: &'static str,
    scope: &AuditScope,
    event: AuditEvent,
) -> Statement<'a> {
    let name: &'static str = event.into();
    scope_statement(sql, scope).with(name).with(event.outcome())
}

/// The insert of several entries, in order; none without entries.
pub(super) fn insert<'a>(scope: &AuditScope, entries: &[AuditEntry]) -> Option<Statement<'a>> {
    let events: Vec<&'static str> = entries.iter().map(|entry| entry.event.into()).collect();
    let outcomes: Vec<&'static str> = entries.iter().map(|entry| entry.event.outcome()).collect();
    let logins: Vec<Option<String>> = entries
        .iter()
        .map(|entry| entry.login_number.map(|number| number.as_str().to_owned()))
        .collect();
    let statement = || scope_statement(INSERT, scope).with(events).with(outcomes).with(logins);
    (!entries.is_empty()).then(statement)
}

/// Counts and logs committed entries. A request with several passwords counts once. A unit that is
/// set by phone is part of its call, which has a metric and a log line.
pub(super) fn observe(scope: &AuditScope, entries: &[AuditEntry]) {
    let is_phone = matches!(scope.source, AuditSource::Phone(_));
    for same in entries.chunk_by(|one, next| one.event == next.event) {
        let Some(AuditEntry { event, .. }) = same.first() else { continue };
        match event {
            AuditEvent::Login(outcome) => {
                counter!(LOGINS, "outcome" => event.outcome()).increment(1);
                let is_done = *outcome == LoginOutcome::Done;
                log(scope, same, if is_done { "logged in" } else { "login refused" });
            }
            AuditEvent::PasswordChanged(_) => {
                counter!(PASSWORD_CHANGES, "outcome" => event.outcome()).increment(1);
                log(scope, same, "password change");
            }
            AuditEvent::UnitChanged(_) if !is_phone => {
                counter!(UNIT_CHANGES, "outcome" => event.outcome()).increment(1);
                log(scope, same, "unit change");
            }
            AuditEvent::Voided(reason) => {
                count_voided(*reason, same.len());
                log(scope, same, "a credential became void");
            }
            AuditEvent::UnitChanged(_)
            | AuditEvent::Call(_)
            | AuditEvent::TemporarySet(_)
            | AuditEvent::SessionEnded(_)
            | AuditEvent::PasswordCopied
            | AuditEvent::Logout
            | AuditEvent::ContractsImported
            | AuditEvent::CustomerChanged
            | AuditEvent::ContractSuspended
            | AuditEvent::ContractResumed
            | AuditEvent::ContractRemoved
            | AuditEvent::AuditPruned => {}
        }
    }
}

/// Counts credentials that became void.
pub(super) fn count_voided(reason: VoidReason, number: usize) {
    let reason: &'static str = reason.into();
    counter!(CREDENTIALS_VOIDED, "reason" => reason).increment(number as u64);
}

/// Names the operator whose transaction this is.
pub(super) fn operator_statement<'a>(operator: &str) -> Statement<'a> {
    let sql = "SELECT set_config('karipass.operator', $1, true)";
    Statement::new(sql).with(operator.to_owned())
}

fn log(scope: &AuditScope, entries: &[AuditEntry], message: &'static str) {
    let address = match scope.source {
        AuditSource::Site(address) => address.map(tracing::field::display),
        AuditSource::Phone(_) | AuditSource::Operator => None,
    };
    let unit = scope.unit.map(AuthUnit::as_str);
    for AuditEntry { event, login_number } in entries {
        let name: &'static str = event.into();
        tracing::info!(
            event = name,
            login = login_number.map(tracing::field::debug),
            address,
            unit,
            outcome = event.outcome(),
            "{message}"
        );
    }
}

impl Db {
    /// Writes one row by itself, such as a call's refusal, once for each `key`.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    #[instrument(name = "transaction", skip_all, fields(operation = "record"))]
    pub async fn record(
        &self,
        key: IdempotencyKey,
        scope: &AuditScope,
        entry: AuditEntry,
    ) -> Result<(), DbError> {
        let statement = event_statement(INSERT_ONCE, scope, entry.event)
            .with_number(entry.login_number)
            .with(key.bytes());
        self.insert_once(key, &statement).await?;
        observe(scope, &[entry]);
        Ok(())
    }
}

impl Transaction {
    /// Names the operator of this transaction in its audit rows.
    pub(super) async fn set_operator(&mut self, operator: &str) -> Result<(), DbError> {
        self.query(&operator_statement(operator)).await.map(drop)
    }

    /// Writes the audit row of an operator's command.
    pub(super) async fn record(
        &mut self,
        event: AuditEvent,
        login_number: Option<PhoneNumber>,
        contract_number: Option<PhoneNumber>,
    ) -> Result<(), DbError> {
        let scope = AuditScope { source: AuditSource::Operator, contract_number, unit: None };
        match insert(&scope, &[AuditEntry { event, login_number }]) {
            Some(statement) => self.query(&statement).await.map(drop),
            None => Ok(()),
        }
    }
}
