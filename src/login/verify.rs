//! Comparing a secret: every door's goes through here. So does the word that wrong ones have voided
//! a credential (`C2`).

use std::net::IpAddr;

use crate::db::audit::AuditOutcome;
use crate::db::count_voided;
use crate::hashing::{HashError, Hasher, Salt, Verification};
use domain::password::{PhcString, SubmittedPassword};
use domain::phone_number::PhoneNumber;

/// Compares what was typed for `login` with its stored hash, or with the dummy if it has none: one
/// hash operation either way, in the turn of `address`. What comes of it stands only once the store
/// has decided on it.
///
/// # Errors
/// [`HashError`]; nothing was compared then.
pub(super) async fn compare(
    hasher: &Hasher,
    login: Option<PhoneNumber>,
    typed: SubmittedPassword,
    stored: Option<PhcString>,
    renewal: Option<Salt>,
    address: IpAddr,
) -> Result<Verification, HashError> {
    let checked = hasher.verify_for_login(typed, stored, renewal, address).await?;
    if let Verification::Unverifiable(reason) = &checked {
        tracing::error!(?login, reason, "a stored hash cannot be verified");
    }
    Ok(checked)
}

/// Tells that a credential is void now, and why.
pub(super) fn note_voided(login: Option<PhoneNumber>, address: IpAddr, reason: AuditOutcome) {
    tracing::warn!(?login, %address, reason = reason.as_str(), "a credential is void");
    count_voided(reason, 1);
}
