//! Changing the authentication unit (認証単位変更, table `U`). Every required password is compared
//! without a lock, and [`decide`](unit::decide) is the verdict under the lock.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{Audience, AuthError, AuthService, FormId, SessionToken, draw_key};
use crate::hashing::{HashError, Hasher};
use domain::access::Access;
use domain::audit::AuditSource;
use domain::auth_unit::AuthUnit;
use domain::change::ChangeRequest;
use domain::credential::Credential;
use domain::password::{SubmittedPassword, Verification};
use domain::phone_number::PhoneNumber;
use domain::policy::unit::{
    self, Allowed, ComparedPassword, FormVersion, ProvenPassword, UnitRequest, UnitVerdict,
};
use domain::snapshot::Snapshot;

/// A session's request to change the unit of its contract.
#[derive(Debug)]
pub struct ChangeUnit {
    pub token: SessionToken,
    /// The client that the token is for.
    pub audience: Audience,
    pub access: Access,
    pub unit: AuthUnit,
    /// The submitted passwords, each number once, without empty fields.
    pub passwords: Vec<(PhoneNumber, SubmittedPassword)>,
    /// Passwords that the session has already proven, and need not submit again (`U4`).
    pub proven: Vec<ProvenPassword>,
    /// The version of the contract that the request was made from.
    pub version: FormVersion,
    /// The form that was sent; none over the API.
    pub form: Option<FormId>,
    pub address: IpAddr,
    /// How many passwords it may void.
    pub may_void: u32,
}

impl AuthService {
    /// Changes the unit of a session's contract, in one transaction or not at all.
    ///
    /// # Errors
    /// [`AuthError`] if there is no verdict.
    pub async fn change_unit(&self, request: ChangeUnit) -> Result<UnitVerdict, AuthError> {
        let ChangeUnit { access, unit, version, address, may_void, .. } = &request;
        let session = request.token.digest(request.audience);
        let mut change = ChangeRequest {
            contract_number: access.contract_number,
            source: AuditSource::Site(Some(*address)),
            unit: Some(*unit),
            session: Some(session),
            entries: Vec::new(),
        };
        let Some(snapshot) = self.db.snapshot(change.contract_number, session).await? else {
            return Ok(UnitVerdict::SessionOver);
        };
        let wanted = UnitRequest {
            login_number: access.login_number,
            unit: *unit,
            submitted: submitted(&request, &snapshot),
            version: *version,
            may_void: *may_void,
        };
        let compared = match unit::examine(&snapshot, &wanted) {
            Ok(allowed) if allowed.max_voidings() > *may_void => return Ok(UnitVerdict::WouldVoid),
            Ok(allowed) => self.compare_all(&allowed, &request).await?,
            Err(UnitVerdict::CredentialVoid(void)) => entries_for(&void, &request, &snapshot),
            Err(verdict) => {
                if let Some(entry) = unit::refusal(&verdict, wanted.login_number) {
                    self.db.record(draw_key(), &change.audit_scope(), entry).await?;
                }
                return Ok(verdict);
            }
        };
        change.entries.extend(compared.iter().filter_map(|one| one.entry));
        let decide = |snapshot: Option<&_>| unit::decide(snapshot, &wanted, &compared);
        self.db.apply(draw_key(), &change, decide).await.map_err(AuthError::from_change)
    }

    /// Compares every required password, also after a wrong one, on all workers of logins.
    async fn compare_all(
        &self,
        allowed: &Allowed,
        request: &ChangeUnit,
    ) -> Result<Vec<ComparedPassword>, HashError> {
        let given = GivenPasswords::new(request);
        let progress = self
            .unit_progress
            .begin(request.token.digest(request.audience), allowed.required.len());
        let mut comparisons = Vec::with_capacity(allowed.required.len());
        for (number, stored) in &allowed.required {
            let comparison = self.compare_one(request, &given, *number, stored);
            comparisons.push(comparison.inspect(|_| progress.advance()));
        }
        stream::iter(comparisons).buffered(Hasher::login_workers()).try_collect().await
    }

    async fn compare_one(
        &self,
        request: &ChangeUnit,
        given: &GivenPasswords<'_>,
        number: PhoneNumber,
        stored: &Credential,
    ) -> Result<ComparedPassword, HashError> {
        let ChangeUnit { form, address, .. } = request;
        let credential = stored.id;
        if given.proven.contains(&ProvenPassword { number, credential }) {
            let result = Verification::Match(());
            return Ok(ComparedPassword { number, credential, result, entry: None });
        }
        let typed = given.typed.get(&number).copied().cloned();
        let typed = typed.unwrap_or_else(|| String::new().into());
        let entry = form.as_ref().map(|form| form.entry_key(credential, &typed));
        let hash = stored.password_hash.clone();
        let result = self.compare(number, typed, hash, None, *address).await?.map(drop);
        Ok(ComparedPassword { number, credential, result, entry })
    }
}

/// The passwords of a request by their numbers.
struct GivenPasswords<'a> {
    typed: HashMap<PhoneNumber, &'a SubmittedPassword>,
    proven: HashSet<ProvenPassword>,
}

impl<'a> GivenPasswords<'a> {
    fn new(request: &'a ChangeUnit) -> Self {
        let typed = request.passwords.iter().map(|(number, password)| (*number, password));
        Self { typed: typed.collect(), proven: request.proven.iter().copied().collect() }
    }
}

/// The numbers whose password is given with the request, or was given before at the credential that
/// they still have.
fn submitted(request: &ChangeUnit, snapshot: &Snapshot) -> Vec<PhoneNumber> {
    let typed = request.passwords.iter().map(|(number, _)| *number);
    let credentials = snapshot.credentials_by_number();
    let is_current = |proven: &&ProvenPassword| {
        credentials.get(&proven.number).is_some_and(|it| it.id == proven.credential)
    };
    let proven = request.proven.iter().filter(is_current).map(|proven| proven.number);
    typed.chain(proven).collect()
}

/// A form's entries for numbers whose credentials are void: it may be sent again, and have voided
/// them. There is no hash to compare them with.
fn entries_for(
    numbers: &[PhoneNumber],
    request: &ChangeUnit,
    snapshot: &Snapshot,
) -> Vec<ComparedPassword> {
    let Some(form) = &request.form else { return Vec::new() };
    let credentials = snapshot.credentials_by_number();
    let typed = request.passwords.iter().filter(|(number, _)| numbers.contains(number));
    let entries = typed.filter_map(|(number, typed)| {
        let (number, credential) = (*number, credentials.get(number)?.id);
        let entry = Some(form.entry_key(credential, typed));
        Some(ComparedPassword { number, credential, result: Verification::Mismatch, entry })
    });
    entries.collect()
}
