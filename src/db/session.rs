//! Sessions (`W5`), found by their token's digest. They end by idleness, by age, by logging out, or
//! with their credential.

use std::net::IpAddr;
use std::time::Duration;

use tracing::instrument;

use super::audit::{event_statement, insert_audit};
use super::ended_session::keep_ended;
use super::error::DbError;
use super::handle::Db;
use super::login_history::{history_columns, login_history};
use super::rows::{column, contract, contract_columns, number, parsed};
use super::transaction::Statement;
use domain::audit::{AuditEvent, AuditScope, AuditSource};
use domain::session::{SessionLimits, StoredSession, TokenDigest};

/// The part of the idle time within which use is not written again: a minute of 15.
const TOUCH_INTERVAL_DIVISOR: u32 = 15;

/// The result of looking up a token's digest.
#[derive(Debug)]
pub enum SessionLookup {
    /// A session that has not ended.
    Live(Box<StoredSession>),
    /// A session that ended because it was idle, within its 12 hours. It cannot be revived.
    Idle(Box<StoredSession>),
    /// A session that ended after its 12 hours.
    PastLifetime(Box<StoredSession>),
    /// No session, or one that has ended otherwise.
    None,
}

/// A session outlives the voiding of its credential by strangers' wrong entries (`C2`). Whatever
/// else voids a credential ends its sessions itself.
const FIND: &str = concat!(
    "SELECT ",
    contract_columns!(),
    ", cr.login_number, cr.kind, cr.set_at, cr.voided_at IS NOT NULL AS is_void,
       s.created_at, s.last_seen_at, s.seen_version, clock_timestamp() AS now, ",
    history_columns!(),
    " FROM session AS s
    JOIN credential AS cr ON cr.id = s.credential_id
    JOIN contract AS c ON c.number = s.contract_number
    JOIN phone_number AS n ON n.contract_number = c.number
    LEFT JOIN login_history AS h ON h.login_number = cr.login_number
    WHERE s.token_digest = $1
    ORDER BY n.number <> c.number, n.number"
);

/// Another request may have been written that came later.
const TOUCH: &str =
    "UPDATE session SET last_seen_at = greatest(last_seen_at, $2) WHERE token_digest = $1";

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
    /// The session of a token. A look at a live session counts as use, which is written once in a
    /// while.
    ///
    /// # Errors
    /// [`DbError`] if the database is out of reach, refuses, or leaves the outcome unknown.
    #[instrument(name = "transaction", skip_all, fields(operation = "session"))]
    pub async fn session(
        &self,
        digest: TokenDigest,
        idle: Duration,
    ) -> Result<SessionLookup, DbError> {
        let rows = self.read(&Statement::new(FIND).with(digest.0.to_vec())).await?;
        let (Some(row), Some(contract)) = (rows.first(), contract(&rows)?) else {
            return Ok(SessionLookup::None);
        };
        let mut session = Box::new(StoredSession {
            contract,
            login_number: number(row, "login_number")?,
            kind: parsed(row, "kind")?,
            set_at: column(row, "set_at")?,
            is_void: column(row, "is_void")?,
            created_at: column(row, "created_at")?,
            seen_version: column(row, "seen_version")?,
            last_seen_at: column(row, "last_seen_at")?,
            now: column(row, "now")?,
            history: login_history(row)?,
        });
        let now = session.now;
        let limits = SessionLimits::new(session.created_at, session.last_seen_at, idle);
        if now >= limits.ends_at() {
            let was_idle = limits.idle_ends_at <= limits.lifetime_ends_at;
            let end = if was_idle { SessionLookup::Idle } else { SessionLookup::PastLifetime };
            return Ok(end(session));
        }
        let unused = now.duration_since(session.last_seen_at);
        if Duration::try_from(unused).is_ok_and(|unused| unused > idle / TOUCH_INTERVAL_DIVISOR) {
            self.write(&Statement::new(TOUCH).with(digest.0.to_vec()).with(now)).await?;
            session.last_seen_at = now;
        }
        Ok(SessionLookup::Live(session))
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
