//! Changing the password (`C5`, `C6`): the new one is judged by itself, the current one compared
//! without a lock, and the verdict is decided under the contract's.

use std::net::IpAddr;
use std::time::Duration;

use metrics::counter;

use super::decision::in_use;
use super::verify::{compare, note_voided};
use super::{Access, Audience, LoginError, SessionToken};
use crate::db::audit::{AuditEvent, AuditOutcome};
use crate::db::snapshot::LockedContract;
use crate::db::{Attempt, Db, DbError, IdempotencyKey, ReplacePassword, SiteAudit, Uncertain};
use crate::hashing::{Hasher, Salt, Verification};
use crate::metrics::PASSWORD_CHANGES;
use domain::credential::{CredentialId, CredentialKind};
use domain::password::{NewPassword, PhcString, Rejection, SubmittedPassword};
use domain::phone_number::PhoneNumber;

/// A session wants its login's password changed.
#[derive(Debug)]
pub struct ChangePassword {
    /// The session's token.
    pub token: SessionToken,
    /// At which door.
    pub door: Audience,
    /// What the session is good for; that it must change its password is no hindrance (`C6`).
    pub standing: Access,
    /// The current password exactly as typed.
    pub current: SubmittedPassword,
    /// The new one, as typed.
    pub new: SubmittedPassword,
    /// The new one once more.
    pub again: SubmittedPassword,
    /// Where from.
    pub address: IpAddr,
    /// For the new password's hash.
    pub salt: Salt,
    /// For the session that begins with the new password, in the place of every one of the old.
    pub fresh: SessionToken,
    /// Under which it is decided once, however often the store has to be told.
    pub attempt: IdempotencyKey,
    /// Whether it may void the current password.
    pub may_void: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum PasswordVerdict {
    /// Changed. Every session of the old password is over; one began under the fresh token.
    Changed(SessionToken, Box<Access>),
    /// The new password is not taken, for all these reasons; the current one was not looked at.
    Rejected(Vec<Rejection>),
    /// The current password is wrong, and counted (`C2`).
    Wrong {
        /// The login number.
        number: PhoneNumber,
        /// Whether it was one too many: the password is void and its sessions over.
        session_over: bool,
    },
    /// The current password is void by wrong entries elsewhere, and cannot be given (`C2`, `U3`);
    /// the session goes on.
    CredentialVoid(PhoneNumber),
    /// Nothing was compared: it might void the current password, and may not.
    WouldVoid,
    /// The session is over by now: logged out, or its password past its end or changed elsewhere.
    SessionOver,
}

/// Changes the password of a session's login; `idle` is as for the login (`W5`).
///
/// # Errors
/// [`LoginError`]; nothing is changed or counted then, unless the store's answer was lost and stayed so.
pub async fn change_password(
    store: &Db,
    hasher: &Hasher,
    request: ChangePassword,
    idle: Duration,
) -> Result<PasswordVerdict, LoginError> {
    let ChangePassword {
        token,
        door,
        standing,
        current,
        new,
        again,
        address,
        salt,
        fresh,
        attempt,
        may_void,
    } = request;
    let (login, contract) = (standing.login, standing.contract);
    let doing =
        SiteAudit { event: AuditEvent::PasswordChanged, login, contract, unit: None, address };
    let new = match NewPassword::check(&current, &new, &again) {
        Ok(new) => new,
        Err(reasons) => {
            store.record(attempt, &doing.record(AuditOutcome::Rejected)).await?;
            note(&doing, AuditOutcome::Rejected);
            return Ok(PasswordVerdict::Rejected(reasons));
        }
    };
    let digest = token.digest(door);
    let view = store.snapshot(contract, &digest).await?;
    let Some((_, compared)) = view.as_ref().and_then(in_use) else {
        return Ok(PasswordVerdict::SessionOver);
    };
    if compared.password_hash.is_none() {
        store.record(attempt, &doing.record(AuditOutcome::Void)).await?;
        note(&doing, AuditOutcome::Void);
        return Ok(PasswordVerdict::CredentialVoid(login));
    }
    if compared.voids_on_next_failure() && !may_void {
        return Ok(PasswordVerdict::WouldVoid);
    }
    let outcome =
        match compare(hasher, Some(login), current, compared.password_hash.clone(), None, address)
            .await?
        {
            Verification::Match { .. } => Ok(hasher.hash_for_change(new, salt, address).await?),
            Verification::Mismatch => Err(AuditOutcome::Wrong),
            Verification::Unverifiable(_) => Err(AuditOutcome::Unverifiable),
        };
    let digests = (digest, fresh.digest(door));
    let change = Change { doing, compared: compared.id, outcome, digests, idle };
    let settled = store.execute_once(attempt, |tried| change.decide(store, tried));
    let (verdict, outcome) = settled.await.map_err(LoginError::in_change)?;
    if let Some(outcome) = outcome {
        note(&doing, outcome);
    }
    Ok(match verdict {
        Decided::Changed(standing) => PasswordVerdict::Changed(fresh, standing),
        Decided::Wrong { session_over } => {
            if session_over {
                note_voided(Some(login), address, AuditOutcome::WrongEntries);
            }
            PasswordVerdict::Wrong { number: login, session_over }
        }
        Decided::CredentialVoid => PasswordVerdict::CredentialVoid(login),
        Decided::SessionOver => PasswordVerdict::SessionOver,
    })
}

/// What is asked for, the current password compared.
struct Change {
    doing: SiteAudit,
    compared: CredentialId,
    /// The new password's hash, or why not.
    outcome: Result<PhcString, AuditOutcome>,
    /// Of the session that makes the change, and of the one that goes on.
    digests: ([u8; 32], [u8; 32]),
    idle: Duration,
}

/// What is decided under the lock.
enum Decided {
    Changed(Box<Access>),
    Wrong { session_over: bool },
    CredentialVoid,
    SessionOver,
}

/// With the outcome of the audit's row, if there is one.
type Told = (Decided, Option<AuditOutcome>);

impl Change {
    async fn decide(&self, store: &Db, tried: Attempt) -> Result<Uncertain<Told>, DbError> {
        let (digest, fresh) = &self.digests;
        let Some(hold) = store.lock_contract(tried, self.doing.contract, digest).await? else {
            return Ok(Uncertain::without_commit((Decided::SessionOver, None)));
        };
        let old = in_use(hold.snapshot()).filter(|(_, old)| old.id == self.compared);
        let Some((standing, old)) = old.map(|(standing, old)| (standing, old.clone())) else {
            let committed = hold.commit_refusal(&self.doing, AuditOutcome::Void).await;
            return Ok(Uncertain {
                value: (Decided::SessionOver, Some(AuditOutcome::Void)),
                committed,
            });
        };
        if old.password_hash.is_none() {
            let committed = hold.commit_refusal(&self.doing, AuditOutcome::Void).await;
            return Ok(Uncertain {
                value: (Decided::CredentialVoid, Some(AuditOutcome::Void)),
                committed,
            });
        }
        let phc = match &self.outcome {
            Ok(phc) => phc,
            Err(outcome) => return self.refuse(hold, old.kind, *outcome).await,
        };
        let standing = standing.with_new_password(old.kind, hold.snapshot().now, self.idle);
        let new = ReplacePassword {
            old: &old,
            phc,
            token_digest: digest,
            fresh_digest: fresh,
            version: standing.contract_version,
        };
        let committed = hold.replace_password(&self.doing, &new).await;
        Ok(Uncertain {
            value: (Decided::Changed(Box::new(standing)), Some(AuditOutcome::Done)),
            committed,
        })
    }

    /// Counts a wrong password; one that could not be compared is only noted.
    async fn refuse(
        &self,
        hold: LockedContract,
        kind: CredentialKind,
        outcome: AuditOutcome,
    ) -> Result<Uncertain<Told>, DbError> {
        let told = |session_over| (Decided::Wrong { session_over }, Some(outcome));
        if outcome != AuditOutcome::Wrong {
            let committed = hold.commit_refusal(&self.doing, outcome).await;
            return Ok(Uncertain { value: told(false), committed });
        }
        let (login, digest) = (&[self.doing.login], &self.digests.0);
        let counted = hold.count_failures(&self.doing, kind, login, digest).await?;
        Ok(counted.map(|voided| told(!voided.is_empty())))
    }
}

fn note(doing: &SiteAudit, outcome: AuditOutcome) {
    let SiteAudit { login, address, .. } = doing;
    tracing::info!(?login, %address, ?outcome, "password change");
    counter!(PASSWORD_CHANGES, "outcome" => outcome.as_str()).increment(1);
}
