//! Logins: what is known of a login number, and the one statement that is an attempt's verdict (`C2`, `C3`).
//!
//! The verdict is decided at its commit: the secret was compared before, without a lock, and the
//! guarded `UPDATE` then finds the credential as good as it was, or finds nothing. Each verdict is
//! one statement and thus one commit, the audit's row in it.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::audit::{AuditEvent, AuditOutcome, AuditRecord, AuditSource, Columns};
use super::contracts::{column, contract};
use super::idempotency::{Execution, IdempotencyKey};
use super::transaction::Parameters;
use super::{Db, DbError, DbFailure};
use domain::contract::Contract;
use domain::credential::{Credential, CredentialId};
use domain::password::PhcString;
use domain::phone_number::PhoneNumber;

/// What the store knows of a number that wants to log in.
#[derive(Debug)]
pub struct LoginCandidate {
    /// The contract that has it, of whose numbers this one alone.
    pub contract: Contract,
    /// Its credential, if it ever had one.
    pub credential: Option<Credential>,
    /// The database's time.
    pub now: Timestamp,
}

/// Who tried to log in.
#[derive(Debug, Clone, Copy)]
pub struct LoginAudit {
    /// Under which it is decided and noted once.
    pub attempt: IdempotencyKey,
    /// The login number, if what was typed is a number at all.
    pub login: Option<PhoneNumber>,
    /// The contract number of its contract, if one has it.
    pub contract: Option<PhoneNumber>,
    /// Where from.
    pub address: IpAddr,
}

impl LoginAudit {
    fn record(&self, outcome: AuditOutcome) -> AuditRecord {
        AuditRecord {
            source: AuditSource::Site(self.address),
            event: AuditEvent::Login,
            outcome,
            login: self.login,
            contract: self.contract,
            unit: None,
        }
    }
}

/// What a right secret came to.
#[derive(Debug)]
pub enum Acceptance {
    /// A session began at this time, by the database's clock.
    Begun(Timestamp),
    /// The credential is void by now, or replaced.
    Void,
    /// The contract is suspended by now.
    Suspended,
}

/// One row however large the contract is, so that a refusal takes the same time (`W2`). The first
/// six columns are a contract's.
const KNOWN: &str = "
    SELECT c.number, c.unit, c.suspended, n.number, n.has_service, c.version,
           clock_timestamp(), cr.id, cr.kind, cr.set_at, cr.password_hash, cr.failed_attempts
    FROM phone_number AS n
    JOIN contract AS c ON c.number = n.contract_number
    LEFT JOIN credential AS cr ON cr.login_number = n.number
    WHERE n.number = $1";

/// The first eight parameters of this and the next two are an audit row's, the last is the attempt's id.
const REFUSED: &str = "
    WITH voided AS (
        UPDATE credential SET password_hash = NULL, voided_at = clock_timestamp()
        WHERE id = $9 AND voided_at IS NULL
          AND set_at <= clock_timestamp() - $10 * interval '1 second'
        RETURNING id
    ), keyed AS (
        INSERT INTO idempotency_key (key, outcome) VALUES ($12, $3)
    ), noted AS (
        INSERT INTO audit_log
            (source, event, outcome, login_number, contract_number, unit, caller_number, address)
        SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::inet
        UNION ALL
        SELECT $1, $11::text, $3, $4, $5, $6, $7, $8 FROM voided
    )
    SELECT FROM voided";

