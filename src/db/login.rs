//! Logins: the database's knowledge of a login number, and the one statement that is the verdict
//! (`C2`, `C3`).
//!
//! The secret is compared before, without a lock. The guarded `UPDATE` then finds the credential
//! unchanged, or finds nothing. Each verdict is one statement and thus one commit, with its audit
//! row.

use std::net::IpAddr;

use jiff::Timestamp;
use strum::EnumString;
use tracing::instrument;

use super::audit::{event_statement, insert_audit, observe};
use super::error::{DbError, DbFailure};
use super::handle::Db;
use super::idempotency::{Execution, IdempotencyKey};
use super::login_history::insert_login;
use super::rows::{
    column, contract, contract_columns, credential, credential_columns, invalid_column, parsed,
};
use super::transaction::Statement;
use domain::audit::{AuditEntry, AuditEvent, AuditScope, AuditSource, LoginOutcome, VoidReason};
use domain::change::EntryKey;
use domain::credential::Credential;
use domain::password::PhcString;
use domain::phone_number::PhoneNumber;
use domain::policy::login::LoginCandidate;
use domain::session::TokenDigest;

/// The data of an attempt for its audit row.
#[derive(Debug, Clone, Copy)]
pub struct LoginAudit {
    /// The key under which the verdict is written once.
    pub key: IdempotencyKey,
    /// The number that was typed, whether or not a contract has it.
    pub login_number: PhoneNumber,
    /// `None` if no contract has that number.
    pub contract_number: Option<PhoneNumber>,
    /// The client's address.
    pub address: IpAddr,
}

impl LoginAudit {
    fn scope(&self) -> AuditScope {
        let source = AuditSource::Site(Some(self.address));
        AuditScope { source, contract_number: self.contract_number, unit: None }
    }

    /// A verdict's statement with its first nine parameters:
    ///
    /// - `$1` to `$5`: the scope: source, contract number, unit, caller's number, client's address.
    /// - `$6`, `$7`: the event and the `outcome` that is expected.
    /// - `$8`: the login number.
    /// - `$9`: the idempotency key.
    fn statement<'a>(&self, sql: &'static str, outcome: LoginOutcome) -> Statement<'a> {
        event_statement(sql, &self.scope(), AuditEvent::Login(outcome))
            .with_number(self.login_number)
            .with(self.key.bytes())
    }

    fn observe(&self, outcome: LoginOutcome, voided: Option<VoidReason>) {
        let events = [Some(AuditEvent::Login(outcome)), voided.map(AuditEvent::Voided)];
        let entry = |event| AuditEntry::new(event, self.login_number);
        let entries: Vec<AuditEntry> = events.into_iter().flatten().map(entry).collect();
        observe(&self.scope(), &entries);
    }
}

/// The result for a matching secret.
#[derive(Debug)]
pub enum Acceptance {
    /// A session began at this time, by the database's clock.
    Begun(Timestamp),
    /// The credential has become void, or was replaced.
    Void,
    /// The contract has been suspended.
    Suspended,
}

/// The result for a wrong secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum FailureVerdict {
    /// It was counted.
    Counted,
    /// It was counted, and voided the credential.
    Voided,
    /// It was not counted: it would have voided the credential, and must not.
    WouldVoid,
    /// It was not counted: the credential has become void, or was replaced.
    Void,
    /// It was not counted: the same form had been sent before.
    Repeated,
}

/// One row however large the contract is, so that a refusal takes the same time (`W2`).
const CANDIDATE: &str = concat!(
    "SELECT ",
    contract_columns!(),
    ", ",
    credential_columns!(),
    ", clock_timestamp() AS now
    FROM phone_number AS n
    JOIN contract AS c ON c.number = n.contract_number
    LEFT JOIN credential AS cr ON cr.login_number = n.number
    WHERE n.number = $1"
);

