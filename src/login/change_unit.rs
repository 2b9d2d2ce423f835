//! Changing the authentication unit (認証単位変更, table `U`): every password is compared without a
//! lock, all of them, and the verdict is decided under the contract's.

use std::net::IpAddr;

use metrics::counter;

use super::decision::{Allowed, may_change};
use super::unit_change_plan::{NewCredential, NewLogin, UnitChangePlan};
use super::verify::{compare, note_voided};
use super::{Access, Audience, LoginError, SessionToken};
use crate::db::audit::{AuditEvent, AuditOutcome};
use crate::db::snapshot::{LockedContract, Snapshot};
use crate::db::{Db, DbError, IdempotencyKey, ReplaceUnit, SiteAudit, Uncertain};
use crate::hashing::{HashError, Hasher, Verification};
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
    pub door: Audience,
    /// What the session is good for.
    pub standing: Access,
    /// The unit wanted.
    pub unit: AuthUnit,
    /// The passwords that were typed, each number once; a field left empty is left out.
    pub passwords: Vec<(PhoneNumber, SubmittedPassword)>,
    /// From which version of the contract the request was made.
    pub told: FormVersion,
    /// Where from.
    pub address: IpAddr,
    /// Under which it is decided once, however often the store has to be told.
    pub attempt: IdempotencyKey,
    /// How many passwords it may void.
    pub may_void: u32,
}

