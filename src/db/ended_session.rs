//! Sessions that a form of their own has ended. For a while their browser still learns why, so that
//! the same form sent again gets the same answer (`C2`).

use std::time::Duration;

use super::rows::parsed;
use super::transaction::Statement;
use super::{Db, DbError};
use domain::auth_unit::AuthUnit;
use domain::session::TokenDigest;

/// A session that has ended by a form of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedSession {
    /// Wrong entries in it have voided its own credential, under this unit (`C2`).
    WrongEntries(AuthUnit),
}

pub(super) const END_BY_WRONG_ENTRIES: &str = "
    WITH ended AS (
        DELETE FROM session WHERE token_digest = $1 RETURNING token_digest, contract_number
    )
    INSERT INTO ended_session (token_digest, contract_number, unit, reason)
    SELECT token_digest, contract.number, contract.unit, 'wrong_entries'
    FROM ended JOIN contract ON contract.number = ended.contract_number";

const FIND: &str = "
    SELECT unit FROM ended_session
    WHERE token_digest = $1 AND created_at > clock_timestamp() - $2 * interval '1 second'";

impl Db {
    /// How a session ended, if a form of its own did that within the `idle` time.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    pub async fn ended_session(
        &self,
        digest: TokenDigest,
        idle: Duration,
    ) -> Result<Option<EndedSession>, DbError> {
        let statement = Statement::new(FIND).with(digest.0.to_vec()).with(idle.as_secs_f64());
        let rows = self.read(&statement).await?;
        rows.first().map(|row| parsed(row, "unit").map(EndedSession::WrongEntries)).transpose()
    }
}
