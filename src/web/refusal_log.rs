//! Counts refusals that leave no audit row. The log gets at most one line a second for each reason,
//! with the number of refusals since the last line (`D3`). Requests without a session leave a line
//! for each network instead, as those that the rate limit refuses do.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::counter;

use crate::clock;
use crate::metrics::HTTP_REQUESTS_REFUSED;
use domain::network::networks;

/// The most networks that are distinguished. Two share one rarely, and not by a client's choice:
/// the hash has a random key.
const MAX_BUCKETS: u64 = 1 << 16;
/// The shortest time between two log lines for one reason.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalReason {
    /// Another site made it, or its form is not this browser's.
    CrossSite,
    /// Its body is not declared as JSON, like a form of another site.
    NotJson,
    /// Its session may do nothing but change the password (`C6`).
    PasswordChangeRequired,
    /// Its session's role does not allow it (`U2`).
    NotAllowed,
    /// It has no token, or one of no live session.
    NoSession,
}

impl RefusalReason {
    pub(super) const ALL: [Self; 5] = [
        Self::CrossSite,
        Self::NotJson,
        Self::PasswordChangeRequired,
        Self::NotAllowed,
        Self::NoSession,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::CrossSite => "cross_site",
            Self::NotJson => "not_json",
            Self::PasswordChangeRequired => "password_change_required",
            Self::NotAllowed => "not_allowed",
            Self::NoSession => "no_session",
        }
    }
}

/// The refusals of each reason since its last log line.
#[derive(Debug, Default)]
pub(super) struct RefusalLog {
    by_reason: [Mutex<Throttle>; RefusalReason::ALL.len()],
    without_session: Mutex<HashMap<u64, NetworkRefusals>>,
    hasher: RandomState,
}

/// Refusals of one network since its last log line.
#[derive(Debug, Default)]
pub(super) struct NetworkRefusals {
    /// The last one.
    address: Option<IpAddr>,
    count: u64,
}

#[derive(Debug, Default)]
struct Throttle {
    logged_at: Option<Instant>,
    count: u64,
}

impl RefusalLog {
    /// Counts a refusal of `address`.
    pub(super) fn record(&self, reason: RefusalReason, address: IpAddr) {
        let name = reason.as_str();
        counter!(HTTP_REQUESTS_REFUSED, "reason" => name).increment(1);
        if reason == RefusalReason::NoSession {
            return self.record_without_session(address);
        }
        let throttle =
            self.by_reason.iter().zip(RefusalReason::ALL).find(|(_, known)| *known == reason);
        let Some((throttle, _)) = throttle else { return };
        let due = throttle.lock().unwrap_or_else(PoisonError::into_inner).due(clock::now());
        if let Some(requests) = due {
            tracing::info!(reason = name, %address, requests, "refused requests, the last from this address");
        }
    }

    fn record_without_session(&self, address: IpAddr) {
        let [narrowest, ..] = networks(address);
        let key = self.hasher.hash_one(narrowest) % MAX_BUCKETS;
        let mut refused = self.without_session.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.entry(key).or_default().record(address.to_canonical()) {
            tracing::info!(event = "no_session", %address, "refused a request without a session");
        }
    }

    /// Logs how many requests without a session have come since each network's last line.
    pub(super) fn log_numbers(&self) {
        let mut refused = self.without_session.lock().unwrap_or_else(PoisonError::into_inner);
        for (address, more) in refused.drain().filter_map(|(_, mut refused)| refused.take()) {
            tracing::info!(event = "no_session", %address, more, "refused more requests without a session");
        }
        refused.shrink_to_fit();
    }
}

impl NetworkRefusals {
    /// Counts a refusal; `true` for the first one.
    pub(super) fn record(&mut self, address: IpAddr) -> bool {
        let is_first = self.address.replace(address).is_none();
        self.count += u64::from(!is_first);
        is_first
    }

    /// The last address and the number of refusals after the first one, if there are any. Forgets
    /// them.
    pub(super) fn take(&mut self) -> Option<(IpAddr, u64)> {
        let Self { address, count } = std::mem::take(self);
        address.filter(|_| count > 0).map(|address| (address, count))
    }
}

impl Throttle {
    /// Counts a refusal. The number since the last log line if another line is due.
    fn due(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self.logged_at.is_some_and(|logged_at| now < logged_at + LOG_INTERVAL) {
            return None;
        }
        self.logged_at = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_one_line_a_second_with_their_number() {
        let start = clock::now();
        let mut throttle = Throttle::default();
        assert_eq!(throttle.due(start), Some(1));
        for _ in 0..999 {
            assert_eq!(throttle.due(start + LOG_INTERVAL / 2), None);
        }
        assert_eq!(throttle.due(start + LOG_INTERVAL), Some(1000));
    }
}
