//! Changing the authentication unit (認証単位変更, table `U`). Every required password is compared
//! without a lock, and [`decide`](unit::decide) is the verdict under the lock.

use std::net::IpAddr;

use super::{Audience, AuthError, AuthService, FormId, SessionToken, draw_key};
use crate::hashing::{HashError, Verification};
use domain::access::Access;
use domain::audit::AuditSource;
use domain::auth_unit::AuthUnit;
use domain::change::ChangeRequest;
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;
use domain::policy::Match;
use domain::policy::unit::{
    self, Allowed, ComparedPassword, FormVersion, UnitRequest, UnitVerdict,
};

/// A session asks for another unit of its contract.
#[derive(Debug)]
pub struct ChangeUnit {
    /// The session's token.
    pub token: SessionToken,
    /// The client that the token is for.
    pub audience: Audience,
    /// What the session may do.
    pub access: Access,
    /// The unit wanted.
    pub unit: AuthUnit,
    /// The submitted passwords, each number once, without empty fields.
    pub passwords: Vec<(PhoneNumber, SubmittedPassword)>,
    /// The version of the contract that the request was made from.
    pub version: FormVersion,
    /// The form that was sent; none over the API.
    pub form: Option<FormId>,
    /// The client's address.
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
        let ChangeUnit { access, unit, passwords, version, address, may_void, .. } = &request;
        let session = request.token.digest(request.audience);
        let mut change = ChangeRequest {
            contract: access.contract,
            source: AuditSource::Site(Some(*address)),
            unit: Some(*unit),
            session: Some(session),
            entries: Vec::new(),
        };
        let wanted = UnitRequest {
            login: access.login,
            unit: *unit,
            submitted: passwords.iter().map(|(number, _)| *number).collect(),
            version: *version,
            may_void: *may_void,
        };
        let Some(snapshot) = self.db.snapshot(change.contract, session).await? else {
            return Ok(UnitVerdict::SessionOver);
        };
        let allowed = match unit::examine(&snapshot, &wanted) {
            Ok(allowed) => allowed,
            Err(verdict) => {
                if let Some(entry) = unit::refusal(&verdict, wanted.login) {
                    self.db.record(draw_key(), &change.audit_scope(), entry).await?;
                }
                return Ok(verdict);
            }
        };
        if allowed.max_voidings() > *may_void {
            return Ok(UnitVerdict::WouldVoid);
        }
        let compared = self.compare_all(&allowed, &request).await?;
        change.entries.extend(compared.iter().filter_map(|one| one.entry));
        let decide = |snapshot: Option<&_>| unit::decide(snapshot, &wanted, &compared);
        self.db.apply(draw_key(), &change, decide).await.map_err(AuthError::from_change)
    }

    /// Compares every required password, also after a wrong one.
    async fn compare_all(
        &self,
        allowed: &Allowed,
        request: &ChangeUnit,
    ) -> Result<Vec<ComparedPassword>, HashError> {
        let ChangeUnit { passwords, form, address, .. } = request;
        let mut all = Vec::with_capacity(allowed.required.len());
        for (number, credential) in &allowed.required {
            let submitted = passwords.iter().find(|(submitted, _)| submitted == number);
            let submitted =
                submitted.map_or_else(|| String::new().into(), |(_, password)| password.clone());
            let entry = form.as_ref().map(|form| form.entry_key(credential.id, &submitted));
            let stored = credential.password_hash.clone();
            let verified = self.compare(*number, submitted, stored, None, *address).await?;
            let result = match verified {
                Verification::Match { .. } => Match::Yes,
                Verification::Mismatch => Match::No,
                Verification::Unverifiable(_) => Match::Unverifiable,
            };
            let credential = credential.id;
            all.push(ComparedPassword { number: *number, credential, result, entry });
        }
        Ok(all)
    }
}
