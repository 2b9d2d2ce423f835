//! Commands that go on until Ctrl-C survive an outage of the database.

use std::mem;

use super::output::print_error;
use crate::db::DbError;

/// Whether the database answers a query that is repeated.
#[derive(Debug, Default)]
pub(super) struct Outage {
    has_answered: bool,
    is_under_way: bool,
}

impl Outage {
    /// The answer; `None` if there is none for now, which is printed once.
    ///
    /// # Errors
    /// The first query's, and every one that is not the database's.
    pub(super) fn survive<T>(&mut self, answer: anyhow::Result<T>) -> anyhow::Result<Option<T>> {
        match answer {
            Ok(answer) => {
                *self = Self { has_answered: true, is_under_way: false };
                Ok(Some(answer))
            }
            Err(error) if self.has_answered && error.is::<DbError>() => {
                if !mem::replace(&mut self.is_under_way, true) {
                    print_error(&format!("{error:#}; trying again"));
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
