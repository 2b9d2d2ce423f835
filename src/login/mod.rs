//! Logging in: one function verifies, every door goes through it.
//!
//! An attempt reads what is known of the number, compares exactly one hash (the dummy if there is
//! none to compare) and commits exactly one statement, in every branch; the guarded `UPDATE` in it
//! is the verdict. An attempt whose client has gone before its comparison is not made; one whose
//! statement was sent stands.

mod decision;
mod standing;
mod token;

use std::net::IpAddr;
use std::time::Duration;

use metrics::counter;

pub use standing::Standing;
pub use token::SessionToken;

use crate::credential::Credential;
use crate::hashing::{Checked, HashError, Hasher, Salt};
use crate::number::Number;
use crate::password::TypedPassword;
use crate::store::audit::Outcome;
use crate::store::login::Attempted;
use crate::store::{Store, StoreError};
use decision::Candidate;

/// Someone wants to log in.
#[derive(Debug)]
pub struct Attempt {
    /// The login number, if what was typed is a number at all (`W3`).
    pub login: Option<Number>,
    /// The password exactly as typed (`W3`).
    pub typed: TypedPassword,
    /// Where from.
    pub address: IpAddr,
    /// For a hash that replaces an outdated one (`C7`).
    pub salt: Salt,
    /// For the session that begins.
    pub token: SessionToken,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum Verdict {
    /// A session began under the attempt's token.
    Accepted(SessionToken, Box<Standing>),
    /// Every refusal of `W2`; why is in the audit alone.
    Refused,
}

/// No verdict came about; nothing was counted, unless the store's answer was lost.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Nothing was verified.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Verifies an attempt and begins its session; `idle` is when that ends by itself (`W5`).
///
/// # Errors
/// [`LoginError`]
pub async fn log_in(
    store: &Store,
    hasher: &Hasher,
    attempt: Attempt,
    idle: Duration,
) -> Result<Verdict, LoginError> {
    let Attempt { login, typed, address, salt, token } = attempt;
    let known = store.known_login(login).await?;
    let contract = known.as_ref().map(|known| known.contract.number);
    let attempted = Attempted { login, contract, address };
    match decision::candidate(login, known) {
        Candidate::Good { standing, credential } => {
            let checked = hasher.verify_for_login(typed, credential.phc.clone(), salt).await?;
            let renewed = match checked {
                Checked::Right { renewed } => renewed,
                Checked::Wrong => return wrong(store, &attempted, &credential).await,
                Checked::Unverifiable(reason) => {
                    tracing::error!(?login, reason, "a stored hash cannot be verified");
                    return refuse(store, &attempted, Outcome::Unverifiable, None).await;
                }
            };
            let digest = token.digest();
            let accepted = store.accept(&attempted, &credential, renewed.as_ref(), &digest).await?;
            let Some(accepted) = accepted else { return Ok(refused(&attempted, Outcome::Void)) };
            tracing::info!(?login, %address, "logged in");
            tally(Outcome::Done);
            Ok(Verdict::Accepted(token, Box::new(standing.begun(accepted.now, idle))))
        }
        Candidate::None { outcome, expired } => {
            hasher.verify_for_login(typed, None, salt).await?;
            refuse(store, &attempted, outcome, expired.as_ref()).await
        }
    }
}

async fn wrong(
    store: &Store,
    attempted: &Attempted,
    credential: &Credential,
) -> Result<Verdict, LoginError> {
    store.count_wrong(attempted, credential).await?;
    Ok(refused(attempted, Outcome::Wrong))
}

async fn refuse(
    store: &Store,
    attempted: &Attempted,
    outcome: Outcome,
    expired: Option<&Credential>,
) -> Result<Verdict, LoginError> {
    let expired = expired.and_then(|expired| Some((expired.id, expired.kind.life()?)));
    store.note_refusal(attempted, outcome, expired).await?;
    Ok(refused(attempted, outcome))
}

fn refused(attempted: &Attempted, outcome: Outcome) -> Verdict {
    tracing::info!(login = ?attempted.login, address = %attempted.address, ?outcome, "login refused");
    tally(outcome);
    Verdict::Refused
}

fn tally(outcome: Outcome) {
    counter!("karipass_logins_total", "outcome" => outcome.as_str()).increment(1);
}
