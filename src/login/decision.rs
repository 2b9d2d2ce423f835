//! Who may log in at all, decided before the secret is compared (`W1`, `W2`, `C1`), pure.

use super::Standing;
use crate::credential::Credential;
use crate::number::Number;
use crate::store::audit::Outcome;
use crate::store::login::Known;

/// What an attempt's secret is to be compared with.
pub(super) enum Candidate {
    /// This credential.
    Good {
        /// What the login will be good for.
        standing: Box<Standing>,
        /// The credential, with its hash.
        credential: Credential,
    },
    /// Nothing: the attempt is refused whatever the secret.
    None {
        /// Why, for the audit.
        outcome: Outcome,
        /// The credential whose hash is to be wiped for its age.
        expired: Option<Credential>,
    },
}

/// Decides from what is known of `login`.
pub(super) fn candidate(login: Option<Number>, known: Option<Known>) -> Candidate {
    let none = |outcome| Candidate::None { outcome, expired: None };
    let (Some(login), Some(Known { contract, credential, now })) = (login, known) else {
        return none(Outcome::UnknownNumber);
    };
    if contract.suspended {
        return none(Outcome::Suspended);
    }
    let Some(credential) = credential else { return none(Outcome::NoCredential) };
    if credential.phc.is_none() {
        return none(Outcome::Void);
    }
    if credential.is_expired(now) {
        return Candidate::None { outcome: Outcome::Expired, expired: Some(credential) };
    }
    match Standing::of(&contract, login, credential.kind, credential.set_at, now) {
        Some(standing) => Candidate::Good { standing: Box::new(standing), credential },
        None => none(Outcome::NotALogin),
    }
}
