//! Sessions that ended by a form sent from them. For a while their browser can still learn why: the
//! same form sent again gets the same answer (`C2`), and a unit change's outcome survives a reload.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tracing::instrument;

use super::error::DbError;
use super::handle::Db;
use super::rows::{column, invalid_column, parsed};
use super::transaction::Statement;
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;
use domain::session::TokenDigest;
use domain::unit_outcome::{NewLogin, UnitChanged};

/// A session that ended by a form sent from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndedSession {
    /// Wrong entries in it have voided its own credential, under this unit (`C2`).
    WrongEntries(AuthUnit),
    /// It has changed the unit (`U`).
    UnitChanged(UnitChanged),
}

pub(super) const END_BY_WRONG_ENTRIES: &str = "
    WITH ended AS (
        DELETE FROM session WHERE token_digest = $1 RETURNING token_digest, contract_number
    )
    INSERT INTO ended_session (token_digest, contract_number, unit, reason)
    SELECT token_digest, contract.number, contract.unit, 'wrong_entries'
    FROM ended JOIN contract ON contract.number = ended.contract_number";

const INSERT_UNIT_CHANGED: &str = "
    INSERT INTO ended_session (token_digest, contract_number, unit, reason, outcome)
    SELECT $1::bytea, $2::text, $3::text, 'unit_changed', $4::text::jsonb
    WHERE $1::bytea IS NOT NULL";

const FIND: &str = "
    SELECT unit, outcome::text FROM ended_session
    WHERE token_digest = $1 AND created_at > clock_timestamp() - $2 * interval '1 second'";

/// A [`UnitChanged`] as the database keeps it, without the unit.
#[derive(Serialize, Deserialize)]
struct StoredOutcome {
    initiator: String,
    /// The login numbers, each with the name of its [`NewCredential`].
    logins: Vec<(String, String)>,
    lost: Vec<String>,
}

impl Db {
    /// How a session ended, if a form sent from it did that within the `idle` time.
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
    contract: PhoneNumber,
    session: Option<TokenDigest>,
    changed: &UnitChanged,
) -> Statement<'a> {
    let text = |number: &PhoneNumber| number.as_str().to_owned();
    let login = |login: &NewLogin| (text(&login.number), login.with.as_str().to_owned());
    let outcome = StoredOutcome {
        initiator: text(&changed.initiator),
        logins: changed.logins.iter().map(login).collect(),
        lost: changed.lost.iter().map(text).collect(),
    };
    // Text in a struct of lists can always be written.
    let json = serde_json::to_string(&outcome).unwrap_or_default();
    Statement::new(INSERT_UNIT_CHANGED)
        .with(session.map(|digest| digest.0.to_vec()))
        .with_number(contract)
        .with(changed.unit.as_str())
        .with(json)
}

fn ended_session(row: &Row) -> Result<EndedSession, DbError> {
    let unit: AuthUnit = parsed(row, "unit")?;
    let Some(outcome) = column::<Option<&str>>(row, "outcome")? else {
        return Ok(EndedSession::WrongEntries(unit));
    };
    let changed =
        serde_json::from_str(outcome).ok().and_then(|outcome| unit_changed(unit, outcome));
    changed.map(EndedSession::UnitChanged).ok_or_else(|| invalid_column("outcome"))
}

fn unit_changed(unit: AuthUnit, outcome: StoredOutcome) -> Option<UnitChanged> {
    let login = |(number, with): (String, String)| {
        Some(NewLogin { number: number.parse().ok()?, with: with.parse().ok()? })
    };
    Some(UnitChanged {
        unit,
        initiator: outcome.initiator.parse().ok()?,
        logins: outcome.logins.into_iter().map(login).collect::<Option<_>>()?,
        lost: outcome.lost.iter().map(|number| number.parse().ok()).collect::<Option<_>>()?,
    })
}
