//! A contract with what its numbers have: looked at without a lock, or held against every other change
//! of it until a commit.
//!
//! A change that asks for passwords looks at the contract twice: freely, to compare what was typed, and
//! under the lock, to decide. Whatever has happened between is seen there (`C3`, `W6`). A hold that is
//! dropped has changed nothing.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::audit::{self, AuditEvent, AuditOutcome, Columns};
use super::contracts::{LOCK_CONTRACT, column, contract, number};
use super::idempotency::{Attempt, Uncertain};
use super::login::credential;
use super::site_audit::SiteAudit;
use super::transaction::{Parameters, Statement, Transaction};
use super::{Db, DbError};
use domain::contract::Contract;
use domain::credential::{Credential, CredentialId, CredentialKind, NumberCredential};
use domain::phone_number::PhoneNumber;

/// A contract, what its numbers have, and a session's place in it.
#[derive(Debug)]
pub struct Snapshot {
    /// The contract.
    pub contract: Contract,
    /// Its numbers and what they have, in the order of the contract.
    pub held: Vec<NumberCredential>,
    /// The session, if it is there at all.
    pub session: Option<SnapshotSession>,
    /// The database's time.
    pub now: Timestamp,
}

/// What a [`Snapshot`] tells of a session.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotSession {
    /// The credential that it began with.
    pub credential: CredentialId,
    /// The contract's version that its client was last told of (`W6`).
    pub seen_version: i64,
}

impl Snapshot {
    /// What the session's login number has, if that is what the session began with; void, if wrong
    /// entries have voided it since (`C2`).
    #[must_use]
    pub fn of_session(&self) -> Option<(PhoneNumber, &Credential)> {
        let session = self.session?;
        self.held.iter().find_map(|held| {
            let credential = held.credential.as_ref()?;
            (credential.id == session.credential).then_some((held.number, credential))
        })
    }

    /// What a number has.
    #[must_use]
    pub fn credential_of(&self, number: PhoneNumber) -> Option<&Credential> {
        self.held.iter().find(|held| held.number == number)?.credential.as_ref()
    }
}

/// A contract that nobody else changes until this ends.
pub struct LockedContract {
    attempt: Attempt,
    transaction: Transaction,
    snapshot: Snapshot,
}

const LOCK_CREDENTIALS: &str = "
    SELECT FROM credential
    WHERE login_number IN (SELECT number FROM phone_number WHERE contract_number = $1)
    ORDER BY login_number FOR UPDATE";

/// The first six columns are a contract's.
const SNAPSHOT: &str = "
    SELECT c.number, c.unit, c.suspended, n.number, n.has_service, c.version,
           clock_timestamp(), cr.id, cr.kind, cr.set_at, cr.password_hash, cr.failed_attempts,
           s.credential_id, s.seen_version
    FROM contract AS c
    JOIN phone_number AS n ON n.contract_number = c.number
    LEFT JOIN credential AS cr ON cr.login_number = n.number
    LEFT JOIN session AS s ON s.token_digest = $2
    WHERE c.number = $1
    ORDER BY n.number <> c.number, n.number";

/// The first five parameters are [`AuditParams`](super::site_audit::Rows)'.
const COUNT: &str = "
    WITH counted AS (
        UPDATE credential SET
            failed_attempts = failed_attempts + 1,
            voided_at = CASE WHEN failed_attempts + 1 >= $6 THEN clock_timestamp() END,
            password_hash = CASE WHEN failed_attempts + 1 < $6 THEN password_hash END
        WHERE login_number = ANY($7) AND voided_at IS NULL
        RETURNING login_number, voided_at IS NOT NULL AS void
    ), noted AS (
        INSERT INTO audit_log (source, event, outcome, login_number, contract_number, unit, address)
        (SELECT 'site', $1::text, $2::text, login_number, $3::text, $4::text, $5::inet
         FROM counted ORDER BY login_number)
        UNION ALL
        (SELECT 'site', $8::text, $9::text, login_number, $3, $4, $5
         FROM counted WHERE void ORDER BY login_number)
    )
    SELECT login_number FROM counted WHERE void ORDER BY login_number";

/// The session whose own credential its wrong entries have voided; the others go on.
const END_SESSION: &str = "
    WITH ended AS (
        DELETE FROM session WHERE token_digest = $7 RETURNING token_digest
    )
    INSERT INTO audit_log (source, event, outcome, login_number, contract_number, unit, address)
    SELECT 'site', $1::text, $2::text, $6::text, $3::text, $4::text, $5::inet FROM ended";

