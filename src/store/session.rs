//! Sessions (`W5`): found by their token's digest, ended by idleness, age, logging out, or the end
//! of their credential.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::audit::{Event, Outcome};
use super::contracts::{column, contract, number};
use super::{Fault, Store, StoreError};
use crate::contract::Contract;
use crate::credential::Kind;
use crate::number::Number;
use crate::rules;

/// The part of the idle time within which use is not noted again: a minute of 15.
const SEEN_AGAIN: u32 = 15;

/// A session that is not over.
#[derive(Debug)]
pub struct Session {
    /// The contract of its login number.
    pub contract: Contract,
    /// Its login number.
    pub login: Number,
    /// What its login was with.
    pub kind: Kind,
    /// When that was set.
    pub set_at: Timestamp,
    /// When the session began.
    pub created_at: Timestamp,
    /// The database's time.
    pub now: Timestamp,
}

/// The first five columns are a contract's.
const FIND: &str = "
    WITH live AS (
        SELECT s.token_digest, s.created_at, s.last_seen_at, cr.login, cr.kind, cr.set_at
        FROM session AS s JOIN credential AS cr ON cr.id = s.credential
        WHERE s.token_digest = $1 AND cr.voided_at IS NULL
          AND s.last_seen_at > clock_timestamp() - $2 * interval '1 second'
          AND s.created_at > clock_timestamp() - $3 * interval '1 second'
    ), seen AS (
        UPDATE session SET last_seen_at = clock_timestamp() FROM live
        WHERE session.token_digest = live.token_digest
          AND live.last_seen_at < clock_timestamp() - $4 * interval '1 second'
    )
    SELECT c.number, c.unit, c.suspended, n.number, n.service,
           live.login, live.kind, live.set_at, live.created_at, clock_timestamp()
    FROM live
    JOIN contract_number AS known ON known.number = live.login
    JOIN contract AS c ON c.number = known.contract
    JOIN contract_number AS n ON n.contract = c.number
    ORDER BY n.number <> c.number, n.number";

const END: &str = "
    WITH ended AS (
        DELETE FROM session AS s USING credential AS cr
        WHERE s.token_digest = $1 AND cr.id = s.credential
        RETURNING cr.login, s.contract
    )
    INSERT INTO audit (source, event, outcome, login, contract, address)
    SELECT 'site', $2::text, $3::text, login, contract, $4::inet FROM ended";

const SWEEP_SESSIONS: &str = "
    DELETE FROM session
    WHERE last_seen_at <= clock_timestamp() - $1 * interval '1 second'
       OR created_at <= clock_timestamp() - $2 * interval '1 second'";

/// What someone else is at is left for the next time: waiting for it, row after row, could deadlock.
const SWEEP_CREDENTIALS: &str = "
    WITH voided AS (
        UPDATE credential SET phc = NULL, voided_at = clock_timestamp()
        WHERE id IN (
            SELECT id FROM credential
            WHERE kind = $1 AND voided_at IS NULL
              AND set_at <= clock_timestamp() - $2 * interval '1 second'
            FOR UPDATE SKIP LOCKED
        )
        RETURNING login
    )
    INSERT INTO audit (source, event, outcome, login, contract)
    SELECT 'site', $3::text, $4::text, n.number, n.contract
    FROM voided JOIN contract_number AS n ON n.number = voided.login";

impl Store {
    /// The session of this token's digest, if it is not over; looking counts as use.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn session(
        &self,
        token_digest: &[u8],
        idle: Duration,
    ) -> Result<Option<Session>, StoreError> {
        let life = rules::SESSION_LIFE.as_secs_f64();
        let seen_again = idle.as_secs_f64() / f64::from(SEEN_AGAIN);
        let rows =
            self.write(FIND, &[&token_digest, &idle.as_secs_f64(), &life, &seen_again]).await?;
        let (Some(row), Some(contract)) = (rows.first(), contract(&rows)?) else { return Ok(None) };
        let kind: &str = column(row, 6, "credential.kind")?;
        Ok(Some(Session {
            contract,
            login: number(row, 5)?,
            kind: kind.parse().map_err(|_| StoreError::NotSent(Fault::Row("credential.kind")))?,
            set_at: column(row, 7, "credential.set_at")?,
            created_at: column(row, 8, "session.created_at")?,
            now: column(row, 9, "the time")?,
        }))
    }

    /// Ends a session at once (`W5`); one that is over already stays over.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn end_session(
        &self,
        token_digest: &[u8],
        address: IpAddr,
    ) -> Result<(), StoreError> {
        let (event, outcome) = (Event::Logout.as_str(), Outcome::Done.as_str());
        self.write(END, &[&token_digest, &event, &outcome, &address]).await.map(drop)
    }

    /// Removes sessions that are over, and wipes the hashes of temporary passwords past their end (`C1`).
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn sweep(&self, idle: Duration) -> Result<(), StoreError> {
        let life = rules::SESSION_LIFE.as_secs_f64();
        self.write(SWEEP_SESSIONS, &[&idle.as_secs_f64(), &life]).await?;
        let life = rules::TEMPORARY_PASSWORD_LIFE.as_secs_f64();
        let (event, outcome) = (Event::Voided.as_str(), Outcome::Expired.as_str());
        let kind = Kind::Temporary.as_str();
        self.write(SWEEP_CREDENTIALS, &[&kind, &life, &event, &outcome]).await.map(drop)
    }
}
