//! Sessions that ended by a form. For a while their browser can still learn why. The same form sent
//! again gets the same answer (`C2`), and a unit change's outcome survives a reload.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::EnumString;
use tokio_postgres::Row;
use tracing::instrument;

use super::error::DbError;
use super::handle::Db;
use super::rows::{column, invalid_column, parsed};
use super::transaction::Statement;
use domain::auth_unit::AuthUnit;
use domain::credential::CredentialKind;
use domain::phone_number::PhoneNumber;
use domain::session::TokenDigest;
use domain::unit_outcome::{LostCredential, NewLogin, UnitChanged};

/// A session that ended by a form sent from it, or from another session of its login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndedSession {
    /// Wrong entries in it have voided its own credential, under this unit (`C2`).
    WrongEntries(AuthUnit),
    /// It has changed the unit (`U`).
    UnitChanged(UnitChanged),
    /// Its user has logged out (`W5`).
    LoggedOut,
    /// Its password was changed, by itself or another session (`C5`).
    PasswordChanged,
}

/// The reasons as the database names them.
#[derive(Debug, Clone, Copy, EnumString)]
#[strum(serialize_all = "snake_case")]
enum Reason {
    WrongEntries,
    UnitChanged,
    LoggedOut,
    PasswordChanged,
}

/// Keeps the `$reason` of the sessions that a statement has deleted as `ended`.
macro_rules! keep_ended {
    ($reason:literal) => {
        concat!(
            "INSERT INTO ended_session (token_digest, contract_number, unit, reason)
             SELECT token_digest, contract.number, contract.unit, '",
            $reason,
            "' FROM ended JOIN contract ON contract.number = ended.contract_number
             ON CONFLICT DO NOTHING"
        )
    };
}

pub(super) use keep_ended;

pub(super) const END_BY_WRONG_ENTRIES: &str = concat!(
    "WITH ended AS (
        DELETE FROM session WHERE token_digest = $1 RETURNING token_digest, contract_number
    ) ",
    keep_ended!("wrong_entries")
);

/// Runs after the session was deleted: whatever else ends it at once waits for that, or is over.
const INSERT_UNIT_CHANGED: &str = "
    INSERT INTO ended_session (token_digest, contract_number, unit, reason, outcome)
    SELECT $1::bytea, $2::text, $3::text, 'unit_changed', $4::text::jsonb
    WHERE $1::bytea IS NOT NULL
    ON CONFLICT (token_digest) DO UPDATE SET
        unit = excluded.unit, reason = excluded.reason, outcome = excluded.outcome";

/// After the idle time a change of the unit is found as a logout. Other ends are not found.
const FIND: &str = "
    SELECT unit, CASE WHEN is_recent THEN reason ELSE 'logged_out' END AS reason, outcome::text
    FROM (
        SELECT unit, reason, outcome,
               created_at > clock_timestamp() - $2 * interval '1 second' AS is_recent
        FROM ended_session WHERE token_digest = $1
    ) AS found
    WHERE is_recent OR reason = 'unit_changed'";

/// A [`UnitChanged`] as the database keeps it, without the unit.
#[derive(Serialize, Deserialize)]
struct StoredOutcome {
    initiator: String,
    /// The login numbers, each with the name of its
    /// [`NewCredential`](domain::unit_outcome::NewCredential).
    logins: Vec<(String, String)>,
    /// The numbers that lost a credential.
    lost: Vec<String>,
    /// Those of them whose credential was a temporary password.
    #[serde(default)]
    lost_temporary: Vec<String>,
}

impl Db {
    /// How a session ended, if a form did that within the `idle` time. An older change of the unit
    /// counts as a logout.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    #[instrument(name = "transaction", skip_all, fields(operation = "ended_session"))]
    pub async fn ended_session(
        &self,
        digest: TokenDigest,
        idle: Duration,
    ) -> Result<Option<EndedSession>, DbError> {
        let statement = Statement::new(FIND).with(digest.0.to_vec()).with(idle.as_secs_f64());
        self.read(&statement).await?.first().map(ended_session).transpose()
    }
}

/// Keeps the outcome of a unit change for the browser of the session that made it.
pub(super) fn insert_unit_changed<'a>(
    contract_number: PhoneNumber,
    session: Option<TokenDigest>,
    changed: &UnitChanged,
) -> Statement<'a> {
    let text = |number: &PhoneNumber| number.as_str().to_owned();
    let login = |login: &NewLogin| (text(&login.number), login.with.as_str().to_owned());
    let temporary = changed.lost.iter().filter(|it| it.kind == CredentialKind::Temporary);
    let outcome = StoredOutcome {
        initiator: text(&changed.initiator),
        logins: changed.logins.iter().map(login).collect(),
        lost: changed.lost.iter().map(|credential| text(&credential.number)).collect(),
        lost_temporary: temporary.map(|credential| text(&credential.number)).collect(),
    };
    // Text in a struct of lists can always be written.
    let json = serde_json::to_string(&outcome).unwrap_or_default();
    Statement::new(INSERT_UNIT_CHANGED)
        .with(session.map(|digest| digest.0.to_vec()))
        .with_number(contract_number)
        .with(changed.unit.as_str())
        .with(json)
}

fn ended_session(row: &Row) -> Result<EndedSession, DbError> {
    let unit: AuthUnit = parsed(row, "unit")?;
    Ok(match parsed(row, "reason")? {
        Reason::WrongEntries => EndedSession::WrongEntries(unit),
        Reason::LoggedOut => EndedSession::LoggedOut,
        Reason::PasswordChanged => EndedSession::PasswordChanged,
        Reason::UnitChanged => {
            let outcome = serde_json::from_str(column(row, "outcome")?).ok();
            let changed = outcome.and_then(|outcome| unit_changed(unit, outcome));
            EndedSession::UnitChanged(changed.ok_or_else(|| invalid_column("outcome"))?)
        }
    })
}

fn unit_changed(unit: AuthUnit, outcome: StoredOutcome) -> Option<UnitChanged> {
    let login = |(number, with): (String, String)| {
        Some(NewLogin { number: number.parse().ok()?, with: with.parse().ok()? })
    };
    let temporary: HashSet<&String> = outcome.lost_temporary.iter().collect();
    let lost = |number: &String| {
        let kind = if temporary.contains(number) {
            CredentialKind::Temporary
        } else {
            CredentialKind::Password
        };
        Some(LostCredential { number: number.parse().ok()?, kind })
    };
    Some(UnitChanged {
        unit,
        initiator: outcome.initiator.parse().ok()?,
        logins: outcome.logins.into_iter().map(login).collect::<Option<_>>()?,
        lost: outcome.lost.iter().map(lost).collect::<Option<_>>()?,
    })
}
