//! Logging in, the life of a session, and what a session changes: one service for both doors.
//!
//! [`look_up`] says what a token opens. [`log_in()`], [`change_password()`] and [`change_unit()`] each take a
//! request as a value and give a verdict; API and pages only `match` on it. Whoever asks for a secret
//! has it compared by one function (`verify`), without a lock; the store then decides at its
//! commit, and only if the credential still is what was compared (`C2`, `C3`). An attempt whose client
//! has gone before its comparison is not made; one whose statement was sent stands.

mod access;
mod change_password;
mod change_unit;
mod decision;
mod log_in;
mod seal;
mod session;
mod token;
mod unit_change_plan;
mod unit_choices;
mod verify;

pub use access::Access;
pub use change_password::{ChangePassword, PasswordVerdict, change_password};
pub use change_unit::{ChangeUnit, FormVersion, UnitChanged, UnitVerdict, change_unit};
pub use log_in::{LoginAttempt, LoginOutcome, Refusal, log_in};
pub use seal::Seals;
pub use session::{SessionState, log_out, look_up, mark_seen};
pub use token::{Audience, SessionToken};
pub use unit_change_plan::{NewCredential, NewLogin, UnitChangePlan, may_change_unit};
pub use unit_choices::{UnitChoice, UnitChoices, unit_choices};

use crate::db::{DbError, DbFailure};
use crate::hashing::HashError;

/// No verdict came about; nothing was counted, unless the store's answer was lost and stayed so.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Nothing was verified.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store is out of reach.
    #[error(transparent)]
    Store(#[from] DbError),
    /// A change was sent, and whether it was made did not become known.
    #[error("a change may have been made: {0}")]
    MayBeChanged(DbFailure),
}

impl LoginError {
    /// Of the store's fault in the change itself.
    fn in_change(error: DbError) -> Self {
        match error {
            DbError::NotSent(_) => Self::Store(error),
            DbError::OutcomeUnknown(fault) => Self::MayBeChanged(fault),
        }
    }
}
