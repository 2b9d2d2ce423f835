//! Changing the authentication unit on the site (認証単位変更, table `U`). A contract may have a
//! thousand numbers (`U4`), so nothing here searches them for each of them.

use std::collections::HashSet;

use super::access_of;
use super::unit_plan::{UnitChangePlan, may_change_unit};
use crate::audit::{AuditEntry, AuditEvent, ChangeOutcome, SessionEndReason, VoidReason};
use crate::auth_unit::AuthUnit;
use crate::change::{Change, Decision, EntryKey};
use crate::credential::{Credential, CredentialId};
use crate::password::Verification;
use crate::phone_number::PhoneNumber;
use crate::snapshot::Snapshot;
use crate::unit_outcome::{LostCredential, NewCredential, NewLogin, UnitChanged};

/// A session asks for another unit.
#[derive(Debug)]
pub struct UnitRequest {
    /// The session's number.
    pub login_number: PhoneNumber,
    /// In force after the change.
    pub unit: AuthUnit,
    /// The numbers whose password was submitted, each once.
    pub submitted: Vec<PhoneNumber>,
    /// The version of the contract that the request was made from.
    pub version: FormVersion,
    /// How many credentials wrong passwords may void.
    pub may_void: u32,
}

/// A number whose password the session has given, at this credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProvenPassword {
    /// Not always the session's own.
    pub number: PhoneNumber,
    /// The proof is void once this credential is replaced.
    pub credential: CredentialId,
}

/// The version of the contract that a request was made from (`W6`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormVersion {
    /// The version that the session's client has seen last.
    Session,
    /// The version in the form, [`UnitChoices::version`].
    Form(i64),
}

/// A password that was compared without a lock.
#[derive(Debug, Clone)]
pub struct ComparedPassword {
    /// The number that the password was submitted for.
    pub number: PhoneNumber,
    /// The credential whose hash was compared; it must still be in force.
    pub credential: CredentialId,
    /// Whether the password matched.
    pub result: Verification,
    /// The key of the entry, if it came from a form.
    pub entry: Option<EntryKey>,
}

/// The verdict. Only [`UnitVerdict::Changed`] changes the unit.
#[derive(Debug)]
pub enum UnitVerdict {
    /// Changed; every session of the contract is over.
    Changed(UnitChanged),
    /// Some passwords are wrong, and counted (`C2`), or could not be verified.
    Wrong {
        /// Their numbers, in the order of the contract.
        numbers: Vec<PhoneNumber>,
        /// Numbers whose password is required and was not submitted.
        missing: Vec<PhoneNumber>,
        /// The right ones, which need not be given again (`U4`).
        proven: Vec<ProvenPassword>,
        /// Those whose credentials became void.
        voided: Vec<PhoneNumber>,
        /// The session's own credential became void: the session is over.
        session_over: bool,
    },
    /// The passwords of these numbers are required and cannot be given: void by wrong entries, or
    /// the contract number's and never set (`U3`). Nothing was counted.
    CredentialVoid(Vec<PhoneNumber>),
    /// The same, and the same form has voided those of these numbers when it was sent before.
    AlreadyVoided(Vec<PhoneNumber>),
    /// Other passwords are required. Nothing was compared, unless a form lacks only some of them.
    OtherPasswords {
        /// Numbers whose password is required and was not submitted.
        missing: Vec<PhoneNumber>,
        /// Numbers whose password was submitted and is not required.
        unasked: Vec<PhoneNumber>,
        /// The right ones that were compared, which need not be given again (`U4`).
        proven: Vec<ProvenPassword>,
    },
    /// The unit is in force already; nothing was compared.
    InForce,
    /// A user under `admin_user` cannot change the unit (`U2`); nothing was compared.
    NotAllowed,
    /// The session may only change its password (`C6`); nothing was compared.
    PasswordChangeRequired,
    /// The contract has changed since the request's form was made (`W6`); nothing was counted.
    ChangedElsewhere,
    /// Nothing was counted: it would void more credentials than the rate limit allows.
    WouldVoid,
    /// The session has ended.
    SessionOver,
}

