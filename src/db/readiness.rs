//! Whether the store takes changes (`/readyz`).
//!
//! A server whose disk is full, that is read-only or that has revoked a right still answers every
//! question. So an audit row is written and rolled back, and an attempt is committed that nobody
//! repeats. No row of a contract is touched: whoever holds one of them keeps nobody else from being
//! served.

use std::time::{Duration, Instant};

use super::Db;
use super::DbError;
use super::audit::{self, AuditEvent, AuditOutcome, AuditRecord, AuditSource, Columns};
use super::idempotency::{Attempt, IdempotencyKey};
use super::retry::{Deadline, Retry};
use crate::clock;

/// How long the last look is good for if the store took the change.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// The same if it did not.
const BAD_FOR: Duration = Duration::from_secs(1);

/// What the last look found.
#[derive(Debug)]
pub(super) struct Look {
    at: Instant,
    refusal: Option<String>,
}

impl Look {
    fn is_good(&self) -> bool {
        let for_so_long = if self.refusal.is_none() { GOOD_FOR } else { BAD_FOR };
        clock::now().saturating_duration_since(self.at) < for_so_long
    }
}

impl Db {
    /// Why the store takes no changes; none if it does. Looks one after the other, and not at every
    /// question.
    pub async fn refusal(&self) -> Option<String> {
        let mut last = self.last_look.lock().await;
        if let Some(look) = last.as_ref().filter(|look| look.is_good()) {
            return look.refusal.clone();
        }
        let refusal = match self.missing_privileges().await {
            Ok(missing) if missing.is_empty() => {
                let tried = Retry::once_more(self).run(|time| self.try_change(time)).await;
                tried.err().map(|error| error.to_string())
            }
            Ok(missing) => Some(format!("the daemon's role lacks {}", missing.join(", "))),
            Err(error) => Some(error.to_string()),
        };
        *last = Some(Look { at: clock::now(), refusal: refusal.clone() });
        refusal
    }

    async fn try_change(&self, time: Deadline) -> Result<(), DbError> {
        let record = AuditRecord {
            source: AuditSource::Operator,
            event: AuditEvent::Login,
            outcome: AuditOutcome::Done,
            login: None,
            contract: None,
            unit: None,
        };
        let row = Columns::of(&record);
        let row = row.parameters();
        let statements: [(&str, &[_]); 3] =
            [("SAVEPOINT probe", &[]), (audit::INSERT, &row), ("ROLLBACK TO SAVEPOINT probe", &[])];
        let (transaction, _) = self.begin_with(time, &statements).await?;
        let attempt = IdempotencyKey::draw(&mut rand::rng());
        let tried = Attempt { key: attempt, number: 0, time };
        transaction.commit_as(tried, AuditOutcome::Done, &[]).await.map(drop)
    }
}