/// Behind the [nine parameters](LoginAudit::statement):
///
/// - `$10`: the expired credential; NULL voids none.
/// - `$11`: its lifetime in seconds.
/// - `$12`, `$13`: the event of a voiding and its reason.
const REFUSE: &str = concat!(
    "WITH voided AS (
        UPDATE credential SET password_hash = NULL, voided_at = clock_timestamp()
        WHERE id = $10 AND voided_at IS NULL
          AND set_at <= clock_timestamp() - $11 * interval '1 second'
        RETURNING id
    ), keyed AS (
        INSERT INTO idempotency_key (key, outcome) VALUES ($9, $7)
    ), audited AS (",
    insert_audit!(
        "$2::text",
        "(SELECT $6::text, $7::text, $8::text
          UNION ALL SELECT $12::text, $13::text, $8 FROM voided)
         AS noted (event, outcome, login_number)"
    ),
    ")
    SELECT FROM voided"
);

/// The row is locked first, so that one read decides whether this entry is the last. Behind the
/// [nine parameters](LoginAudit::statement):
///
/// - `$10`: the credential.
/// - `$11`: how many wrong entries void it.
/// - `$12`: its lifetime in seconds, NULL for none.
/// - `$13`: whether this entry may void it.
/// - `$14`: the outcome if it is void already.
/// - `$15`, `$16`: the event of a voiding and its reason.
/// - `$17`: whether the key is that of a form's entry.
const COUNT_LOGIN_FAILURE: &str = concat!(
    "WITH target AS MATERIALIZED (
        SELECT id, failed_attempts + 1 >= $11 AS is_last FROM credential
        WHERE id = $10 AND voided_at IS NULL AND failed_attempts < $11
          AND ($12::float8 IS NULL OR set_at > clock_timestamp() - $12 * interval '1 second')
        FOR UPDATE
    ), counted AS (
        UPDATE credential SET
            failed_attempts = failed_attempts + 1,
            voided_at = CASE WHEN is_last THEN clock_timestamp() END,
            password_hash = CASE WHEN NOT is_last THEN password_hash END
        FROM target
        WHERE credential.id = target.id AND ($13 OR NOT is_last)
        RETURNING is_last
    ), verdict AS (
        SELECT CASE WHEN EXISTS (SELECT FROM counted WHERE is_last) THEN 'voided'
                    WHEN EXISTS (SELECT FROM counted) THEN 'counted'
                    WHEN EXISTS (SELECT FROM target) THEN 'would_void'
                    ELSE 'void' END AS outcome
    ), keyed AS (
        INSERT INTO idempotency_key (key, outcome, is_entry)
        SELECT $9, outcome, $17 FROM verdict WHERE outcome <> 'would_void'
    ), audited AS (",
    insert_audit!(
        "$2::text",
        "(SELECT $6::text, CASE outcome WHEN 'void' THEN $14::text ELSE $7::text END, $8::text
          FROM verdict WHERE outcome <> 'would_void'
          UNION ALL SELECT $15::text, $16::text, $8 FROM verdict WHERE outcome = 'voided')
         AS noted (event, outcome, login_number)"
    ),
    ")
    SELECT outcome FROM verdict"
);