/// A unit change that may go on.
#[derive(Debug)]
pub struct Allowed {
    /// The credential that the session began with.
    initiator: Credential,
    plan: UnitChangePlan,
    /// The credentials whose passwords are required and submitted, with their numbers, in the order
    /// of the contract.
    pub required: Vec<(PhoneNumber, Credential)>,
    /// Numbers whose password is required and was not submitted with the form. What was submitted
    /// is compared, but the unit cannot change.
    missing: Vec<PhoneNumber>,
}

impl Allowed {
    /// How many credentials become void if every password is wrong.
    #[must_use]
    pub fn max_voidings(&self) -> u32 {
        let at_last = self.required.iter().filter(|(_, it)| it.voids_on_next_failure());
        u32::try_from(at_last.count()).unwrap_or(u32::MAX)
    }
}

/// Decides whether the session of a snapshot may change the unit with the submitted passwords.
///
/// # Errors
/// The verdict that refuses it.
pub fn examine(snapshot: &Snapshot, request: &UnitRequest) -> Result<Allowed, UnitVerdict> {
    let (Some((access, initiator)), Some(session)) = (access_of(snapshot), snapshot.session) else {
        return Err(UnitVerdict::SessionOver);
    };
    let version = match request.version {
        FormVersion::Session => session.seen_version,
        FormVersion::Form(version) => version,
    };
    if access.password_change.is_some() {
        return Err(UnitVerdict::PasswordChangeRequired);
    }
    if !may_change_unit(access.role) {
        return Err(UnitVerdict::NotAllowed);
    }
    if version != snapshot.contract.version {
        return Err(UnitVerdict::ChangedElsewhere);
    }
    if request.unit == access.unit {
        return Err(UnitVerdict::InForce);
    }
    let plan = UnitChangePlan::new(snapshot, access.login_number, request.unit);
    if !plan.blocked.is_empty() {
        return Err(UnitVerdict::CredentialVoid(plan.blocked));
    }
    let (submitted, required) = (&request.submitted, &plan.required_passwords);
    let without = |numbers: &[PhoneNumber], others: &[PhoneNumber]| -> Vec<PhoneNumber> {
        let others: HashSet<&PhoneNumber> = others.iter().collect();
        numbers.iter().filter(|number| !others.contains(number)).copied().collect()
    };
    let (missing, unasked) = (without(required, submitted), without(submitted, required));
    let is_comparable = match request.version {
        FormVersion::Session => missing.is_empty(),
        FormVersion::Form(_) => missing.is_empty() || missing.len() < required.len(),
    };
    if !is_comparable || !unasked.is_empty() {
        return Err(UnitVerdict::OtherPasswords { missing, unasked, proven: Vec::new() });
    }
    let credentials = snapshot.credentials_by_number();
    let credential = |number: &PhoneNumber| {
        credentials.get(number).map(|credential| (*number, (*credential).clone()))
    };
    let required = without(required, &missing).iter().filter_map(credential).collect();
    Ok(Allowed { initiator: initiator.clone(), plan, required, missing })
}

/// Decides a unit change. A comparison counts only if the same credentials are still required.
#[must_use]
pub fn decide(
    snapshot: Option<&Snapshot>,
    request: &UnitRequest,
    compared: &[ComparedPassword],
) -> Decision<UnitVerdict> {
    let Some(snapshot) = snapshot else { return Decision::refuse(UnitVerdict::SessionOver, []) };
    let mut decision = match examine(snapshot, request) {
        Ok(allowed) if is_same(&allowed, compared) => {
            if !compared.iter().all(|one| one.result.is_match()) {
                count_failures(snapshot, allowed, request, compared)
            } else if allowed.missing.is_empty() {
                change(snapshot, allowed, request)
            } else {
                let (missing, proven) = (allowed.missing, proven(compared));
                let reply = UnitVerdict::OtherPasswords { missing, unasked: Vec::new(), proven };
                Decision::refuse(reply, [])
            }
        }
        Ok(_) => refuse(UnitVerdict::ChangedElsewhere, request.login_number),
        Err(UnitVerdict::CredentialVoid(void)) => {
            let again = compared.iter().filter(|one| snapshot.has_counted(one.entry));
            let again: Vec<_> =
                again.map(|one| one.number).filter(|number| void.contains(number)).collect();
            if again.is_empty() {
                refuse(UnitVerdict::CredentialVoid(void), request.login_number)
            } else {
                Decision::refuse(UnitVerdict::AlreadyVoided(again), [])
            }
        }
        Err(verdict) => refuse(verdict, request.login_number),
    };
    let unverifiable =
        compared.iter().filter(|one| matches!(one.result, Verification::Unverifiable(_)));
    let event = AuditEvent::UnitChanged(ChangeOutcome::Unverifiable);
    let entries = unverifiable.map(|one| AuditEntry::new(event, one.number));
    // Behind the verdict's own entries, before what follows from them.
    let is_verdict = |entry: &&AuditEntry| matches!(entry.event, AuditEvent::UnitChanged(_));
    let place = decision.audit.iter().take_while(is_verdict).count();
    decision.audit.splice(place..place, entries);
    decision
}