const WRONG: &str = "
    WITH counted AS (
        UPDATE credential SET
            failed_attempts = failed_attempts + 1,
            voided_at = CASE WHEN failed_attempts + 1 >= $10 THEN clock_timestamp() END,
            password_hash = CASE WHEN failed_attempts + 1 < $10 THEN password_hash END
        WHERE id = $9 AND voided_at IS NULL AND failed_attempts < $10
          AND ($11::float8 IS NULL OR set_at > clock_timestamp() - $11 * interval '1 second')
        RETURNING voided_at IS NOT NULL AS void
    ), keyed AS (
        INSERT INTO idempotency_key (key, outcome) VALUES ($15, $3)
    ), noted AS (
        INSERT INTO audit_log
            (source, event, outcome, login_number, contract_number, unit, caller_number, address)
        SELECT $1::text, $2::text,
               CASE WHEN EXISTS (SELECT FROM counted) THEN $3::text ELSE $12::text END,
               $4::text, $5::text, $6::text, $7::text, $8::inet
        UNION ALL
        SELECT $1, $13::text, $14::text, $4, $5, $6, $7, $8 FROM counted WHERE void
    )
    SELECT FROM counted WHERE void";

/// The contract's row comes first in the order of locks: a suspension under way ends before this
/// looks, and one that comes later finds the session.
const RIGHT: &str = "
    WITH held AS MATERIALIZED (
        SELECT FROM contract WHERE number = $5 AND NOT suspended FOR SHARE
    ), accepted AS (
        UPDATE credential SET failed_attempts = 0, password_hash = coalesce($14, password_hash)
        FROM held
        WHERE id = $9 AND voided_at IS NULL AND failed_attempts < $10
          AND ($11::float8 IS NULL OR set_at > clock_timestamp() - $11 * interval '1 second')
        RETURNING id, clock_timestamp() AS now
    ), verdict AS (
        SELECT coalesce((SELECT now FROM accepted), clock_timestamp()) AS at,
               CASE WHEN EXISTS (SELECT FROM accepted) THEN $3::text
                    WHEN EXISTS (SELECT FROM held) THEN $12::text
                    ELSE $13::text END AS outcome
    ), keyed AS (
        INSERT INTO idempotency_key (key, created_at, outcome)
        SELECT $17, at, outcome FROM verdict RETURNING key
    ), opened AS (
        INSERT INTO session
            (token_digest, credential_id, contract_number, created_at, last_seen_at, seen_version)
        SELECT $15, accepted.id, $5, now, now, $16 FROM accepted, keyed
    ), noted AS (
        INSERT INTO audit_log
            (source, event, outcome, login_number, contract_number, unit, caller_number, address)
        SELECT $1::text, $2::text, outcome, $4::text, $5::text, $6::text, $7::text, $8::inet
        FROM verdict
    )
    SELECT at, outcome FROM verdict";

impl Db {
    /// What is known of a login number; `None` if no contract has it.
    ///
    /// # Errors
    /// [`DbError::NotSent`] if the store is out of reach.
    pub async fn known_login(
        &self,
        login: Option<PhoneNumber>,
    ) -> Result<Option<LoginCandidate>, DbError> {
        let login = login.as_ref().map(PhoneNumber::as_str).unwrap_or_default();
        let rows = self.read(KNOWN, &[&login]).await?;
        let (Some(first), Some(contract)) = (rows.first(), contract(&rows)?) else {
            return Ok(None);
        };
        let now = column(first, 6, "the time")?;
        Ok(Some(LoginCandidate { contract, credential: credential(first, 7)?, now }))
    }

