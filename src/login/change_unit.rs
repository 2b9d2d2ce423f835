//! Changing the authentication unit (認証単位変更, table `U`): every password is compared without a
//! lock, all of them, and the verdict is decided under the contract's.

use std::net::IpAddr;

use metrics::counter;

use super::decision::{Allowed, may_change};
use super::plan::{LogsInWith, NewLogin, Plan};
use super::verify::{compare, note_voided};
use super::{Door, LoginError, SessionToken, Standing};
use crate::db::audit::{Event, Outcome};
use crate::db::hold::{Hold, View};
use crate::db::{AttemptId, Db, DbError, Doing, ReplaceUnit, Tried};
use crate::hashing::{Checked, HashError, Hasher};
use crate::metrics::UNIT_CHANGES;
use domain::auth_unit::AuthUnit;
use domain::credential::{CredentialId, CredentialKind};
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;

/// A session wants its contract's unit changed.
#[derive(Debug)]
pub struct ChangeUnit {
    /// The session's token.
    pub token: SessionToken,
    /// At which door.
    pub door: Door,
    /// What the session is good for.
    pub standing: Standing,
    /// The unit wanted.
    pub unit: AuthUnit,
    /// The passwords that were typed, each number once; a field left empty is left out.
    pub passwords: Vec<(PhoneNumber, SubmittedPassword)>,
    /// From which version of the contract the request was made.
    pub told: Told,
    /// Where from.
    pub address: IpAddr,
    /// Under which it is decided once, however often the store has to be told.
    pub attempt: AttemptId,
    /// How many passwords it may void.
    pub may_void: u32,
}

/// From which version of the contract a request was made (`W6`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The one that the session's client was last told of.
    BySession,
    /// The one that a form carries, [`UnitChoices::version`](super::UnitChoices::version).
    ByForm(i64),
}

/// What came of it. Nothing is changed but by [`UnitVerdict::Changed`].
#[derive(Debug)]
pub enum UnitVerdict {
    /// Changed; every session of the contract is over.
    Changed(UnitChanged),
    /// Of these numbers, in the order of the contract, the passwords are wrong, and counted (`C2`).
    Wrong {
        /// The numbers.
        numbers: Vec<PhoneNumber>,
        /// How many of them are void by it.
        voided: usize,
        /// Whether one of them was one too many for the session's own password: it is over.
        session_over: bool,
    },
    /// Of these numbers, in the order of the contract, the passwords would be asked for and cannot
    /// be given: void by wrong entries, or the contract number's and never set (`U3`). Nothing was
    /// counted.
    CredentialVoid(Vec<PhoneNumber>),
    /// Other passwords are asked for; nothing was compared.
    OtherPasswords {
        /// Numbers whose password is asked for and was not given.
        missing: Vec<PhoneNumber>,
        /// Numbers whose password was given and is not asked for.
        unasked: Vec<PhoneNumber>,
    },
    /// The unit is in force already; nothing was compared.
    InForce,
    /// A user under `admin_user` cannot change the unit (`U2`); nothing was compared.
    NotAllowed,
    /// The session is good for nothing but changing its password (`C6`); nothing was compared.
    PasswordChangeRequired,
    /// Someone else has changed the contract since the request's form was made (`W6`); nothing was counted.
    ChangedElsewhere,
    /// Nothing was compared: it might void more passwords than it may.
    WouldVoid,
    /// The session is over by now.
    SessionOver,
}

/// A change of the unit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChanged {
    /// The unit now in force.
    pub unit: AuthUnit,
    /// The login number that made the change.
    pub changer: PhoneNumber,
    /// Every number that logs in now, and with what (`W1`).
    pub logins: Vec<NewLogin>,
}

