//! What the database holds for callers' numbers.

use std::collections::HashMap;

use anyhow::{Context as _, Result};

use crate::system::FaultSystem;

const CREDENTIALS: &str = "SELECT login_number, count(*) FROM credential
    WHERE login_number = ANY($1) AND voided_at IS NULL GROUP BY login_number";
const AUDITED: &str = "SELECT login_number, count(*) FROM audit_log
    WHERE login_number = ANY($1) AND event = 'temporary_set' AND outcome = 'done' GROUP BY login_number";
/// Each row is written by the statement that counts, and stays when a right login resets the count.
const WRONG: &str = "SELECT login_number, count(*) FROM audit_log
    WHERE login_number = ANY($1) AND event = 'login' AND outcome = 'wrong' GROUP BY login_number";

/// What it holds for one number.
#[derive(Debug, Default, Clone, Copy)]
pub struct StoredState {
    /// Good credentials.
    pub credentials: usize,
    /// Audit rows of temporary passwords that were set.
    pub audited: usize,
    /// Wrong logins that were counted for a credential.
    pub wrong_logins: usize,
}

/// Selects one of its counts.
type Count = fn(&mut StoredState) -> &mut usize;

impl StoredState {
    /// Reads it for each of these numbers.
    pub async fn read_each(
        system: &FaultSystem,
        numbers: &[&str],
    ) -> Result<HashMap<String, Self>> {
        let owner = system.database().owner().await?;
        let nothing = numbers.iter().map(|number| ((*number).to_owned(), Self::default()));
        let mut stored: HashMap<_, _> = nothing.collect();
        let counts: [(&str, Count); 3] = [
            (CREDENTIALS, |stored| &mut stored.credentials),
            (AUDITED, |stored| &mut stored.audited),
            (WRONG, |stored| &mut stored.wrong_logins),
        ];
        for (sql, count) in counts {
            for row in owner.query(sql, &[&numbers]).await? {
                let stored = stored.get_mut(row.get::<_, &str>(0)).context("another number")?;
                *count(stored) = usize::try_from(row.get::<_, i64>(1))?;
            }
        }
        Ok(stored)
    }
}
