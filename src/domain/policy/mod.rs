//! Decisions about one contract. Those of a change are pure functions of a [`Snapshot`], so that
//! they may run again when a commit has to be repeated.
//!
//! - [`temporary_password`]: whether a call may set a temporary password (`P9`, `P14`).
//! - [`login`]: which hash a login is compared with (`W2`).
//! - [`password`]: a password change (`C5`, `C6`).
//! - [`mod@unit`]: a unit change (`U`), after the plan of [`unit_plan`].

pub mod login;
pub mod password;
pub mod temporary_password;
pub mod unit;
pub mod unit_plan;

use crate::access::Access;
use crate::credential::Credential;
use crate::snapshot::Snapshot;

/// The access of a snapshot's session, with the credential that it began with. `None` if the
/// session has ended.
#[must_use]
pub fn access_of(snapshot: &Snapshot) -> Option<(Access, &Credential)> {
    let (login_number, credential) = snapshot.session_credential()?;
    let Credential { kind, set_at, .. } = *credential;
    let access = Access::new(&snapshot.contract, login_number, kind, set_at, snapshot.now)?;
    Some((access, credential))
}
