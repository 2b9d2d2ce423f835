//! Sessions (`W5`): found by their token's digest, ended by idleness, age, logging out, or the end
//! of their credential.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::audit::{AuditEvent, AuditOutcome};
use super::contracts::{column, contract, number};
use super::{Db, DbError, DbFailure};
use domain::contract::Contract;
use domain::credential::CredentialKind;
use domain::phone_number::PhoneNumber;
use domain::rules;

/// The part of the idle time within which use is not noted again: a minute of 15.
const SEEN_AGAIN: u32 = 15;

/// What is kept under a token's digest.
#[derive(Debug)]
pub enum SessionLookup {
    /// A session that is not over.
    Live(Session),
    /// One that has ended by itself, idle, within its 12 hours; nothing brings it back.
    Idle,
    /// None, or one that has ended otherwise.
    None,
}

/// A session that is not over.
#[derive(Debug)]
pub struct Session {
    /// The contract of its login number.
    pub contract: Contract,
    /// Its login number.
    pub login: PhoneNumber,
    /// What its login was with.
    pub kind: CredentialKind,
    /// When that was set.
    pub set_at: Timestamp,
    /// When the session began.
    pub created_at: Timestamp,
    /// The contract's version that its client was last told of (`W6`).
    pub seen_version: i64,
    /// When it was used last, as far as that is noted.
    pub seen_at: Timestamp,
    /// The database's time.
    pub now: Timestamp,
}

/// A session outlives the voiding of its credential by strangers' wrong entries (`C2`); whatever
/// else voids a credential ends its sessions itself. The first six columns are a contract's.
const FIND: &str = "
    WITH found AS (
        SELECT s.token_digest, s.created_at, s.last_seen_at, s.seen_version,
               cr.login_number, cr.kind, cr.set_at,
               s.last_seen_at > clock_timestamp() - $2 * interval '1 second' AS live
        FROM session AS s JOIN credential AS cr ON cr.id = s.credential_id
        WHERE s.token_digest = $1
          AND s.created_at > clock_timestamp() - $3 * interval '1 second'
    ), seen AS (
        UPDATE session SET last_seen_at = clock_timestamp() FROM found
        WHERE session.token_digest = found.token_digest AND found.live
          AND found.last_seen_at < clock_timestamp() - $4 * interval '1 second'
        RETURNING session.last_seen_at
    )
    SELECT c.number, c.unit, c.suspended, n.number, n.has_service, c.version,
           found.login_number, found.kind, found.set_at, found.created_at, clock_timestamp(),
           found.seen_version, found.live,
           coalesce((SELECT last_seen_at FROM seen), found.last_seen_at)
    FROM found
    JOIN phone_number AS known ON known.number = found.login_number
    JOIN contract AS c ON c.number = known.contract_number
    JOIN phone_number AS n ON n.contract_number = c.number
    ORDER BY n.number <> c.number, n.number";

const TELL: &str = "UPDATE session SET seen_version = $2 WHERE token_digest = $1";

const END: &str = "
    WITH ended AS (
        DELETE FROM session AS s USING credential AS cr
        WHERE s.token_digest = $1 AND cr.id = s.credential_id
        RETURNING cr.login_number, s.contract_number
    )
    INSERT INTO audit_log (source, event, outcome, login_number, contract_number, address)
    SELECT 'site', $2::text, $3::text, login_number, contract_number, $4::inet FROM ended";

impl Db {
    /// What is kept under this token's digest; looking at a session that is not over counts as use.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn session(
        &self,
        token_digest: &[u8],
        idle: Duration,
    ) -> Result<SessionLookup, DbError> {
        let life = rules::MAX_SESSION_LIFETIME.as_secs_f64();
        let seen_again = idle.as_secs_f64() / f64::from(SEEN_AGAIN);
        let rows =
            self.write(FIND, &[&token_digest, &idle.as_secs_f64(), &life, &seen_again]).await?;
        let (Some(row), Some(contract)) = (rows.first(), contract(&rows)?) else {
            return Ok(SessionLookup::None);
        };
        if !column::<bool>(row, 12, "session.last_seen_at")? {
            return Ok(SessionLookup::Idle);
        }
        let kind: &str = column(row, 7, "credential.kind")?;
        Ok(SessionLookup::Live(Session {
            contract,
            login: number(row, 6)?,
            kind: kind.parse().map_err(|_| DbError::NotSent(DbFailure::Row("credential.kind")))?,
            set_at: column(row, 8, "credential.set_at")?,
            created_at: column(row, 9, "session.created_at")?,
            now: column(row, 10, "the time")?,
            seen_version: column(row, 11, "session.seen_version")?,
            seen_at: column(row, 13, "session.last_seen_at")?,
        }))
    }

    /// Notes of which version of the contract a session's client was told (`W6`).
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn mark_seen(&self, token_digest: &[u8], version: i64) -> Result<(), DbError> {
        self.write(TELL, &[&token_digest, &version]).await.map(drop)
    }

    /// Ends a session at once (`W5`); one that is over already stays over.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn end_session(&self, token_digest: &[u8], address: IpAddr) -> Result<(), DbError> {
        let (event, outcome) = (AuditEvent::Logout.as_str(), AuditOutcome::Done.as_str());
        self.write(END, &[&token_digest, &event, &outcome, &address]).await.map(drop)
    }
}
