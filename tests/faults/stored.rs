//! The database's state of callers' numbers.

use std::collections::HashMap;

use anyhow::{Context as _, Result};

use crate::system::FaultSystem;

const CREDENTIALS: &str = "SELECT login_number, count(*) FROM credential
    WHERE login_number = ANY($1) AND voided_at IS NULL GROUP BY login_number";
const NOTED: &str = "SELECT login_number, count(*) FROM audit_log
    WHERE login_number = ANY($1) AND event = 'temporary_set' AND outcome = 'done' GROUP BY login_number";
/// Each row is written by the statement that counts, and stays when a right login resets the count.
const WRONG: &str = "SELECT login_number, count(*) FROM audit_log
    WHERE login_number = ANY($1) AND event = 'login' AND outcome = 'wrong' GROUP BY login_number";

/// The state of one number.
#[derive(Debug, Default, Clone, Copy)]
pub struct Held {
    /// Good credentials.
    pub credentials: usize,
    /// Audit rows of temporary passwords that were set.
    pub noted: usize,
    /// Wrong logins that were counted for a credential.
    pub wrong: usize,
}

/// Selects one of its counts.
type Count = fn(&mut Held) -> &mut usize;

impl Held {
    /// The state of each of these numbers.
    pub async fn of_each(system: &FaultSystem, numbers: &[&str]) -> Result<HashMap<String, Self>> {
        let owner = system.database().owner().await?;
        let nothing = numbers.iter().map(|number| ((*number).to_owned(), Self::default()));
        let mut held: HashMap<_, _> = nothing.collect();
        let counts: [(&str, Count); 3] = [
            (CREDENTIALS, |held| &mut held.credentials),
            (NOTED, |held| &mut held.noted),
            (WRONG, |held| &mut held.wrong),
        ];
        for (sql, count) in counts {
            for row in owner.query(sql, &[&numbers]).await? {
                let held = held.get_mut(row.get::<_, &str>(0)).context("another number")?;
                *count(held) = usize::try_from(row.get::<_, i64>(1))?;
            }
        }
        Ok(held)
    }
}