/// The audit entry of a refusal by a rule. Other refusals are errors in the form, or have no
/// session.
#[must_use]
pub fn refusal(verdict: &UnitVerdict, login_number: PhoneNumber) -> Option<AuditEntry> {
    let outcome = match verdict {
        UnitVerdict::NotAllowed => ChangeOutcome::NotAllowed,
        UnitVerdict::ChangedElsewhere => ChangeOutcome::ContractChanged,
        UnitVerdict::CredentialVoid(_) => ChangeOutcome::Void,
        UnitVerdict::Changed(_)
        | UnitVerdict::Wrong { .. }
        | UnitVerdict::AlreadyVoided(_)
        | UnitVerdict::OtherPasswords { .. }
        | UnitVerdict::InForce
        | UnitVerdict::PasswordChangeRequired
        | UnitVerdict::WouldVoid
        | UnitVerdict::SessionOver => return None,
    };
    Some(AuditEntry::new(AuditEvent::UnitChanged(outcome), login_number))
}

fn refuse(verdict: UnitVerdict, login_number: PhoneNumber) -> Decision<UnitVerdict> {
    let entry = refusal(&verdict, login_number);
    Decision::refuse(verdict, entry)
}

fn is_same(allowed: &Allowed, compared: &[ComparedPassword]) -> bool {
    let required = allowed.required.iter().map(|(_, credential)| credential.id);
    required.eq(compared.iter().map(|one| one.credential))
}

/// Changes the unit, and decides each credential's fate.
fn change(snapshot: &Snapshot, allowed: Allowed, request: &UnitRequest) -> Decision<UnitVerdict> {
    let Allowed { initiator, plan, required: _, missing: _ } = allowed;
    let UnitChangePlan { logins, voided, dropped, .. } = plan;
    let copied: Vec<PhoneNumber> = logins
        .iter()
        .filter(|login| login.with == NewCredential::CopiedFromInitiator)
        .map(|login| login.number)
        .collect();
    let lost = lost(snapshot, &logins, &voided, &dropped);
    let gone: Vec<PhoneNumber> = lost.iter().map(|credential| credential.number).collect();
    let mut audit = entries(AuditEvent::UnitChanged(ChangeOutcome::Done), &[request.login_number]);
    audit.extend(entries(AuditEvent::Voided(VoidReason::UnitChanged), &gone));
    audit.extend(entries(AuditEvent::PasswordCopied, &copied));
    let changed = UnitChanged { unit: request.unit, initiator: request.login_number, logins, lost };
    let outcome = changed.clone();
    Decision {
        change: Change::ChangeUnit { initiator, copied, voided, dropped, outcome },
        audit,
        reply: UnitVerdict::Changed(changed),
    }
}

/// The credentials that a change takes or replaces, in the order of the contract.
fn lost(
    snapshot: &Snapshot,
    logins: &[NewLogin],
    voided: &[PhoneNumber],
    dropped: &[PhoneNumber],
) -> Vec<LostCredential> {
    let copied = logins
        .iter()
        .filter(|login| login.with == NewCredential::CopiedFromInitiator)
        .map(|login| login.number);
    let gone = voided.iter().chain(dropped).copied().chain(copied).collect();
    snapshot.live(&gone).map(|(number, kind)| LostCredential { number, kind }).collect()
}

