//! The clean-up of what is over, every minute: by index and in portions, so that it takes the same
//! time however large the tables are, and holds few rows at once.
//!
//! The statements compare with `now()`: an index is of no use beside `clock_timestamp()`, which may
//! change from row to row. What someone else is at is left for the next time: waiting for it, row
//! after row, could deadlock.

use std::time::Duration;

use super::audit::{AuditEvent, AuditOutcome};
use super::contracts::column;
use super::transaction::Parameters;
use super::{Db, DbError, count_voided};
use domain::rules;

/// How long an attempt is kept; it is repeated for seconds, and a packet is on its way for no
/// longer than minutes.
const ATTEMPT_KEPT: Duration = Duration::from_mins(10);

/// Rows that one statement removes.
pub const PORTION: i64 = 5_000;
/// Statements of one kind in one clean-up; what is left then waits for the next.
const MAX_PORTIONS: usize = 40;

/// Idle ones stay until their 12 hours are over, so that their users can be told why they ended.
const SESSIONS: &str = "
    WITH gone AS (
        DELETE FROM session WHERE token_digest = ANY(ARRAY(
            SELECT token_digest FROM session
            WHERE created_at <= now() - $1 * interval '1 second'
            ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        RETURNING token_digest
    )
    SELECT count(*) FROM gone";

const ATTEMPTS: &str = "
    WITH gone AS (
        DELETE FROM idempotency_key WHERE key = ANY(ARRAY(
            SELECT key FROM idempotency_key
            WHERE created_at <= now() - $1 * interval '1 second'
            ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        RETURNING key
    )
    SELECT count(*) FROM gone";

/// The conditions are those of the index.
const CREDENTIALS: &str = "
    WITH voided AS (
        UPDATE credential SET password_hash = NULL, voided_at = clock_timestamp()
        WHERE id = ANY(ARRAY(
            SELECT id FROM credential
            WHERE kind = 'temporary' AND voided_at IS NULL
              AND set_at <= now() - $1 * interval '1 second'
            ORDER BY set_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        RETURNING login_number
    ), noted AS (
        INSERT INTO audit_log (source, event, outcome, login_number, contract_number)
        SELECT 'site', $3::text, $4::text, n.number, n.contract_number
        FROM voided JOIN phone_number AS n ON n.number = voided.login_number
    )
    SELECT count(*) FROM voided";

/// Of the database's own, since the daemon may not remove rows of the audit.
const AUDIT: &str = "SELECT prune_audit($1 * interval '1 second', $2)";

impl Db {
    /// Removes rows of the audit that are older than `kept` (`D3`).
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn prune_audit(&self, kept: Duration) -> Result<(), DbError> {
        self.in_portions(AUDIT, &[&kept.as_secs_f64(), &PORTION]).await.map(drop)
    }

    /// Removes sessions past their 12 hours (`W5`) and attempts that are over, and wipes the hashes
    /// of temporary passwords past their end (`C1`).
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn sweep(&self) -> Result<(), DbError> {
        let life = rules::MAX_SESSION_LIFETIME.as_secs_f64();
        self.in_portions(SESSIONS, &[&life, &PORTION]).await?;
        let kept = ATTEMPT_KEPT.as_secs_f64();
        self.in_portions(ATTEMPTS, &[&kept, &PORTION]).await?;
        let life = rules::TEMPORARY_PASSWORD_LIFETIME.as_secs_f64();
        let (event, outcome) = (AuditEvent::Voided.as_str(), AuditOutcome::Expired.as_str());
        let expired = self.in_portions(CREDENTIALS, &[&life, &PORTION, &event, &outcome]).await?;
        count_voided(AuditOutcome::Expired, expired);
        Ok(())
    }

    /// Runs a statement that tells how many rows it was about, until it finds less than a portion;
    /// gives how many there were in all.
    async fn in_portions(&self, sql: &str, parameters: Parameters<'_>) -> Result<usize, DbError> {
        let mut all = 0;
        for _ in 0..MAX_PORTIONS {
            let rows = self.write(sql, parameters).await?;
            let done: i64 = rows.first().map_or(Ok(0), |row| column(row, 0, "a count"))?;
            all += usize::try_from(done).unwrap_or(0);
            if done < PORTION {
                break;
            }
        }
        Ok(all)
    }
}