impl Db {
    /// A look at the contract with this contract number and at the session of this digest; `None` if
    /// there is no such contract.
    ///
    /// # Errors
    /// [`DbError::NotSent`] if the store is out of reach.
    pub async fn snapshot(
        &self,
        contract_number: PhoneNumber,
        token_digest: &[u8],
    ) -> Result<Option<Snapshot>, DbError> {
        read_snapshot(&self.read(SNAPSHOT, &[&contract_number.as_str(), &token_digest]).await?)
    }

    /// The same, held, in a try of an attempt: contract and credentials are locked until the hold ends.
    ///
    /// # Errors
    /// [`DbError::NotSent`] if the store is out of reach, or the lock not to be had in time.
    pub async fn lock_contract(
        &self,
        tried: Attempt,
        contract_number: PhoneNumber,
        token_digest: &[u8],
    ) -> Result<Option<LockedContract>, DbError> {
        let number = contract_number.as_str();
        let of_contract: Parameters<'_> = &[&number];
        let of_both: Parameters<'_> = &[&number, &token_digest];
        let statements =
            [(LOCK_CONTRACT, of_contract), (LOCK_CREDENTIALS, of_contract), (SNAPSHOT, of_both)];
        let (transaction, rows) = self.begin_with(tried.time, &statements).await?;
        let view = read_snapshot(rows.last().map_or(&[], Vec::as_slice))?;
        Ok(view.map(|view| LockedContract { attempt: tried, transaction, snapshot: view }))
    }
}

impl LockedContract {
    /// What there is, and stays until this ends.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Changes nothing: that something was seen to be as it is counts only if no earlier try made it so.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn commit_unchanged(self) -> Result<(), DbError> {
        self.commit(AuditOutcome::Done, &[]).await.map(drop)
    }

    /// Changes nothing, and says so.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn commit_refusal(
        self,
        doing: &SiteAudit,
        outcome: AuditOutcome,
    ) -> Result<(), DbError> {
        let record = doing.record(outcome);
        let row = Columns::of(&record);
        let row = row.parameters();
        self.commit(outcome, &[(audit::INSERT, &row)]).await.map(drop)
    }

    /// Counts a wrong secret against each of these numbers, whose credentials are of `kind` and not
    /// void; gives those that it voided. If the session's own is among them, that ends the session
    /// (`C2`).
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn count_failures(
        mut self,
        doing: &SiteAudit,
        kind: CredentialKind,
        numbers: &[PhoneNumber],
        token_digest: &[u8],
    ) -> Result<Uncertain<Vec<PhoneNumber>>, DbError> {
        let rows = doing.params(doing.event, AuditOutcome::Wrong);
        let logins = as_strs(numbers);
        let more: Parameters<'_> = &[
            &kind.max_failed_attempts(),
            &logins,
            &AuditEvent::Voided.as_str(),
            &AuditOutcome::WrongEntries.as_str(),
        ];
        let voided = self.transaction.query(COUNT, &rows.with(more)).await?;
        let voided: Vec<PhoneNumber> =
            voided.iter().map(|row| number(row, 0)).collect::<Result<_, _>>()?;
        let is_over = voided.contains(&doing.login);
        let ended = doing.params(AuditEvent::SessionEnded, AuditOutcome::WrongEntries);
        let login = doing.login.as_str();
        let own: Parameters<'_> = &[&login, &token_digest];
        let ended = ended.with(own);
        let statements: &[Statement<'_>] = if is_over { &[(END_SESSION, &ended)] } else { &[] };
        let committed = self.commit(AuditOutcome::Wrong, statements).await.map(drop);
        Ok(Uncertain { value: voided, committed })
    }

    /// Ends it with these statements, as a try of its attempt; gives the rows of each.
    pub(super) async fn commit(
        self,
        outcome: AuditOutcome,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Vec<Row>>, DbError> {
        self.transaction.commit_as(self.attempt, outcome, statements).await
    }
}

/// Numbers as the database takes them.
pub(super) fn as_strs(numbers: &[PhoneNumber]) -> Vec<&str> {
    numbers.iter().map(PhoneNumber::as_str).collect()
}

fn read_snapshot(rows: &[Row]) -> Result<Option<Snapshot>, DbError> {
    let (Some(first), Some(contract)) = (rows.first(), contract(rows)?) else { return Ok(None) };
    let held = |row: &Row| {
        Ok(NumberCredential { number: number(row, 3)?, credential: credential(row, 7)? })
    };
    let session: Option<i64> = column(first, 12, "session.credential_id")?;
    let seen_version: Option<i64> = column(first, 13, "session.seen_version")?;
    Ok(Some(Snapshot {
        contract,
        held: rows.iter().map(held).collect::<Result<_, DbError>>()?,
        session: session.zip(seen_version).map(|(credential, seen_version)| SnapshotSession {
            credential: CredentialId(credential),
            seen_version,
        }),
        now: column(first, 6, "the time")?,
    }))
}
