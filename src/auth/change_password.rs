//! Changing the password (`C5`, `C6`). The new password is checked by itself, the current one is
//! compared without a lock, and [`decide`](password::decide) is the verdict under the lock.

use std::net::IpAddr;

use super::{Audience, AuthError, AuthService, FormId, SessionToken, draw_key};
use crate::db::DbError;
use crate::hashing::Salt;
use domain::access::Access;
use domain::audit::{AuditEntry, AuditEvent, AuditSource, ChangeOutcome};
use domain::change::ChangeRequest;
use domain::password::{SubmittedPassword, Verification};
use domain::phone_number::PhoneNumber;
use domain::policy::access_of;
use domain::policy::password::{self, ComparedChange, PasswordVerdict};

/// A session's request to change the password of its login number.
#[derive(Debug)]
pub struct ChangePassword {
    pub token: SessionToken,
    /// The client that the token is for.
    pub audience: Audience,
    /// What the session may do. That it must change its password does not matter (`C6`).
    pub access: Access,
    /// Exactly as submitted.
    pub current: SubmittedPassword,
    pub new: SubmittedPassword,
    /// The second entry of the new password.
    pub confirmation: SubmittedPassword,
    /// The form that was sent; none over the API.
    pub form: Option<FormId>,
    pub address: IpAddr,
    /// Whether it may void the current password.
    pub may_void: bool,
}

impl AuthService {
    /// Changes the password of a session's login number.
    ///
    /// # Errors
    /// [`AuthError`] if there is no verdict.
    pub async fn change_password(
        &self,
        request: ChangePassword,
    ) -> Result<PasswordVerdict<SessionToken>, AuthError> {
        let ChangePassword { token, audience, access, current, form, address, may_void, .. } =
            request;
        let (number, session) = (access.login_number, token.digest(audience));
        let mut change = ChangeRequest {
            contract_number: access.contract_number,
            source: AuditSource::Site(Some(address)),
            unit: None,
            session: Some(session),
            entries: Vec::new(),
        };
        let new = self.check_new_password(&current, &request.new, &request.confirmation);
        let new = match new {
            Ok(new) => new,
            Err(reasons) => {
                self.refuse_password(&change, number, ChangeOutcome::Rejected).await?;
                return Ok(PasswordVerdict::Rejected(reasons));
            }
        };
        let snapshot = self.db.snapshot(change.contract_number, session).await?;
        let Some((_, credential)) = snapshot.as_ref().and_then(access_of) else {
            return Ok(PasswordVerdict::SessionOver);
        };
        let Some(stored) = credential.password_hash.clone() else {
            self.refuse_password(&change, number, ChangeOutcome::Void).await?;
            return Ok(PasswordVerdict::CredentialVoid(number));
        };
        if credential.voids_on_next_failure() && !may_void {
            return Ok(PasswordVerdict::WouldVoid);
        }
        let entry = form.as_ref().map(|form| form.entry_key(credential.id, &current));
        change.entries.extend(entry);
        let comparison = match self.compare(number, current, Some(stored), None, address).await? {
            Verification::Match(_) => {
                let salt = Salt::draw(&mut rand::rng());
                let hash = self.hasher.hash_for_change(new, salt, address).await?;
                Verification::Match(hash)
            }
            Verification::Mismatch => Verification::Mismatch,
            Verification::Unverifiable(reason) => Verification::Unverifiable(reason),
        };
        let new_token = SessionToken::draw(&mut rand::rng());
        let compared = ComparedChange {
            login_number: number,
            compared: credential.id,
            comparison,
            entry,
            form: form.as_ref().map(FormId::change_key),
            new_session: new_token.digest(audience),
            idle: self.idle,
            may_void,
        };
        let decide = |snapshot: Option<&_>| password::decide(snapshot, &compared);
        let decided = self.db.apply(draw_key(), &change, decide).await;
        Ok(decided.map_err(AuthError::from_change)?.map(|_| new_token))
    }

    /// Whether this form has changed a password, hours ago at most (`C2`).
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    pub async fn has_changed_password(&self, form: &FormId) -> Result<bool, DbError> {
        self.db.has_entry(form.change_key()).await
    }

    /// Audits a refusal for which nothing was compared.
    async fn refuse_password(
        &self,
        change: &ChangeRequest,
        login_number: PhoneNumber,
        outcome: ChangeOutcome,
    ) -> Result<(), AuthError> {
        let entry = AuditEntry::new(AuditEvent::PasswordChanged(outcome), login_number);
        Ok(self.db.record(draw_key(), &change.audit_scope(), entry).await?)
    }
}
