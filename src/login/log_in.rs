//! The login: an attempt reads what is known of the number alone, compares exactly one hash (the
//! dummy if there is none to compare) and commits exactly one statement, in every branch. The whole
//! contract is read for a right secret only. Beyond what can be compared an attempt does none of
//! this.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use metrics::counter;

use super::decision::{self, Candidate};
use super::verify::{compare, note_voided};
use super::{Access, Audience, LoginError, SessionToken};
use crate::db::audit::AuditOutcome;
use crate::db::login::{Acceptance, LoginAudit};
use crate::db::{Db, IdempotencyKey};
use crate::hashing::{Hasher, Salt, Verification};
use crate::metrics::LOGINS;
use domain::credential::Credential;
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;

/// Someone wants to log in.
#[derive(Debug)]
pub struct LoginAttempt {
    /// The login number, if what was typed is a number at all (`W3`).
    pub login: Option<PhoneNumber>,
    /// The password exactly as typed (`W3`).
    pub typed: SubmittedPassword,
    /// Where from.
    pub address: IpAddr,
    /// At which door the session is to be good.
    pub door: Audience,
    /// For a hash that replaces an outdated one (`C7`).
    pub salt: Salt,
    /// For the session that begins.
    pub token: SessionToken,
    /// Under which it is decided once, however often the store has to be told.
    pub id: IdempotencyKey,
    /// Whether it may void a credential; what is at its last entry is not compared otherwise.
    pub may_void: bool,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum LoginOutcome {
    /// A session began under the attempt's token.
    Accepted(SessionToken, Box<Access>),
    /// Every refusal of `W2`; why is in the audit alone, and what it costs is the limit's affair.
    Refused(Refusal),
    /// Nothing was compared: it might void a credential, and may not.
    WouldVoid,
}

/// What a refused attempt came to, for the limit by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The password is wrong, or cannot be verified.
    Wrong {
        /// Whether the credential is void by it (`C2`).
        voided: bool,
    },
    /// The number has no live credential, or does not log in.
    NothingToCompare,
}

/// Verifies an attempt and begins its session; `idle` is when that ends by itself (`W5`).
///
/// # Errors
/// [`LoginError`]
pub async fn log_in(
    store: &Db,
    hasher: &Hasher,
    attempt: LoginAttempt,
    idle: Duration,
) -> Result<LoginOutcome, LoginError> {
    let LoginAttempt { login, typed, address, door, salt, token, id, may_void } = attempt;
    hasher.admit_login(address)?;
    let known = store.known_login(login).await?;
    let contract = known.as_ref().map(|known| known.contract.number);
    let attempted = LoginAudit { attempt: id, login, contract, address };
    let (credential, now) = match decision::candidate(login, known) {
        Candidate::Good { credential, now } => (credential, now),
        Candidate::None { outcome, expired } => {
            compare(hasher, login, typed, None, None, address).await?;
            refuse(store, &attempted, outcome, expired.as_ref()).await?;
            return Ok(LoginOutcome::Refused(Refusal::NothingToCompare));
        }
    };
    if credential.voids_on_next_failure() && !may_void {
        tracing::info!(?login, %address, "a login was not compared: its address has voided too many");
        return Ok(LoginOutcome::WouldVoid);
    }
    let stored = credential.password_hash.clone();
    let renewed = match compare(hasher, login, typed, stored, Some(salt), address).await? {
        Verification::Match { renewed } => renewed,
        Verification::Mismatch => {
            let voided = store.count_wrong(&attempted, &credential).await?;
            if voided {
                note_voided(login, address, AuditOutcome::WrongEntries);
            }
            refused(&attempted, AuditOutcome::Wrong);
            return Ok(LoginOutcome::Refused(Refusal::Wrong { voided }));
        }
        Verification::Unverifiable(_) => {
            refuse(store, &attempted, AuditOutcome::Unverifiable, None).await?;
            return Ok(LoginOutcome::Refused(Refusal::Wrong { voided: false }));
        }
    };
    let Some(standing) = standing(store, login, &credential, now).await? else {
        refuse(store, &attempted, AuditOutcome::ContractChanged, None).await?;
        return Ok(LoginOutcome::Refused(Refusal::NothingToCompare));
    };
    let digest = token.digest(door);
    let version = standing.contract_version;
    match store.accept(&attempted, &credential, renewed.as_ref(), &digest, version).await? {
        Acceptance::Begun(now) => {
            tracing::info!(?login, %address, "logged in");
            tally(AuditOutcome::Done);
            Ok(LoginOutcome::Accepted(token, Box::new(standing.starting(now, idle))))
        }
        Acceptance::Void => {
            refused(&attempted, AuditOutcome::Void);
            Ok(LoginOutcome::Refused(Refusal::NothingToCompare))
        }
        Acceptance::Suspended => {
            refused(&attempted, AuditOutcome::Suspended);
            Ok(LoginOutcome::Refused(Refusal::NothingToCompare))
        }
    }
}

/// What the login is good for, from the whole contract; `None` if the contract has changed since
/// its number was looked at, so that it does not log in any more.
async fn standing(
    store: &Db,
    login: Option<PhoneNumber>,
    credential: &Credential,
    now: Timestamp,
) -> Result<Option<Access>, LoginError> {
    let Some(login) = login else { return Ok(None) };
    let Credential { kind, set_at, .. } = *credential;
    let contract = store.contract_of(login).await?;
    Ok(contract.and_then(|contract| Access::new(&contract, login, kind, set_at, now)))
}

async fn refuse(
    store: &Db,
    attempted: &LoginAudit,
    outcome: AuditOutcome,
    expired: Option<&Credential>,
) -> Result<(), LoginError> {
    let expired = expired.and_then(|expired| Some((expired.id, expired.kind.lifetime()?)));
    if store.note_refusal(attempted, outcome, expired).await? {
        note_voided(attempted.login, attempted.address, AuditOutcome::Expired);
    }
    refused(attempted, outcome);
    Ok(())
}

fn refused(attempted: &LoginAudit, outcome: AuditOutcome) {
    tracing::info!(login = ?attempted.login, address = %attempted.address, ?outcome, "login refused");
    tally(outcome);
}

fn tally(outcome: AuditOutcome) {
    counter!(LOGINS, "outcome" => outcome.as_str()).increment(1);
}
