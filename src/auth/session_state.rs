//! What a session's token stands for.

use domain::access::Access;
use domain::auth_unit::AuthUnit;
use domain::session::LoginHistory;
use domain::unit_outcome::UnitChanged;

/// The result of looking up a session's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// A session that has not ended, and its login number's history. It may only change its
    /// password if its access says so (`C6`).
    Live(Box<Access>, Box<LoginHistory>),
    /// A session that ended because it was idle (`W5`).
    Idle,
    /// A session that ended after its 12 hours (`W5`).
    PastLifetime,
    /// A session whose temporary password has expired, under this unit (`C1`).
    TemporaryExpired(AuthUnit),
    /// A session that has changed the unit (`U`).
    UnitChanged(Box<UnitChanged>),
    /// A session that ended by wrong entries sent from it, under this unit (`C2`).
    WrongEntries(AuthUnit),
    /// A session that ended by logging out (`W5`).
    LoggedOut,
    /// A session whose password was changed, by itself or another session (`C5`).
    PasswordChanged,
    /// No session, or one that has ended otherwise.
    None,
}
