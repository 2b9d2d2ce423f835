//! A session between its login and its end: looked up at every request, told of the contract, logged out.

use std::net::IpAddr;
use std::time::Duration;

use super::{Door, SessionToken, Standing};
use crate::db::session::Found;
use crate::db::{Db, DbError};

/// What a token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// A session that is not over; good for nothing but its password's change if the standing says so (`C6`).
    Live(Box<Standing>),
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
    door: Door,
    idle: Duration,
) -> Result<SessionState, DbError> {
    Ok(match store.session(&token.digest(door), idle).await? {
        Found::Live(session) => match Standing::of_session(session, idle) {
            Some(standing) => SessionState::Live(Box::new(standing)),
            None => SessionState::None,
        },
        Found::Idle => SessionState::Idle,
        Found::None => SessionState::None,
    })
}

/// Notes that the client of a session has been told of `standing`: what it asks for next is compared
/// with that version of the contract (`W6`, [`Told::BySession`](super::Told::BySession)).
///
/// # Errors
/// [`DbError`]
pub async fn tell(
    store: &Db,
    token: &SessionToken,
    door: Door,
    standing: &Standing,
) -> Result<(), DbError> {
    if standing.told == standing.version {
        return Ok(());
    }
    store.tell(&token.digest(door), standing.version).await
}

/// Ends a session at once, on the server (`W5`); one that is over already stays over.
///
/// # Errors
/// [`DbError`]
pub async fn log_out(
    store: &Db,
    token: &SessionToken,
    door: Door,
    address: IpAddr,
) -> Result<(), DbError> {
    store.end_session(&token.digest(door), address).await
}
