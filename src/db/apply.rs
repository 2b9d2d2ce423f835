//! The one way to change a contract, from the phone and from the site.

use tracing::instrument;

use super::error::{DbError, DbFailure};
use super::handle::Db;
use super::idempotency::{Attempt, Execution, IdempotencyKey, Uncertain, keys};
use super::rows::{self, contract_columns, credential_columns};
use super::transaction::Statement;
use super::{audit, change};
use domain::change::{ChangeRequest, Decision};
use domain::phone_number::PhoneNumber;
use domain::session::TokenDigest;
use domain::snapshot::Snapshot;

/// Foreign keys to the contract do not wait for this lock.
pub(super) const LOCK_CONTRACT: &str = "SELECT FROM contract WHERE number = $1 FOR NO KEY UPDATE";

pub(super) const LOCK_CREDENTIALS: &str = "
    SELECT FROM credential
    WHERE login_number IN (SELECT number FROM phone_number WHERE contract_number = $1)
    ORDER BY login_number FOR UPDATE";

/// Runs after the locks, so that it sees entries that others have counted.
const COUNTED: &str = "SELECT key FROM idempotency_key WHERE key = ANY($1)";

const SNAPSHOT: &str = concat!(
    "SELECT ",
    contract_columns!(),
    ", ",
    credential_columns!(),
    ", s.credential_id AS session_credential_id, s.seen_version, clock_timestamp() AS now
    FROM contract AS c
    JOIN phone_number AS n ON n.contract_number = c.number
    LEFT JOIN credential AS cr ON cr.login_number = n.number
    LEFT JOIN session AS s ON s.token_digest = $2
    WHERE c.number = $1
    ORDER BY n.number <> c.number, n.number"
);

impl Db {
    /// Reads a contract with its credentials, without a lock; `None` if no contract has this
    /// contract number.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    #[instrument(name = "transaction", skip_all, fields(operation = "snapshot"))]
    pub async fn snapshot(
        &self,
        contract_number: PhoneNumber,
        session: TokenDigest,
    ) -> Result<Option<Snapshot>, DbError> {
        rows::snapshot(&self.read(&snapshot_of(contract_number, Some(session))).await?)
    }

    /// Locks the contract of `request` and its credentials, and calls `decide` with a snapshot of
    /// them. Then commits the decision, its change and its audit rows, all or nothing.
    ///
    /// The decision is committed once for each `key`, however often an attempt has to be repeated;
    /// so `decide` may run several times. The reply is that of the attempt whose commit stands.
    /// Dropped before its commit is sent, it changes nothing (`P13`). `decide` gets `None` if there
    /// is no such contract.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`]: nothing has changed. [`DbError::OutcomeUnknown`]: all of the
    /// change stands, or nothing.
    #[instrument(name = "transaction", skip_all, fields(operation = "apply"))]
    pub async fn apply<R>(
        &self,
        key: IdempotencyKey,
        request: &ChangeRequest,
        decide: impl Fn(Option<&Snapshot>) -> Decision<R>,
    ) -> Result<R, DbError> {
        let decision = match self
            .execute_once(key, |attempt| self.attempt(attempt, request, &decide))
            .await?
        {
            Execution::Now(decision) | Execution::Earlier { value: Some(decision), .. } => decision,
            Execution::Earlier { value: None, .. } => {
                return Err(DbError::OutcomeUnknown(DbFailure::Row("attempt_no")));
            }
        };
        audit::observe(&request.audit_scope(), &decision.audit);
        Ok(decision.reply)
    }

    async fn attempt<R>(
        &self,
        attempt: Attempt,
        request: &ChangeRequest,
        decide: impl Fn(Option<&Snapshot>) -> Decision<R>,
    ) -> Result<Uncertain<Decision<R>>, DbError> {
        let mut begin: Vec<Statement<'_>> = Vec::new();
        begin.extend(self.operator.as_deref().map(audit::operator_statement));
        begin.extend([
            Statement::new(LOCK_CONTRACT).with_number(request.contract_number),
            Statement::new(LOCK_CREDENTIALS).with_number(request.contract_number),
            snapshot_of(request.contract_number, request.session),
        ]);
        let entries = Some(&request.entries).filter(|entries| !entries.is_empty());
        begin.extend(entries.map(|entries| Statement::new(COUNTED).with(keys(entries))));
        let (transaction, mut rows) = self.begin_with(attempt.deadline, &begin).await?;
        let counted = entries.and_then(|_| rows.pop()).unwrap_or_default();
        let mut snapshot = rows::snapshot(rows.last().map_or(&[], Vec::as_slice))?;
        if let Some(snapshot) = &mut snapshot {
            snapshot.counted = counted.iter().map(rows::entry_key).collect::<Result<_, _>>()?;
        }
        let decision = decide(snapshot.as_ref());
        let outcome = decision.audit.first().map_or("unchanged", |entry| entry.event.outcome());
        let mut statements = vec![attempt.insert(outcome)];
        statements.extend(audit::insert(&request.audit_scope(), &decision.audit));
        statements.extend(change::statements(&decision.change, request));
        let committed = transaction.commit_with(&statements).await.map(drop);
        drop(statements);
        Ok(Uncertain { value: decision, committed })
    }
}

fn snapshot_of<'a>(contract_number: PhoneNumber, session: Option<TokenDigest>) -> Statement<'a> {
    let digest = session.map(|digest| digest.0.to_vec());
    Statement::new(SNAPSHOT).with_number(contract_number).with(digest)
}