    /// Notes an attempt that was refused without a secret to compare; `expired` is the credential
    /// that was met past its end (`C1`), whose hash is wiped. Whether it was, as far as is known.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn note_refusal(
        &self,
        attempted: &LoginAudit,
        outcome: AuditOutcome,
        expired: Option<(CredentialId, Duration)>,
    ) -> Result<bool, DbError> {
        let id = expired.map(|(id, _)| id.0);
        let life = expired.map(|(_, life)| life.as_secs_f64());
        let parameters: Parameters<'_> = &[&id, &life, &AuditEvent::Voided.as_str()];
        match self.note(REFUSED, attempted, outcome, parameters).await? {
            Execution::Now(rows) => Ok(!rows.is_empty()),
            Execution::Before(_) => Ok(false),
        }
    }

    /// Counts a wrong secret against `credential` (`C2`), which it voids at the limit; one that is
    /// void by now, or replaced, counts nothing. Whether it is void by this; if the answer to it
    /// was lost, whether it could be.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn count_wrong(
        &self,
        attempted: &LoginAudit,
        credential: &Credential,
    ) -> Result<bool, DbError> {
        let life = credential.kind.lifetime().map(|life| life.as_secs_f64());
        let parameters: Parameters<'_> = &[
            &credential.id.0,
            &credential.kind.max_failed_attempts(),
            &life,
            &AuditOutcome::Void.as_str(),
            &AuditEvent::Voided.as_str(),
            &AuditOutcome::WrongEntries.as_str(),
        ];
        match self.note(WRONG, attempted, AuditOutcome::Wrong, parameters).await? {
            Execution::Now(rows) => Ok(!rows.is_empty()),
            Execution::Before(_) => Ok(credential.voids_on_next_failure()),
        }
    }

    /// Accepts a right secret: the count starts anew, an outdated hash is replaced, and a session begins
    /// whose client is told of `version` of the contract. If the credential is void by now, or
    /// replaced, or its contract suspended, nothing of that is done.
    ///
    /// # Errors
    /// [`DbError`]; after [`DbError::OutcomeUnknown`] there may be a session whose token nobody has
    /// got.
    pub async fn accept(
        &self,
        attempted: &LoginAudit,
        credential: &Credential,
        renewed: Option<&PhcString>,
        token_digest: &[u8],
        version: i64,
    ) -> Result<Acceptance, DbError> {
        let life = credential.kind.lifetime().map(|life| life.as_secs_f64());
        let parameters: Parameters<'_> = &[
            &credential.id.0,
            &credential.kind.max_failed_attempts(),
            &life,
            &AuditOutcome::Void.as_str(),
            &AuditOutcome::Suspended.as_str(),
            &renewed.map(PhcString::expose),
            &token_digest,
            &version,
        ];
        let (at, outcome) =
            match self.note(RIGHT, attempted, AuditOutcome::Done, parameters).await? {
                Execution::Before(left) => (left.at, left.outcome),
                Execution::Now(rows) => {
                    let row = rows.first().ok_or(DbError::NotSent(DbFailure::Row("a verdict")))?;
                    (column(row, 0, "the time")?, column(row, 1, "a verdict")?)
                }
            };
        Ok(match outcome.as_str() {
            done if done == AuditOutcome::Done.as_str() => Acceptance::Begun(at),
            suspended if suspended == AuditOutcome::Suspended.as_str() => Acceptance::Suspended,
            _void => Acceptance::Void,
        })
    }

    /// Runs a statement that is an attempt by itself, between an audit row's parameters and its id.
    async fn note(
        &self,
        sql: &str,
        attempted: &LoginAudit,
        outcome: AuditOutcome,
        more: Parameters<'_>,
    ) -> Result<Execution, DbError> {
        let (record, id) = (attempted.record(outcome), attempted.attempt.bytes());
        let columns = Columns::of(&record);
        let last: Parameters<'_> = &[&id.as_slice()];
        let parameters = [&columns.parameters(), more, last].concat();
        self.insert_once(attempted.attempt, sql, &parameters).await
    }
}

/// The credential in five columns from `first` on; none if the number never had one.
pub(super) fn credential(row: &Row, first: usize) -> Result<Option<Credential>, DbError> {
    let Some(id) = column(row, first, "credential.id")? else { return Ok(None) };
    let kind: &str = column(row, first + 1, "credential.kind")?;
    let phc: Option<String> = column(row, first + 3, "credential.password_hash")?;
    Ok(Some(Credential {
        id: CredentialId(id),
        kind: kind.parse().map_err(|_| DbError::NotSent(DbFailure::Row("credential.kind")))?,
        set_at: column(row, first + 2, "credential.set_at")?,
        password_hash: phc.map(PhcString::from),
        failed_attempts: column(row, first + 4, "credential.failed_attempts")?,
    }))
}
