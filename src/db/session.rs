//! Sessions (`W5`), found by their token's digest. They end by idleness, by age, by logging out, or
//! with their credential.

use std::net::IpAddr;
use std::time::Duration;

use tracing::instrument;

use super::audit::{event_statement, insert_audit};
use super::ended_session::keep_ended;
use super::error::DbError;
use super::handle::Db;
use super::rows::{column, contract, contract_columns, number, parsed};
use super::transaction::Statement;
use domain::audit::{AuditEvent, AuditScope, AuditSource};
use domain::rules;
use domain::session::{LiveSession, TokenDigest};

/// The part of the idle time within which use is not written again: a minute of 15.
const TOUCH_INTERVAL_DIVISOR: u32 = 15;

/// The result of looking up a token's digest.
#[derive(Debug)]
pub enum SessionLookup {
    /// A session that has not ended.
    Live(LiveSession),
    /// A session that ended because it was idle, within its 12 hours. It cannot be revived.
    Idle,
    /// A session that ended after its 12 hours.
    PastLifetime,
    /// No session, or one that has ended otherwise.
    None,
}

/// A session outlives the voiding of its credential by strangers' wrong entries (`C2`). Whatever
/// else voids a credential ends its sessions itself.
const FIND: &str = concat!(
    "WITH found AS (
        SELECT s.token_digest, s.created_at, s.last_seen_at, s.seen_version,
               cr.login_number, cr.kind, cr.set_at, cr.voided_at IS NOT NULL AS is_void,
               s.last_seen_at > clock_timestamp() - $2 * interval '1 second'
               AND s.created_at > clock_timestamp() - $3 * interval '1 second' AS is_live,
               s.last_seen_at + $2 * interval '1 second'
               <= s.created_at + $3 * interval '1 second' AS was_idle
        FROM session AS s JOIN credential AS cr ON cr.id = s.credential_id
        WHERE s.token_digest = $1
    ), seen AS (
        UPDATE session SET last_seen_at = clock_timestamp() FROM found
        WHERE session.token_digest = found.token_digest AND found.is_live
          AND found.last_seen_at < clock_timestamp() - $4 * interval '1 second'
        RETURNING session.last_seen_at
    )
    SELECT ",
    contract_columns!(),
    ", found.login_number, found.kind, found.set_at, found.is_void, found.created_at,
       found.seen_version,
       found.is_live, found.was_idle, coalesce((SELECT last_seen_at FROM seen), found.last_seen_at) AS last_seen_at,
       clock_timestamp() AS now
    FROM found
    JOIN phone_number AS known ON known.number = found.login_number
    JOIN contract AS c ON c.number = known.contract_number
    JOIN phone_number AS n ON n.contract_number = c.number
    ORDER BY n.number <> c.number, n.number"
);

const MARK_SEEN: &str = "UPDATE session SET seen_version = $2 WHERE token_digest = $1";

const END: &str = concat!(
    "WITH ended AS (
        DELETE FROM session AS s USING credential AS cr
        WHERE s.token_digest = $8 AND cr.id = s.credential_id
        RETURNING s.token_digest, cr.login_number, s.contract_number
    ), kept AS (",
    keep_ended!("logged_out"),
    ") ",
    insert_audit!(
        "coalesce($2::text, noted.contract_number)",
        "(SELECT $6::text, $7::text, login_number, contract_number FROM ended)
         AS noted (event, outcome, login_number, contract_number)"
    )
);

impl Db {
    /// The session of a token. A look at a live session counts as use.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    #[instrument(name = "transaction", skip_all, fields(operation = "session"))]
    pub async fn session(
        &self,
        digest: TokenDigest,
        idle: Duration,
    ) -> Result<SessionLookup, DbError> {
        let statement = Statement::new(FIND)
            .with(digest.0.to_vec())
            .with(idle.as_secs_f64())
            .with(rules::MAX_SESSION_LIFETIME.as_secs_f64())
            .with(idle.as_secs_f64() / f64::from(TOUCH_INTERVAL_DIVISOR));
        let rows = self.write(&statement).await?;
        let (Some(row), Some(contract)) = (rows.first(), contract(&rows)?) else {
            return Ok(SessionLookup::None);
        };
        if !column::<bool>(row, "is_live")? {
            let was_idle = column(row, "was_idle")?;
            return Ok(if was_idle { SessionLookup::Idle } else { SessionLookup::PastLifetime });
        }
        Ok(SessionLookup::Live(LiveSession {
            contract,
            login_number: number(row, "login_number")?,
            kind: parsed(row, "kind")?,
            set_at: column(row, "set_at")?,
            is_void: column(row, "is_void")?,
            created_at: column(row, "created_at")?,
            seen_version: column(row, "seen_version")?,
            last_seen_at: column(row, "last_seen_at")?,
            now: column(row, "now")?,
        }))
    }

    /// Records which version of the contract a session's client has seen (`W6`).
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    #[instrument(name = "transaction", skip_all, fields(operation = "mark_seen"))]
    pub async fn mark_seen(&self, digest: TokenDigest, version: i64) -> Result<(), DbError> {
        let statement = Statement::new(MARK_SEEN).with(digest.0.to_vec()).with(version);
        self.write(&statement).await.map(drop)
    }

    /// Ends a session at once (`W5`); one that has ended stays ended.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    #[instrument(name = "transaction", skip_all, fields(operation = "end_session"))]
    pub async fn end_session(&self, digest: TokenDigest, address: IpAddr) -> Result<(), DbError> {
        let source = AuditSource::Site(Some(address));
        let scope = AuditScope { source, contract_number: None, unit: None };
        let statement = event_statement(END, &scope, AuditEvent::Logout).with(digest.0.to_vec());
        self.write(&statement).await.map(drop)
    }
}
