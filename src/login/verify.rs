//! Comparing a secret: every door's goes through here.

use crate::hashing::{Checked, HashError, Hasher, Salt};
use crate::number::Number;
use crate::password::{PhcString, TypedPassword};

/// Compares what was typed for `login` with its stored hash, or with the dummy if it has none: one
/// hash operation either way. What comes of it stands only once the store has decided on it.
///
/// # Errors
/// [`HashError`]; nothing was compared then.
pub(super) async fn compare(
    hasher: &Hasher,
    login: Option<Number>,
    typed: TypedPassword,
    stored: Option<PhcString>,
    renewal: Option<Salt>,
) -> Result<Checked, HashError> {
    let checked = hasher.verify_for_login(typed, stored, renewal).await?;
    if let Checked::Unverifiable(reason) = &checked {
        tracing::error!(?login, reason, "a stored hash cannot be verified");
    }
    Ok(checked)
}