/// The contract's row is locked first. A suspension in progress ends before this reads, and a later
/// one finds the session. The credential's row is locked before its count is read, so that each
/// wrong entry is reported once (`W11`). A login that is not new (`$18`) begins a session, and no
/// more: its form has logged in before (`C2`). Behind the [nine parameters](LoginAudit::statement):
///
/// - `$10`: the credential.
/// - `$11`: how many wrong entries void it.
/// - `$12`: its lifetime in seconds, NULL for none.
/// - `$13`: the hash that replaces an outdated one, or NULL.
/// - `$14`: the digest of the new session's token.
/// - `$15`: the version of the contract that the session has seen.
/// - `$16`, `$17`: the outcome if the credential is void, and if the contract is suspended.
/// - `$18`: whether the login is new.
const ACCEPT: &str = concat!(
    "WITH held AS MATERIALIZED (
        SELECT FROM contract WHERE number = $2 AND NOT suspended FOR SHARE
    ), target AS MATERIALIZED (
        SELECT cr.id, cr.failed_attempts FROM held, credential AS cr
        WHERE cr.id = $10 AND cr.voided_at IS NULL AND cr.failed_attempts < $11
          AND ($12::float8 IS NULL OR cr.set_at > clock_timestamp() - $12 * interval '1 second')
        FOR UPDATE OF cr
    ), accepted AS (
        UPDATE credential SET
            failed_attempts = CASE WHEN $18 THEN 0 ELSE credential.failed_attempts END,
            password_hash = coalesce($13, password_hash)
        FROM target WHERE credential.id = target.id
        RETURNING credential.id, target.failed_attempts, clock_timestamp() AS now
    ), verdict AS (
        SELECT coalesce((SELECT now FROM accepted), clock_timestamp()) AS at,
               CASE WHEN EXISTS (SELECT FROM accepted) THEN $7::text
                    WHEN EXISTS (SELECT FROM held) THEN $16::text
                    ELSE $17::text END AS outcome
    ), keyed AS (
        INSERT INTO idempotency_key (key, created_at, outcome)
        SELECT $9, at, outcome FROM verdict RETURNING key
    ), opened AS (
        INSERT INTO session
            (token_digest, credential_id, contract_number, created_at, last_seen_at, seen_version)
        SELECT $14, accepted.id, $2, now, now, $15 FROM accepted, keyed
        ON CONFLICT DO NOTHING
    ), noted_login AS (",
    insert_login!(),
    "), audited AS (",
    insert_audit!(
        "$2::text",
        "(SELECT $6::text, outcome, $8::text FROM verdict WHERE $18 OR outcome <> $7)
         AS noted (event, outcome, login_number)"
    ),
    ")
    SELECT at, outcome FROM verdict"
);

impl Db {
    /// Looks up a login number; `None` if no contract has it.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    #[instrument(name = "transaction", skip_all, fields(operation = "login_candidate"))]
    pub async fn login_candidate(
        &self,
        login_number: PhoneNumber,
    ) -> Result<Option<LoginCandidate>, DbError> {
        let rows = self.read(&Statement::new(CANDIDATE).with_number(login_number)).await?;
        let (Some(row), Some(contract)) = (rows.first(), contract(&rows)?) else {
            return Ok(None);
        };
        let (credential, now) = (credential(row)?, column(row, "now")?);
        Ok(Some(LoginCandidate { contract, credential, now }))
    }

    /// Refuses a login that had nothing to compare. A credential that has `expired` becomes void
    /// (`C1`).
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    #[instrument(name = "transaction", skip_all, fields(operation = "refuse_login"))]
    pub async fn refuse_login(
        &self,
        audit: &LoginAudit,
        outcome: LoginOutcome,
        expired: Option<&Credential>,
    ) -> Result<(), DbError> {
        let lifetime = expired.and_then(|expired| expired.kind.lifetime());
        let reason = AuditEvent::Voided(VoidReason::Expired);
        let name: &'static str = reason.into();
        let statement = audit
            .statement(REFUSE, outcome)
            .with(expired.map(|expired| expired.id.0))
            .with(lifetime.map(|lifetime| lifetime.as_secs_f64()))
            .with(name)
            .with(reason.outcome());
        let voided = match self.insert_once(audit.key, &statement).await? {
            Execution::Now(rows) => !rows.is_empty(),
            Execution::Earlier { .. } => false,
        };
        audit.observe(outcome, voided.then_some(VoidReason::Expired));
        Ok(())
    }

