//! A password in the place of a login's credential, from a session that goes on with it (`C5`).

use super::DbError;
use super::audit::{self, AuditEvent, AuditOutcome, Columns};
use super::site_audit::SiteAudit;
use super::snapshot::LockedContract;
use super::transaction::{Parameters, Statement};
use domain::credential::Credential;
use domain::password::PhcString;

/// A new password, hashed, and the sessions around it.
#[derive(Debug)]
pub struct ReplacePassword<'a> {
    /// What it replaces.
    pub old: &'a Credential,
    /// The new password's hash.
    pub phc: &'a PhcString,
    /// The digest of the session that makes the change.
    pub token_digest: &'a [u8],
    /// The digest of the session that goes on.
    pub fresh_digest: &'a [u8],
    /// The contract's version afterwards, which the session's client is told of (`W6`).
    pub version: i64,
}

/// The session that makes the change goes with its credential; it goes on as another.
const END_OTHERS: &str = "
    WITH ended AS (
        DELETE FROM session WHERE credential_id = $7 AND token_digest <> $8 RETURNING token_digest
    )
    INSERT INTO audit_log (source, event, outcome, login_number, contract_number, unit, address)
    SELECT 'site', $1::text, $2::text, $6::text, $3::text, $4::text, $5::inet FROM ended";

const DELETE: &str = "DELETE FROM credential WHERE id = $1";

const INSERT: &str = "
    WITH new AS (
        INSERT INTO credential (login_number, kind, password_hash, set_at)
        VALUES ($1, 'password', $2, $3)
        RETURNING id, set_at
    )
    INSERT INTO session
        (token_digest, credential_id, contract_number, created_at, last_seen_at, seen_version)
    SELECT $4, id, $5, set_at, set_at, $6 FROM new";

const RAISE: &str = "UPDATE contract SET version = $2 WHERE number = $1";

impl LockedContract {
    /// Replaces a credential by a new one with a new id, ends its sessions, and begins one at the
    /// view's time, at which the new one was set too.
    ///
    /// # Errors
    /// [`DbError`]; after [`DbError::OutcomeUnknown`] all of it may have been done.
    pub async fn replace_password(
        self,
        doing: &SiteAudit,
        new: &ReplacePassword<'_>,
    ) -> Result<(), DbError> {
        let ended = doing.params(AuditEvent::SessionEnded, AuditOutcome::PasswordChanged);
        let record = doing.record(AuditOutcome::Done);
        let done = Columns::of(&record);
        let (login, contract) = (doing.login.as_str(), doing.contract.as_str());
        let (phc, now) = (new.phc.expose(), self.snapshot().now);
        let others: Parameters<'_> = &[&login, &new.old.id.0, &new.token_digest];
        let (others, done) = (ended.with(others), done.parameters());
        let old: Parameters<'_> = &[&new.old.id.0];
        let inserted: Parameters<'_> =
            &[&login, &phc, &now, &new.fresh_digest, &contract, &new.version];
        let raised: Parameters<'_> = &[&contract, &new.version];
        let mut statements: Vec<Statement<'_>> =
            vec![(END_OTHERS, &others), (DELETE, old), (INSERT, inserted), (audit::INSERT, &done)];
        if new.version != self.snapshot().contract.version {
            statements.push((RAISE, raised));
        }
        self.commit(AuditOutcome::Done, &statements).await.map(drop)
    }
}
