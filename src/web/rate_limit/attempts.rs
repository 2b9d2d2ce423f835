//! Failed attempts by login number, as counted by this daemon.
//!
//! A number without a live credential must look like one with a temporary password, even to an
//! address that may not void another credential.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::rules;

/// How long an attempt is remembered: the lifetime of a temporary password.
const RETENTION: Duration = rules::TEMPORARY_PASSWORD_LIFETIME;

/// Failures that void no credential of either kind (`C2`).
const MAX_HARMLESS_FAILURES: u32 = rules::MAX_TEMPORARY_PASSWORD_FAILURES as u32 - 1;

/// Attempts by the keys of their numbers.
#[derive(Debug, Default)]
pub(super) struct NumberAttempts {
    by_number: HashMap<u64, AttemptCount>,
}

#[derive(Debug)]
struct AttemptCount {
    failures: u32,
    in_progress: u32,
    expires_at: Instant,
}

/// How an attempt at a number ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptOutcome {
    /// Nothing was compared.
    NotCompared,
    Right,
    /// Wrong; the credential is still live.
    Wrong,
    /// Wrong; this voided the credential.
    Voided,
    /// The number has no live credential.
    NoCredential,
}

impl NumberAttempts {
    /// Begins an attempt. `None` if it could void a credential and `may_void` is false.
    pub(super) fn begin(&mut self, key: u64, may_void: bool, now: Instant) -> Option<()> {
        let new = || AttemptCount { failures: 0, in_progress: 0, expires_at: now + RETENTION };
        let count = self.by_number.entry(key).or_insert_with(new);
        if count.expires_at <= now {
            count.failures = 0;
        }
        if !may_void && count.failures + count.in_progress >= MAX_HARMLESS_FAILURES {
            return None;
        }
        count.in_progress += 1;
        Some(())
    }

    /// Ends an attempt; whether it counts as a voiding.
    pub(super) fn end(&mut self, key: u64, outcome: AttemptOutcome, now: Instant) -> bool {
        let Some(count) = self.by_number.get_mut(&key) else {
            return outcome == AttemptOutcome::Voided;
        };
        count.in_progress = count.in_progress.saturating_sub(1);
        match outcome {
            AttemptOutcome::NotCompared => return false,
            AttemptOutcome::Right | AttemptOutcome::Voided => count.failures = 0,
            AttemptOutcome::Wrong | AttemptOutcome::NoCredential => count.failures += 1,
        }
        count.expires_at = now + RETENTION;
        let would_have_voided =
            outcome == AttemptOutcome::NoCredential && count.failures > MAX_HARMLESS_FAILURES;
        if would_have_voided {
            count.failures = 0;
        }
        outcome == AttemptOutcome::Voided || would_have_voided
    }

    /// Forgets numbers whose attempts no longer count.
    pub(super) fn evict_idle(&mut self, now: Instant) {
        self.by_number.retain(|_, count| {
            count.in_progress > 0 || (count.failures > 0 && count.expires_at > now)
        });
        self.by_number.shrink_to_fit();
    }
}