/// Changes the unit of a session's contract, in one transaction or not at all.
///
/// # Errors
/// [`LoginError`]; nothing is changed or counted then, unless the store's answer was lost and stayed so.
pub async fn change_unit(
    store: &Db,
    hasher: &Hasher,
    request: ChangeUnit,
) -> Result<UnitVerdict, LoginError> {
    let ChangeUnit { token, door, standing, unit, passwords, told, address, attempt, may_void } =
        request;
    let (login, contract) = (standing.login, standing.contract);
    let doing = Doing { event: Event::UnitChanged, login, contract, unit: Some(unit), address };
    let given = passwords.iter().map(|(number, _)| *number).collect();
    let asking = Asking { doing, unit, given, told, digest: token.digest(door) };
    let Some(view) = store.view(contract, &asking.digest).await? else {
        return Ok(UnitVerdict::SessionOver);
    };
    let allowed = match asking.examine(&view) {
        Ok(allowed) => allowed,
        Err(verdict) => return Ok(asking.refused(store, attempt, verdict).await?),
    };
    let at_their_last =
        allowed.asked.iter().filter(|credential| credential.voids_on_next_failure());
    if u32::try_from(at_their_last.count()).is_ok_and(|count| count > may_void) {
        return Ok(UnitVerdict::WouldVoid);
    }
    let compared = compare_all(hasher, &allowed, &passwords, address).await?;
    let unverifiable = compared.iter().filter(|one| one.outcome == Outcome::Unverifiable);
    for (one, part) in unverifiable.zip(1..) {
        let doing = Doing { login: one.number, ..doing };
        store.record(attempt.part(part), &doing.record(one.outcome)).await?;
    }
    let (asking, compared) = (&asking, &compared);
    let settled = store.settle(attempt, |tried| async move {
        match store.hold(tried, contract, &asking.digest).await? {
            Some(hold) => asking.decide(hold, compared).await,
            None => Ok(Tried::without_commit((UnitVerdict::SessionOver, None))),
        }
    });
    let (verdict, outcome) = settled.await.map_err(LoginError::in_change)?;
    if let Some(outcome) = outcome {
        asking.note(outcome);
    }
    Ok(verdict)
}

/// What is asked for, less the secrets.
struct Asking {
    doing: Doing,
    unit: AuthUnit,
    given: Vec<PhoneNumber>,
    told: Told,
    /// Of the session's token.
    digest: [u8; 32],
}

/// What is decided under the lock, and the outcome of the audit's row, if there is one.
type Decided = (UnitVerdict, Option<Outcome>);

/// A password that was compared, without a lock.
struct Compared {
    number: PhoneNumber,
    id: CredentialId,
    /// `Done`, `Wrong` or `Unverifiable`.
    outcome: Outcome,
}

impl Asking {
    fn examine(&self, view: &View) -> Result<Allowed, UnitVerdict> {
        may_change(view, self.unit, &self.given, self.told)
    }

    /// The verdict, from what there is under the lock.
    async fn decide(&self, hold: Hold, compared: &[Compared]) -> Result<Tried<Decided>, DbError> {
        let is_same = |allowed: &Allowed| {
            let ids = allowed.asked.iter().map(|credential| credential.id);
            ids.eq(compared.iter().map(|one| one.id))
        };
        let allowed = match self.examine(hold.view()) {
            Ok(allowed) if is_same(&allowed) => allowed,
            Ok(_) => return Ok(self.give_up(hold, UnitVerdict::ChangedElsewhere).await),
            Err(verdict) => return Ok(self.give_up(hold, verdict).await),
        };
        let numbers: Vec<PhoneNumber> = compared
            .iter()
            .filter(|one| one.outcome != Outcome::Done)
            .map(|one| one.number)
            .collect();
        if numbers.is_empty() {
            return Ok(self.apply(hold, allowed).await);
        }
        let wrong = compared.iter().filter(|one| one.outcome == Outcome::Wrong);
        let wrong: Vec<PhoneNumber> = wrong.map(|one| one.number).collect();
        let digest = &self.digest;
        let counted =
            hold.count_wrong(&self.doing, CredentialKind::Password, &wrong, digest).await?;
        Ok(counted.map(|voided| {
            let Doing { login, address, .. } = self.doing;
            for number in &voided {
                note_voided(Some(*number), address, Outcome::WrongEntries);
            }
            let (session_over, voided) = (voided.contains(&login), voided.len());
            (UnitVerdict::Wrong { numbers, voided, session_over }, Some(Outcome::Wrong))
        }))
    }

