//! Changing the password (`C5`, `C6`): the new one is judged by itself, the current one compared
//! without a lock, and the verdict is decided under the contract's.

use std::net::IpAddr;
use std::time::Duration;

use metrics::counter;

use super::decision::in_use;
use super::verify::compare;
use super::{Door, LoginError, SessionToken, Standing};
use crate::credential::Kind;
use crate::hashing::{Checked, Hasher, Salt};
use crate::number::Number;
use crate::password::{NewPassword, Rejection, TypedPassword};
use crate::store::audit::{Event, Outcome};
use crate::store::hold::Hold;
use crate::store::{Doing, ReplacePassword, Store, StoreError};

/// A session wants its login's password changed.
#[derive(Debug)]
pub struct ChangePassword {
    /// The session's token.
    pub token: SessionToken,
    /// At which door.
    pub door: Door,
    /// What the session is good for; that it must change its password is no hindrance (`C6`).
    pub standing: Standing,
    /// The current password exactly as typed.
    pub current: TypedPassword,
    /// The new one, as typed.
    pub new: TypedPassword,
    /// The new one once more.
    pub again: TypedPassword,
    /// Where from.
    pub address: IpAddr,
    /// For the new password's hash.
    pub salt: Salt,
    /// For the session that begins with the new password, in the place of every one of the old.
    pub fresh: SessionToken,
}

/// What came of it.
#[derive(Debug)]
pub enum PasswordVerdict {
    /// Changed. Every session of the old password is over; one began under the fresh token.
    Changed(SessionToken, Box<Standing>),
    /// The new password is not taken, for all these reasons; the current one was not looked at.
    Rejected(Vec<Rejection>),
    /// The current password is wrong, and counted (`C2`).
    Wrong {
        /// The login number.
        number: Number,
        /// Whether it was one too many: the password is void and its sessions over.
        session_over: bool,
    },
    /// The session is over by now: logged out, its password void, past its end or changed elsewhere.
    SessionOver,
}

/// Changes the password of a session's login; `idle` is as for the login (`W5`).
///
/// # Errors
/// [`LoginError`]; nothing is changed or counted then, unless the store's answer was lost.
pub async fn change_password(
    store: &Store,
    hasher: &Hasher,
    request: ChangePassword,
    idle: Duration,
) -> Result<PasswordVerdict, LoginError> {
    let ChangePassword { token, door, standing, current, new, again, address, salt, fresh } =
        request;
    let (login, contract) = (standing.login, standing.contract);
    let doing = Doing { event: Event::PasswordChanged, login, contract, unit: None, address };
    let new = match NewPassword::check(&current, &new, &again) {
        Ok(new) => new,
        Err(reasons) => {
            store.record(&doing.record(Outcome::Rejected)).await?;
            note(&doing, Outcome::Rejected);
            return Ok(PasswordVerdict::Rejected(reasons));
        }
    };
    let digest = token.digest(door);
    let view = store.view(contract, &digest).await?;
    let Some((_, compared)) = view.as_ref().and_then(in_use) else {
        return Ok(PasswordVerdict::SessionOver);
    };
    let outcome = match compare(hasher, Some(login), current, compared.phc.clone(), None).await? {
        Checked::Right { .. } => Ok(hasher.hash_for_change(new, salt).await?),
        Checked::Wrong => Err(Outcome::Wrong),
        Checked::Unverifiable(_) => Err(Outcome::Unverifiable),
    };
    let Some(hold) = store.hold(contract, &digest).await? else {
        return Ok(PasswordVerdict::SessionOver);
    };
    let old = in_use(hold.view()).filter(|(_, old)| old.id == compared.id);
    let Some((standing, old)) = old.map(|(standing, old)| (standing, old.clone())) else {
        hold.refuse(&doing, Outcome::Void).await?;
        note(&doing, Outcome::Void);
        return Ok(PasswordVerdict::SessionOver);
    };
    match outcome {
        Ok(phc) => {
            let standing = standing.with_new_password(old.kind, hold.view().now, idle);
            let new = ReplacePassword {
                old: &old,
                phc: &phc,
                token_digest: &digest,
                fresh_digest: &fresh.digest(door),
                version: standing.version,
            };
            hold.replace_password(&doing, &new).await?;
            note(&doing, Outcome::Done);
            Ok(PasswordVerdict::Changed(fresh, Box::new(standing)))
        }
        Err(outcome) => {
            let session_over = refuse(hold, &doing, old.kind, outcome).await?;
            note(&doing, outcome);
            Ok(PasswordVerdict::Wrong { number: login, session_over })
        }
    }
}

/// Counts a wrong password; one that could not be compared is only noted. Whether it is void now.
async fn refuse(
    hold: Hold,
    doing: &Doing,
    kind: Kind,
    outcome: Outcome,
) -> Result<bool, StoreError> {
    if outcome != Outcome::Wrong {
        return hold.refuse(doing, outcome).await.map(|()| false);
    }
    Ok(!hold.count_wrong(doing, kind, &[doing.login]).await?.is_empty())
}

fn note(doing: &Doing, outcome: Outcome) {
    let Doing { login, address, .. } = doing;
    tracing::info!(?login, %address, ?outcome, "password change");
    counter!("karipass_password_changes_total", "outcome" => outcome.as_str()).increment(1);
}
