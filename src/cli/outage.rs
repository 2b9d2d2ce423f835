//! Commands that go on until Ctrl-C survive an outage of the database.

use std::mem;

use super::output::print_error;
use crate::db::DbError;

/// Whether the database does not answer a query that is repeated. It has answered before.
#[derive(Debug, Default)]
pub(super) struct Outage {
    is_under_way: bool,
}

impl Outage {
    /// The answer; `None` if there is none for now, which is printed once.
    ///
    /// # Errors
    /// Every error that is not the database's.
    pub(super) fn survive<T>(&mut self, answer: anyhow::Result<T>) -> anyhow::Result<Option<T>> {
        match answer {
            Ok(answer) => {
                self.is_under_way = false;
                Ok(Some(answer))
            }
            Err(error) if error.is::<DbError>() => {
                if !mem::replace(&mut self.is_under_way, true) {
                    print_error(&format!("{error:#}; trying again"));
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