    async fn apply(&self, hold: Hold, allowed: Allowed) -> Tried<Decided> {
        let Allowed { changers, plan, .. } = allowed;
        let copied: Vec<PhoneNumber> = plan
            .logins
            .iter()
            .filter(|login| login.with == LogsInWith::TheChangers)
            .map(|login| login.number)
            .collect();
        let change = ReplaceUnit {
            unit: self.unit,
            changers: &changers,
            copied: &copied,
            voided: &plan.voided,
            dropped: &plan.dropped,
        };
        let committed = hold.replace_unit(&self.doing, &change).await;
        let Plan { logins, .. } = plan;
        let changed = UnitChanged { unit: self.unit, changer: self.doing.login, logins };
        Tried { told: (UnitVerdict::Changed(changed), Some(Outcome::Done)), committed }
    }

    /// Refuses before anything was compared.
    async fn refused(
        &self,
        store: &Db,
        attempt: AttemptId,
        verdict: UnitVerdict,
    ) -> Result<UnitVerdict, DbError> {
        if let Some(outcome) = refusal(&verdict) {
            store.record(attempt, &self.doing.record(outcome)).await?;
            self.note(outcome);
        }
        Ok(verdict)
    }

    /// Refuses for what was seen under the lock only.
    async fn give_up(&self, hold: Hold, verdict: UnitVerdict) -> Tried<Decided> {
        let outcome = refusal(&verdict);
        let committed = match outcome {
            Some(outcome) => hold.refuse(&self.doing, outcome).await,
            None => hold.release().await,
        };
        Tried { told: (verdict, outcome), committed }
    }

    fn note(&self, outcome: Outcome) {
        let Doing { login, address, .. } = self.doing;
        let unit = self.unit.as_str();
        tracing::info!(?login, %address, unit, ?outcome, "unit change");
        counter!(UNIT_CHANGES, "outcome" => outcome.as_str()).increment(1);
    }
}

/// The outcome of a refusal by a rule; the others are mistakes of the form, or no session.
fn refusal(verdict: &UnitVerdict) -> Option<Outcome> {
    match verdict {
        UnitVerdict::NotAllowed => Some(Outcome::NotAllowed),
        UnitVerdict::ChangedElsewhere => Some(Outcome::ContractChanged),
        UnitVerdict::CredentialVoid(_) => Some(Outcome::Void),
        UnitVerdict::Changed(_)
        | UnitVerdict::Wrong { .. }
        | UnitVerdict::OtherPasswords { .. }
        | UnitVerdict::InForce
        | UnitVerdict::PasswordChangeRequired
        | UnitVerdict::WouldVoid
        | UnitVerdict::SessionOver => None,
    }
}

/// Compares every password that is asked for, also after a wrong one.
async fn compare_all(
    hasher: &Hasher,
    allowed: &Allowed,
    passwords: &[(PhoneNumber, SubmittedPassword)],
    address: IpAddr,
) -> Result<Vec<Compared>, HashError> {
    let mut all = Vec::with_capacity(passwords.len());
    for (number, credential) in allowed.plan.asked.iter().zip(&allowed.asked) {
        let typed = passwords.iter().find(|(given, _)| given == number);
        let typed = typed.map_or_else(|| String::new().into(), |(_, typed)| typed.clone());
        let stored = credential.password_hash.clone();
        let outcome = match compare(hasher, Some(*number), typed, stored, None, address).await? {
            Checked::Right { .. } => Outcome::Done,
            Checked::Wrong => Outcome::Wrong,
            Checked::Unverifiable(_) => Outcome::Unverifiable,
        };
        all.push(Compared { number: *number, id: credential.id, outcome });
    }
    Ok(all)
}
