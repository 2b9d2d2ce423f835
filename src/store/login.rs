//! Logins: what is known of a login number, and the one statement that is an attempt's verdict (`C2`, `C3`).
//!
//! The verdict is decided at its commit: the secret was compared before, without a lock, and the
//! guarded `UPDATE` then finds the credential as good as it was, or finds nothing. Each verdict is
//! one statement and thus one commit, the audit's row in it.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::audit::{Event, Outcome};
use super::contracts::{column, contract};
use super::transaction::Parameters;
use super::{Fault, Store, StoreError};
use crate::contract::Contract;
use crate::credential::{Credential, CredentialId};
use crate::number::Number;
use crate::password::PhcString;

/// What the store knows of a number that wants to log in.
#[derive(Debug)]
pub struct Known {
    /// The contract that has it.
    pub contract: Contract,
    /// Its credential, if it ever had one.
    pub credential: Option<Credential>,
    /// The database's time.
    pub now: Timestamp,
}

/// Who tried to log in.
#[derive(Debug, Clone, Copy)]
pub struct Attempted {
    /// The login number, if what was typed is a number at all.
    pub login: Option<Number>,
    /// The contract number of its contract, if one has it.
    pub contract: Option<Number>,
    /// Where from.
    pub address: IpAddr,
}

/// What a right secret came to.
#[derive(Debug)]
pub struct Accepted {
    /// When the credential was set.
    pub set_at: Timestamp,
    /// The database's time, at which the session began.
    pub now: Timestamp,
}

/// The first five columns are a contract's.
const KNOWN: &str = "
    SELECT c.number, c.unit, c.suspended, n.number, n.service,
           clock_timestamp(), cr.id, cr.kind, cr.set_at, cr.phc
    FROM contract_number AS known
    JOIN contract AS c ON c.number = known.contract
    JOIN contract_number AS n ON n.contract = c.number
    LEFT JOIN credential AS cr ON cr.login = known.number
    WHERE known.number = $1
    ORDER BY n.number <> c.number, n.number";

const REFUSED: &str = "
    WITH voided AS (
        UPDATE credential SET phc = NULL, voided_at = clock_timestamp()
        WHERE id = $6 AND voided_at IS NULL
          AND set_at <= clock_timestamp() - $7 * interval '1 second'
        RETURNING id
    )
    INSERT INTO audit (source, event, outcome, login, contract, address)
    SELECT 'site', $1::text, $2::text, $3::text, $4::text, $5::inet
    UNION ALL
    SELECT 'site', $8::text, $2, $3, $4, $5 FROM voided";

const WRONG: &str = "
    WITH counted AS (
        UPDATE credential SET
            failures = failures + 1,
            voided_at = CASE WHEN failures + 1 >= $7 THEN clock_timestamp() END,
            phc = CASE WHEN failures + 1 < $7 THEN phc END
        WHERE id = $6 AND voided_at IS NULL AND failures < $7
          AND ($8::float8 IS NULL OR set_at > clock_timestamp() - $8 * interval '1 second')
        RETURNING voided_at IS NOT NULL AS void
    )
    INSERT INTO audit (source, event, outcome, login, contract, address)
    SELECT 'site', $1::text, CASE WHEN EXISTS (SELECT FROM counted) THEN $2::text ELSE $9::text END,
           $3::text, $4::text, $5::inet
    UNION ALL
    SELECT 'site', $10::text, $11::text, $3, $4, $5 FROM counted WHERE void";

/// The contract's row comes first in the order of locks: a suspension under way ends before this
/// looks, and one that comes later finds the session.
const RIGHT: &str = "
    WITH held AS MATERIALIZED (
        SELECT FROM contract WHERE number = $4 AND NOT suspended FOR SHARE
    ), accepted AS (
        UPDATE credential SET failures = 0, phc = coalesce($10, phc)
        FROM held
        WHERE id = $6 AND voided_at IS NULL AND failures < $7
          AND ($8::float8 IS NULL OR set_at > clock_timestamp() - $8 * interval '1 second')
        RETURNING id, set_at, clock_timestamp() AS now
    ), opened AS (
        INSERT INTO session (token_digest, credential, contract, created_at, last_seen_at)
        SELECT $11, id, $4, now, now FROM accepted
    ), noted AS (
        INSERT INTO audit (source, event, outcome, login, contract, address)
        SELECT 'site', $1::text,
               CASE WHEN EXISTS (SELECT FROM accepted) THEN $2::text
                    WHEN EXISTS (SELECT FROM held) THEN $9::text
                    ELSE $12::text END,
               $3::text, $4::text, $5::inet
    )
    SELECT set_at, now FROM accepted";