/// Counts every wrong password. One that could not be compared is not counted, nor one that was
/// counted before.
fn count_failures(
    snapshot: &Snapshot,
    allowed: Allowed,
    request: &UnitRequest,
    compared: &[ComparedPassword],
) -> Decision<UnitVerdict> {
    let is_counted = |one: &&ComparedPassword| {
        one.result == Verification::Mismatch && !snapshot.has_counted(one.entry)
    };
    let wrong: Vec<PhoneNumber> =
        compared.iter().filter(is_counted).map(|one| one.number).collect();
    let is_wrong: HashSet<&PhoneNumber> = wrong.iter().collect();
    let is_voided = |(number, credential): &&(PhoneNumber, Credential)| {
        is_wrong.contains(number) && credential.voids_on_next_failure()
    };
    let voided: Vec<PhoneNumber> =
        allowed.required.iter().filter(is_voided).map(|(number, _)| *number).collect();
    if u32::try_from(voided.len()).unwrap_or(u32::MAX) > request.may_void {
        return Decision::refuse(UnitVerdict::WouldVoid, []);
    }
    let session_over = voided.contains(&request.login_number);
    let mut audit = entries(AuditEvent::UnitChanged(ChangeOutcome::Wrong), &wrong);
    audit.extend(entries(AuditEvent::Voided(VoidReason::WrongEntries), &voided));
    if session_over {
        audit.extend(entries(
            AuditEvent::SessionEnded(SessionEndReason::WrongEntries),
            &[request.login_number],
        ));
    }
    let not_right = compared.iter().filter(|one| !one.result.is_match());
    let reply = UnitVerdict::Wrong {
        numbers: not_right.map(|one| one.number).collect(),
        missing: allowed.missing,
        proven: proven(compared),
        voided: voided.clone(),
        session_over,
    };
    let entries = compared.iter().filter(is_counted).filter_map(|one| one.entry).collect();
    let change =
        Change::CountFailures { numbers: wrong, voided, ends_session: session_over, entries };
    Decision { change, audit, reply }
}

/// The right ones among these.
fn proven(compared: &[ComparedPassword]) -> Vec<ProvenPassword> {
    let right = compared.iter().filter(|one| one.result.is_match());
    right.map(|one| ProvenPassword { number: one.number, credential: one.credential }).collect()
}

fn entries(event: AuditEvent, numbers: &[PhoneNumber]) -> Vec<AuditEntry> {
    numbers.iter().map(|number| AuditEntry::new(event, *number)).collect()
}

/// The choices of a unit change's form, from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChoices {
    /// In force when the snapshot was read.
    pub in_force: AuthUnit,
    /// The contract's version, which the form carries ([`FormVersion::Form`]).
    pub version: i64,
    /// The session's number.
    pub login_number: PhoneNumber,
    /// Every unit but the one in force.
    pub choices: Vec<UnitChoice>,
}

/// One unit that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChoice {
    /// The unit that the contract would have.
    pub unit: AuthUnit,
    /// The numbers whose passwords it requires.
    pub required: Vec<PhoneNumber>,
    /// The numbers that block it until they have a password again (`U3`).
    pub blocked: Vec<PhoneNumber>,
    /// Every number that would log in, and with what (`W1`).
    pub logins: Vec<NewLogin>,
    /// The credentials that would be void or replaced (`U1`).
    pub lost: Vec<LostCredential>,
}

/// The choices of a unit change for the session of a snapshot. `None` if the session may not change
/// the unit (`U2`, `C6`), or has ended.
#[must_use]
pub fn choices(snapshot: &Snapshot) -> Option<UnitChoices> {
    let (access, _) = access_of(snapshot)?;
    if access.password_change.is_some() || !may_change_unit(access.role) {
        return None;
    }
    let choice = |unit| {
        let plan = UnitChangePlan::new(snapshot, access.login_number, unit);
        let UnitChangePlan { required_passwords: required, blocked, logins, voided, dropped } =
            plan;
        let lost = lost(snapshot, &logins, &voided, &dropped);
        UnitChoice { unit, required, blocked, logins, lost }
    };
    let units = [AuthUnit::Line, AuthUnit::Number, AuthUnit::AdminUser].into_iter();
    Some(UnitChoices {
        in_force: access.unit,
        version: snapshot.contract.version,
        login_number: access.login_number,
        choices: units.filter(|unit| *unit != access.unit).map(choice).collect(),
    })
}
