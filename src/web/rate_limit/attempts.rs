//! Failed attempts by login number, as far as this daemon has seen them.
//!
//! A number without a live credential must look like one with a temporary password, even to an
//! address that may void no more credentials.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::rules;

/// How long a try is remembered: as long as a temporary password is good.
const RETENTION: Duration = rules::TEMPORARY_PASSWORD_LIFETIME;

/// Wrong tries that void nothing, whatever the number has (`C2`).
const MAX_HARMLESS_FAILURES: u32 = rules::MAX_TEMPORARY_PASSWORD_FAILURES as u32 - 1;

/// Tries by the numbers' places.
#[derive(Debug, Default)]
pub(super) struct NumberAttempts {
    by_number: HashMap<u64, AttemptCount>,
}

#[derive(Debug)]
struct AttemptCount {
    failures: u32,
    under_way: u32,
    expires_at: Instant,
}

/// What a try at a number came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptOutcome {
    /// Nothing was compared.
    NotCompared,
    /// The password is right.
    Right,
    /// Wrong, and the credential is still live.
    Wrong,
    /// Wrong, and the credential is void by it.
    Voided,
    /// Wrong at a number without a live credential.
    NoCredential,
}

impl NumberAttempts {
    /// Begins a try. Whoever may void nothing may not begin one that could, `None` then.
    pub(super) fn begin(&mut self, place: u64, may_void: bool, now: Instant) -> Option<()> {
        let new = || AttemptCount { failures: 0, under_way: 0, expires_at: now + RETENTION };
        let tried = self.by_number.entry(place).or_insert_with(new);
        if tried.expires_at <= now {
            tried.failures = 0;
        }
        if !may_void && tried.failures + tried.under_way >= MAX_HARMLESS_FAILURES {
            return None;
        }
        tried.under_way += 1;
        Some(())
    }

    /// Ends a try; whether it counts as a voiding.
    pub(super) fn end(&mut self, place: u64, came: AttemptOutcome, now: Instant) -> bool {
        let Some(tried) = self.by_number.get_mut(&place) else {
            return came == AttemptOutcome::Voided;
        };
        tried.under_way = tried.under_way.saturating_sub(1);
        match came {
            AttemptOutcome::NotCompared => return false,
            AttemptOutcome::Right | AttemptOutcome::Voided => tried.failures = 0,
            AttemptOutcome::Wrong | AttemptOutcome::NoCredential => tried.failures += 1,
        }
        tried.expires_at = now + RETENTION;
        let voids_what_is_dead =
            came == AttemptOutcome::NoCredential && tried.failures > MAX_HARMLESS_FAILURES;
        if voids_what_is_dead {
            tried.failures = 0;
        }
        came == AttemptOutcome::Voided || voids_what_is_dead
    }

    /// Forgets what is too long ago.
    pub(super) fn evict_idle(&mut self, now: Instant) {
        self.by_number.retain(|_, tried| {
            tried.under_way > 0 || (tried.failures > 0 && tried.expires_at > now)
        });
        self.by_number.shrink_to_fit();
    }
}
