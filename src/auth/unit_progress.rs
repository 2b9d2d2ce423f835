//! How far the unit changes under way have compared their passwords: a thousand take a while
//! (`U4`). Known to the daemon that compares them, and to nobody else.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::session::TokenDigest;

/// The changes under way by their sessions.
#[derive(Debug, Default)]
pub(super) struct UnitProgress(Mutex<HashMap<TokenDigest, ComparedCount>>);

/// How many passwords of a unit change have been compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparedCount {
    pub compared: usize,
    pub required: usize,
}

/// A change under way, until it is dropped.
pub(super) struct Comparing<'a> {
    changes: &'a UnitProgress,
    session: TokenDigest,
}

impl UnitProgress {
    /// Begins a change that compares `required` passwords.
    pub(super) fn begin(&self, session: TokenDigest, required: usize) -> Comparing<'_> {
        self.lock().insert(session, ComparedCount { compared: 0, required });
        Comparing { changes: self, session }
    }

    pub(super) fn for_session(&self, session: TokenDigest) -> Option<ComparedCount> {
        self.lock().get(&session).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenDigest, ComparedCount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Comparing<'_> {
    /// One more password has been compared.
    pub(super) fn advance(&self) {
        if let Some(count) = self.changes.lock().get_mut(&self.session) {
            count.compared += 1;
        }
    }
}

impl Drop for Comparing<'_> {
    fn drop(&mut self) {
        self.changes.lock().remove(&self.session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u4_a_change_under_way_counts_its_comparisons_until_it_ends() {
        let changes = UnitProgress::default();
        let (one, other) = (TokenDigest([1; 32]), TokenDigest([2; 32]));
        let comparing = changes.begin(one, 3);
        comparing.advance();
        comparing.advance();
        assert_eq!(changes.for_session(one), Some(ComparedCount { compared: 2, required: 3 }));
        assert_eq!(changes.for_session(other), None);
        drop(comparing);
        assert_eq!(changes.for_session(one), None);
    }
}