impl Store {
    /// What is known of a login number; `None` if no contract has it.
    ///
    /// # Errors
    /// [`StoreError::NotSent`] if the store is out of reach.
    pub async fn known_login(&self, login: Option<Number>) -> Result<Option<Known>, StoreError> {
        let login = login.as_ref().map(Number::as_str).unwrap_or_default();
        let rows = self.read(KNOWN, &[&login]).await?;
        let (Some(first), Some(contract)) = (rows.first(), contract(&rows)?) else {
            return Ok(None);
        };
        let now = column(first, 5, "the time")?;
        Ok(Some(Known { contract, credential: credential(first)?, now }))
    }

    /// Notes an attempt that was refused without a secret to compare; `expired` is the credential
    /// that was met past its end (`C1`), whose hash is wiped.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn note_refusal(
        &self,
        attempted: &Attempted,
        outcome: Outcome,
        expired: Option<(CredentialId, Duration)>,
    ) -> Result<(), StoreError> {
        let id = expired.map(|(id, _)| id.0);
        let life = expired.map(|(_, life)| life.as_secs_f64());
        let texts = Texts::of(attempted);
        let parameters: Parameters<'_> = &[
            &Event::Login.as_str(),
            &outcome.as_str(),
            &texts.login,
            &texts.contract,
            &attempted.address,
            &id,
            &life,
            &Event::Voided.as_str(),
        ];
        self.write(REFUSED, parameters).await.map(drop)
    }

    /// Counts a wrong entry and voids the credential with the last one that it bears (`C2`); one
    /// that is void by now, or replaced, is left as it is.
    ///
    /// # Errors
    /// [`StoreError`]; after [`StoreError::OutcomeUnknown`] it may be counted.
    pub async fn count_wrong(
        &self,
        attempted: &Attempted,
        credential: &Credential,
    ) -> Result<(), StoreError> {
        let texts = Texts::of(attempted);
        let parameters: Parameters<'_> = &[
            &Event::Login.as_str(),
            &Outcome::Wrong.as_str(),
            &texts.login,
            &texts.contract,
            &attempted.address,
            &credential.id.0,
            &credential.kind.wrong_entries(),
            &credential.kind.life().map(|life| life.as_secs_f64()),
            &Outcome::Void.as_str(),
            &Event::Voided.as_str(),
            &Outcome::WrongEntries.as_str(),
        ];
        self.write(WRONG, parameters).await.map(drop)
    }

    /// Accepts a right secret: the count starts anew, an outdated hash is replaced, a session begins.
    /// `None` if the credential is void by now, or replaced, or its contract suspended: then nothing of that is done.
    ///
    /// # Errors
    /// [`StoreError`]; after [`StoreError::OutcomeUnknown`] there may be a session whose token nobody has.
    pub async fn accept(
        &self,
        attempted: &Attempted,
        credential: &Credential,
        renewed: Option<&PhcString>,
        token_digest: &[u8],
    ) -> Result<Option<Accepted>, StoreError> {
        let texts = Texts::of(attempted);
        let parameters: Parameters<'_> = &[
            &Event::Login.as_str(),
            &Outcome::Done.as_str(),
            &texts.login,
            &texts.contract,
            &attempted.address,
            &credential.id.0,
            &credential.kind.wrong_entries(),
            &credential.kind.life().map(|life| life.as_secs_f64()),
            &Outcome::Void.as_str(),
            &renewed.map(PhcString::expose),
            &token_digest,
            &Outcome::Suspended.as_str(),
        ];
        let rows = self.write(RIGHT, parameters).await?;
        let accepted = |row: &Row| {
            let set_at = column(row, 0, "credential.set_at")?;
            Ok(Accepted { set_at, now: column(row, 1, "the time")? })
        };
        rows.first().map(accepted).transpose()
    }
}

/// An attempt's numbers as the database takes them.
struct Texts<'a> {
    login: Option<&'a str>,
    contract: Option<&'a str>,
}

impl<'a> Texts<'a> {
    fn of(attempted: &'a Attempted) -> Self {
        Self {
            login: attempted.login.as_ref().map(Number::as_str),
            contract: attempted.contract.as_ref().map(Number::as_str),
        }
    }
}

/// The credential in columns 6 to 9.
fn credential(row: &Row) -> Result<Option<Credential>, StoreError> {
    let Some(id) = column(row, 6, "credential.id")? else { return Ok(None) };
    let kind: &str = column(row, 7, "credential.kind")?;
    let phc: Option<String> = column(row, 9, "credential.phc")?;
    Ok(Some(Credential {
        id: CredentialId(id),
        kind: kind.parse().map_err(|_| StoreError::NotSent(Fault::Row("credential.kind")))?,
        set_at: column(row, 8, "credential.set_at")?,
        phc: phc.map(PhcString::from),
    }))
}