/// From which version of the contract a request was made (`W6`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormVersion {
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
    let doing =
        SiteAudit { event: AuditEvent::UnitChanged, login, contract, unit: Some(unit), address };
    let given = passwords.iter().map(|(number, _)| *number).collect();
    let asking = Asking { doing, unit, given, told, digest: token.digest(door) };
    let Some(view) = store.snapshot(contract, &asking.digest).await? else {
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
    let unverifiable = compared.iter().filter(|one| one.outcome == AuditOutcome::Unverifiable);
    for (one, part) in unverifiable.zip(1..) {
        let doing = SiteAudit { login: one.number, ..doing };
        store.record(attempt.part(part), &doing.record(one.outcome)).await?;
    }
    let (asking, compared) = (&asking, &compared);
    let settled = store.execute_once(attempt, |tried| async move {
        match store.lock_contract(tried, contract, &asking.digest).await? {
            Some(hold) => asking.decide(hold, compared).await,
            None => Ok(Uncertain::without_commit((UnitVerdict::SessionOver, None))),
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
    doing: SiteAudit,
    unit: AuthUnit,
    given: Vec<PhoneNumber>,
    told: FormVersion,
    /// Of the session's token.
    digest: [u8; 32],
}

/// What is decided under the lock, and the outcome of the audit's row, if there is one.
type Decided = (UnitVerdict, Option<AuditOutcome>);

/// A password that was compared, without a lock.
struct Compared {
    number: PhoneNumber,
    id: CredentialId,
    /// `Done`, `Wrong` or `Unverifiable`.
    outcome: AuditOutcome,
}

impl Asking {
    fn examine(&self, view: &Snapshot) -> Result<Allowed, UnitVerdict> {
        may_change(view, self.unit, &self.given, self.told)
    }

    /// The verdict, from what there is under the lock.
    async fn decide(
        &self,
        hold: LockedContract,
        compared: &[Compared],
    ) -> Result<Uncertain<Decided>, DbError> {
        let is_same = |allowed: &Allowed| {
            let ids = allowed.asked.iter().map(|credential| credential.id);
            ids.eq(compared.iter().map(|one| one.id))
        };
        let allowed = match self.examine(hold.snapshot()) {
            Ok(allowed) if is_same(&allowed) => allowed,
            Ok(_) => return Ok(self.give_up(hold, UnitVerdict::ChangedElsewhere).await),
            Err(verdict) => return Ok(self.give_up(hold, verdict).await),
        };
        let numbers: Vec<PhoneNumber> = compared
            .iter()
            .filter(|one| one.outcome != AuditOutcome::Done)
            .map(|one| one.number)
            .collect();
        if numbers.is_empty() {
            return Ok(self.apply(hold, allowed).await);
        }
        let wrong = compared.iter().filter(|one| one.outcome == AuditOutcome::Wrong);
        let wrong: Vec<PhoneNumber> = wrong.map(|one| one.number).collect();
        let digest = &self.digest;
        let counted =
            hold.count_failures(&self.doing, CredentialKind::Password, &wrong, digest).await?;
        Ok(counted.map(|voided| {
            let SiteAudit { login, address, .. } = self.doing;
            for number in &voided {
                note_voided(Some(*number), address, AuditOutcome::WrongEntries);
            }
            let (session_over, voided) = (voided.contains(&login), voided.len());
            (UnitVerdict::Wrong { numbers, voided, session_over }, Some(AuditOutcome::Wrong))
        }))
    }

    async fn apply(&self, hold: LockedContract, allowed: Allowed) -> Uncertain<Decided> {
        let Allowed { changers, plan, .. } = allowed;
        let copied: Vec<PhoneNumber> = plan
            .logins
            .iter()
            .filter(|login| login.with == NewCredential::CopiedFromInitiator)
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
        let UnitChangePlan { logins, .. } = plan;
        let changed = UnitChanged { unit: self.unit, changer: self.doing.login, logins };
        Uncertain { value: (UnitVerdict::Changed(changed), Some(AuditOutcome::Done)), committed }
    }

    /// Refuses before anything was compared.
    async fn refused(
        &self,
        store: &Db,
        attempt: IdempotencyKey,
        verdict: UnitVerdict,
    ) -> Result<UnitVerdict, DbError> {
        if let Some(outcome) = refusal(&verdict) {
            store.record(attempt, &self.doing.record(outcome)).await?;
            self.note(outcome);
        }
        Ok(verdict)
    }

    /// Refuses for what was seen under the lock only.
    async fn give_up(&self, hold: LockedContract, verdict: UnitVerdict) -> Uncertain<Decided> {
        let outcome = refusal(&verdict);
        let committed = match outcome {
            Some(outcome) => hold.commit_refusal(&self.doing, outcome).await,
            None => hold.commit_unchanged().await,
        };
        Uncertain { value: (verdict, outcome), committed }
    }

    fn note(&self, outcome: AuditOutcome) {
        let SiteAudit { login, address, .. } = self.doing;
        let unit = self.unit.as_str();
        tracing::info!(?login, %address, unit, ?outcome, "unit change");
        counter!(UNIT_CHANGES, "outcome" => outcome.as_str()).increment(1);
    }
}

/// The outcome of a refusal by a rule; the others are mistakes of the form, or no session.
fn refusal(verdict: &UnitVerdict) -> Option<AuditOutcome> {
    match verdict {
        UnitVerdict::NotAllowed => Some(AuditOutcome::NotAllowed),
        UnitVerdict::ChangedElsewhere => Some(AuditOutcome::ContractChanged),
        UnitVerdict::CredentialVoid(_) => Some(AuditOutcome::Void),
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
    for (number, credential) in allowed.plan.required_passwords.iter().zip(&allowed.asked) {
        let typed = passwords.iter().find(|(given, _)| given == number);
        let typed = typed.map_or_else(|| String::new().into(), |(_, typed)| typed.clone());
        let stored = credential.password_hash.clone();
        let outcome = match compare(hasher, Some(*number), typed, stored, None, address).await? {
            Verification::Match { .. } => AuditOutcome::Done,
            Verification::Mismatch => AuditOutcome::Wrong,
            Verification::Unverifiable(_) => AuditOutcome::Unverifiable,
        };
        all.push(Compared { number: *number, id: credential.id, outcome });
    }
    Ok(all)
}