    /// Counts a wrong secret against `credential` (`C2`), and voids it at the limit if `may_void`.
    /// An `entry` of a form counts once.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    #[instrument(name = "transaction", skip_all, fields(operation = "count_failure"))]
    pub async fn count_failure(
        &self,
        audit: &LoginAudit,
        credential: &Credential,
        may_void: bool,
        entry: Option<EntryKey>,
    ) -> Result<FailureVerdict, DbError> {
        let key = entry.map_or(audit.key, IdempotencyKey::from_entry);
        let audit = LoginAudit { key, ..*audit };
        let reason = AuditEvent::Voided(VoidReason::WrongEntries);
        let (name, void): (&'static str, &'static str) = (reason.into(), LoginOutcome::Void.into());
        let statement = audit
            .statement(COUNT_LOGIN_FAILURE, LoginOutcome::Wrong)
            .with(credential.id.0)
            .with(credential.kind.max_failed_attempts())
            .with(credential.kind.lifetime().map(|lifetime| lifetime.as_secs_f64()))
            .with(may_void)
            .with(void)
            .with(name)
            .with(reason.outcome())
            .with(entry.is_some());
        let verdict = match self.insert_once(audit.key, &statement).await? {
            Execution::Now(rows) => {
                parsed(rows.first().ok_or_else(|| invalid_column("outcome"))?, "outcome")?
            }
            Execution::Earlier { is_repeat: true, .. } => FailureVerdict::Repeated,
            Execution::Earlier { outcome, .. } => {
                outcome.parse().map_err(|_| invalid_column("outcome"))?
            }
        };
        match verdict {
            FailureVerdict::Counted => audit.observe(LoginOutcome::Wrong, None),
            FailureVerdict::Voided => {
                audit.observe(LoginOutcome::Wrong, Some(VoidReason::WrongEntries));
            }
            FailureVerdict::Void => audit.observe(LoginOutcome::Void, None),
            FailureVerdict::WouldVoid | FailureVerdict::Repeated => {}
        }
        Ok(verdict)
    }

    /// Accepts a matching secret: resets the failure count, replaces an outdated hash, and begins a
    /// session that has seen `version` of the contract. Changes nothing if the credential has
    /// become void or was replaced, or the contract has been suspended. The same `entry` of a form
    /// sent again within minutes gets a session too, but is no other login (`C2`).
    ///
    /// # Errors
    /// [`DbError`]; after [`DbError::OutcomeUnknown`] there may be a session whose token was lost.
    #[instrument(name = "transaction", skip_all, fields(operation = "accept_login"))]
    pub async fn accept_login(
        &self,
        audit: &LoginAudit,
        credential: &Credential,
        rehashed: Option<&PhcString>,
        session: TokenDigest,
        version: i64,
        entry: Option<EntryKey>,
    ) -> Result<Acceptance, DbError> {
        let (void, suspended): (&'static str, &'static str) =
            (LoginOutcome::Void.into(), LoginOutcome::Suspended.into());
        let accept = async |key: IdempotencyKey, is_new: bool| {
            let statement = LoginAudit { key, ..*audit }
                .statement(ACCEPT, LoginOutcome::Done)
                .with(credential.id.0)
                .with(credential.kind.max_failed_attempts())
                .with(credential.kind.lifetime().map(|lifetime| lifetime.as_secs_f64()))
                .with(rehashed.map(PhcString::expose))
                .with(session.0.to_vec())
                .with(version)
                .with(void)
                .with(suspended)
                .with(is_new);
            self.insert_once(key, &statement).await
        };
        let done: &'static str = LoginOutcome::Done.into();
        let key = entry.map_or(audit.key, IdempotencyKey::from_entry);
        let (execution, is_new) = match accept(key, true).await? {
            // The same form has been sent before, or the answer to this attempt was lost.
            Execution::Earlier { outcome, .. } if entry.is_some() => {
                let is_new = outcome != done;
                (accept(audit.key, is_new).await?, is_new)
            }
            execution @ (Execution::Now(_) | Execution::Earlier { .. }) => (execution, true),
        };
        let (at, outcome) = match execution {
            Execution::Earlier { at, outcome, .. } => {
                (at, outcome.parse().map_err(|_| invalid_column("outcome"))?)
            }
            Execution::Now(rows) => {
                let row = rows.first().ok_or_else(|| invalid_column("outcome"))?;
                (column(row, "at")?, parsed(row, "outcome")?)
            }
        };
        if is_new || outcome != LoginOutcome::Done {
            audit.observe(outcome, None);
        }
        match outcome {
            LoginOutcome::Done => Ok(Acceptance::Begun(at)),
            LoginOutcome::Void => Ok(Acceptance::Void),
            LoginOutcome::Suspended => Ok(Acceptance::Suspended),
            LoginOutcome::Wrong
            | LoginOutcome::UnknownNumber
            | LoginOutcome::NoCredential
            | LoginOutcome::Expired
            | LoginOutcome::NotALogin
            | LoginOutcome::ContractChanged
            | LoginOutcome::Unverifiable => Err(DbError::OutcomeUnknown(DbFailure::Row("outcome"))),
        }
    }
}
