//! Who may log in at all and which session may change what, decided before and after a secret is
//! compared (`W1`, `W2`, `C1`, `U2`, `W6`), pure.

use jiff::Timestamp;

use super::unit_change_plan::{UnitChangePlan, may_change_unit};
use super::{Access, FormVersion, UnitVerdict};
use crate::db::audit::AuditOutcome;
use crate::db::login::LoginCandidate;
use crate::db::snapshot::Snapshot;
use domain::auth_unit::AuthUnit;
use domain::credential::Credential;
use domain::phone_number::PhoneNumber;

/// What an attempt's secret is to be compared with.
pub(super) enum Candidate {
    /// This credential.
    Good {
        /// The credential, with its hash.
        credential: Credential,
        /// The database's time.
        now: Timestamp,
    },
    /// Nothing: the attempt is refused whatever the secret.
    None {
        /// Why, for the audit.
        outcome: AuditOutcome,
        /// The credential whose hash is to be wiped for its age.
        expired: Option<Credential>,
    },
}

/// Decides from what is known of `login`; what the login is good for is looked up once its secret
/// is right.
pub(super) fn candidate(login: Option<PhoneNumber>, known: Option<LoginCandidate>) -> Candidate {
    let none = |outcome| Candidate::None { outcome, expired: None };
    let (Some(login), Some(LoginCandidate { contract, credential, now })) = (login, known) else {
        return none(AuditOutcome::UnknownNumber);
    };
    if contract.suspended {
        return none(AuditOutcome::Suspended);
    }
    let Some(credential) = credential else { return none(AuditOutcome::NoCredential) };
    if credential.password_hash.is_none() {
        return none(AuditOutcome::Void);
    }
    if credential.is_expired(now) {
        return Candidate::None { outcome: AuditOutcome::Expired, expired: Some(credential) };
    }
    match contract.role(login) {
        Some(_) => Candidate::Good { credential, now },
        None => none(AuditOutcome::NotALogin),
    }
}

/// What the session of `view` is good for, and the credential that it began with, void if wrong
/// entries have voided it since (`C2`); `None` if the session is over.
pub(super) fn in_use(view: &Snapshot) -> Option<(Access, &Credential)> {
    let (login, credential) = view.of_session()?;
    let Credential { kind, set_at, .. } = *credential;
    let standing = Access::new(&view.contract, login, kind, set_at, view.now)?;
    Some((standing, credential))
}

/// A change of the unit that may go on.
pub(super) struct Allowed {
    /// The credential of the login that makes the change.
    pub(super) changers: Credential,
    /// What is asked for, and what becomes of each credential.
    pub(super) plan: UnitChangePlan,
    /// The credentials of the numbers that are asked for, in the same order.
    pub(super) asked: Vec<Credential>,
}

/// Whether the session of `view` may bring the contract under `unit` with passwords of these `given`
/// numbers, from a request that was made from the version `told`.
pub(super) fn may_change(
    view: &Snapshot,
    unit: AuthUnit,
    given: &[PhoneNumber],
    told: FormVersion,
) -> Result<Allowed, UnitVerdict> {
    let (Some((standing, changers)), Some(session)) = (in_use(view), view.session) else {
        return Err(UnitVerdict::SessionOver);
    };
    let told = match told {
        FormVersion::BySession => session.seen_version,
        FormVersion::ByForm(version) => version,
    };
    if standing.password_change.is_some() {
        return Err(UnitVerdict::PasswordChangeRequired);
    }
    if !may_change_unit(standing.role) {
        return Err(UnitVerdict::NotAllowed);
    }
    if told != view.contract.version {
        return Err(UnitVerdict::ChangedElsewhere);
    }
    if unit == standing.unit {
        return Err(UnitVerdict::InForce);
    }
    let plan = UnitChangePlan::new(&view.contract, &view.held, standing.login, unit);
    if !plan.blocked.is_empty() {
        return Err(UnitVerdict::CredentialVoid(plan.blocked));
    }
    let without = |numbers: &[PhoneNumber], others: &[PhoneNumber]| -> Vec<PhoneNumber> {
        numbers.iter().filter(|number| !others.contains(number)).copied().collect()
    };
    let (missing, unasked) =
        (without(&plan.required_passwords, given), without(given, &plan.required_passwords));
    if !missing.is_empty() || !unasked.is_empty() {
        return Err(UnitVerdict::OtherPasswords { missing, unasked });
    }
    let asked = plan
        .required_passwords
        .iter()
        .filter_map(|number| view.credential_of(*number))
        .cloned()
        .collect();
    Ok(Allowed { changers: changers.clone(), plan, asked })
}
