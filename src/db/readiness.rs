//! Whether the database accepts changes (`/readyz`).
//!
//! A server that is read-only, has a full disk, or has revoked a privilege still answers queries.
//! So the probe writes an audit row and rolls it back, and commits an unused idempotency key. It
//! touches no row of a contract, so a lock on one does not make the daemon look unready.

use std::time::Duration;

use super::audit;
use super::error::DbError;
use super::handle::{Db, Deadline, Probe};
use super::idempotency::{Attempt, IdempotencyKey};
use super::retry::Retry;
use super::transaction::Statement;
use crate::clock;
use domain::audit::{AuditEntry, AuditEvent, AuditScope, AuditSource};

/// How long a successful probe counts.
const SUCCESS_LIFETIME: Duration = Duration::from_secs(2);
/// How long a failed probe counts.
const FAILURE_LIFETIME: Duration = Duration::from_secs(1);

impl Probe {
    fn is_current(&self) -> bool {
        let lifetime = if self.failure.is_none() { SUCCESS_LIFETIME } else { FAILURE_LIFETIME };
        clock::now().saturating_duration_since(self.at) < lifetime
    }
}

impl Db {
    /// Why the database does not accept changes; `None` if it does. One probe runs at a time, and
    /// its result counts for a moment.
    pub async fn write_failure(&self) -> Option<String> {
        let mut last = self.last_probe.lock().await;
        if let Some(probe) = last.as_ref().filter(|probe| probe.is_current()) {
            return probe.failure.clone();
        }
        let failure = match self.missing_privileges().await {
            Ok(missing) if missing.is_empty() => {
                let probed = Retry::promptly(self).run(|deadline| self.probe(deadline)).await;
                probed.err().map(|error| error.to_string())
            }
            Ok(missing) => Some(format!("the daemon's role lacks {}", missing.join(", "))),
            Err(error) => Some(error.to_string()),
        };
        *last = Some(Probe { at: clock::now(), failure: failure.clone() });
        failure
    }

    async fn probe(&self, deadline: Deadline) -> Result<(), DbError> {
        let scope = AuditScope { source: AuditSource::Operator, contract_number: None, unit: None };
        let entry = AuditEntry { event: AuditEvent::Logout, login_number: None };
        let mut statements = vec![Statement::new("SAVEPOINT probe")];
        statements.extend(audit::insert(&scope, &[entry]));
        statements.push(Statement::new("ROLLBACK TO SAVEPOINT probe"));
        let (transaction, _) = self.begin_with(deadline, &statements).await?;
        let key = IdempotencyKey::draw(&mut rand::rng());
        transaction.commit_with(&[Attempt::first(key, deadline).insert("probe")]).await
    }
}
