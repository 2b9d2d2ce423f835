//! A session between its login and its end: looked up at every request, told of the contract, logged out.

use std::net::IpAddr;
use std::time::Duration;

use super::{Access, Audience, SessionToken};
use crate::db::session::SessionLookup;
use crate::db::{Db, DbError};

/// What a token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// A session that is not over; good for nothing but its password's change if the standing says so (`C6`).
    Live(Box<Access>),
    /// One that ended by itself because it was left idle (`W5`).
    Idle,
    /// None, or one that ended otherwise.
    None,
}

/// What `token` opens at `door`; looking counts as use. `idle` is as for the login (`W5`).
///
/// # Errors
/// [`DbError`]
pub async fn look_up(
    store: &Db,
    token: &SessionToken,
    door: Audience,
    idle: Duration,
) -> Result<SessionState, DbError> {
    Ok(match store.session(&token.digest(door), idle).await? {
        SessionLookup::Live(session) => match Access::for_session(session, idle) {
            Some(standing) => SessionState::Live(Box::new(standing)),
            None => SessionState::None,
        },
        SessionLookup::Idle => SessionState::Idle,
        SessionLookup::None => SessionState::None,
    })
}

/// Notes that the client of a session has been told of `standing`: what it asks for next is compared
/// with that version of the contract (`W6`, [`BySession`](super::FormVersion::BySession)).
///
/// # Errors
/// [`DbError`]
pub async fn mark_seen(
    store: &Db,
    token: &SessionToken,
    door: Audience,
    standing: &Access,
) -> Result<(), DbError> {
    if standing.seen_version == standing.contract_version {
        return Ok(());
    }
    store.mark_seen(&token.digest(door), standing.contract_version).await
}

/// Ends a session at once, on the server (`W5`); one that is over already stays over.
///
/// # Errors
/// [`DbError`]
pub async fn log_out(
    store: &Db,
    token: &SessionToken,
    door: Audience,
    address: IpAddr,
) -> Result<(), DbError> {
    store.end_session(&token.digest(door), address).await
}
