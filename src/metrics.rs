//! The name, type and help text of every metric at `/metrics`.
//!
//! Code records under these constants alone. `describe` gives each its `HELP` line, and a test
//! compares [`ALL`] with the table in `docs/operations.md` and with what a daemon exports.

use jiff::Timestamp;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};

/// Defines the constants and lists them all.
macro_rules! metrics {
    ($($kind:ident $constant:ident = $name:literal: $help:literal;)*) => {
        $(#[doc = $help] pub(crate) const $constant: &str = $name;)*

        /// Every metric: its name, its type and its help text.
        pub const ALL: &[(&str, Kind, &str)] = &[$(($name, Kind::$kind, $help)),*];
    };
}

/// A metric's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts values in buckets.
    Histogram,
}

metrics! {
    Gauge CALLS = "karipass_calls": "Calls now.";
    Counter CALLS_STARTED = "karipass_calls_started_total": "Calls that began.";
    Counter CALLS_ENDED = "karipass_calls_ended_total":
        "Calls that ended, by outcome and chosen unit.";
    Histogram CALL_DURATION = "karipass_call_duration_seconds": "How long calls lasted.";
    Histogram CALL_STEP_DURATION = "karipass_call_step_duration_seconds":
        "How long calls stayed in a step, by step.";
    Counter WRONG_ENTRIES = "karipass_call_wrong_entries_total":
        "Wrong entries of callers, by step and reason.";
    Gauge LAST_CALL = "karipass_last_call_timestamp_seconds":
        "Time of the last call, or of the start before the first, in seconds since 1970.";
    Counter CALL_MAILBOX_OVERFLOWS = "karipass_call_mailbox_overflows_total":
        "Calls ended because they fell too far behind their events.";
    Counter CALLS_ADOPTED = "karipass_calls_adopted_total":
        "Calls of an earlier process that this one took over.";
    Counter CALLS_DECLINED = "karipass_calls_declined_total": "Calls left to the dialplan.";
    Counter CALLS_REFUSED = "karipass_calls_refused_total": "Calls refused for load, by cause.";
    Gauge CALLS_OVERLOADED = "karipass_calls_overloaded": "1 while an overload refuses calls.";
    Histogram DTMF_REACTION_DURATION = "karipass_dtmf_reaction_duration_seconds":
        "Time from a key's event to Asterisk's answer to the command that followed.";
    Histogram CALL_MAILBOX_DEPTH = "karipass_call_mailbox_depth":
        "How many events a call had to handle when another arrived.";
    Gauge ARI_CONNECTED = "karipass_ari_connected": "1 while ARI's event connection is up.";
    Counter ARI_CONNECTS = "karipass_ari_connects_total":
        "How often ARI's event connection came up.";
    Counter ARI_EVENTS = "karipass_ari_events_total": "Events of ARI, by type.";
    Histogram ARI_QUEUE_DURATION = "karipass_ari_queue_duration_seconds":
        "How long requests to ARI wait before they are sent.";
    Histogram ARI_REQUEST_DURATION = "karipass_ari_request_duration_seconds":
        "How long requests to ARI take, by request.";
    Counter ARI_REQUEST_ERRORS = "karipass_ari_request_errors_total":
        "Requests to ARI that failed, by request and error.";
    Counter ARI_MALFORMED_EVENTS = "karipass_ari_malformed_events_total":
        "Events of ARI that could not be read.";
    Histogram PASSWORD_HASH_DURATION = "karipass_password_hash_duration_seconds":
        "How long one password hash takes, by pool.";
    Histogram PASSWORD_HASH_WAIT_DURATION = "karipass_password_hash_wait_duration_seconds":
        "How long jobs waited for a worker, by pool.";
    Gauge PASSWORD_HASH_QUEUE_LENGTH = "karipass_password_hash_queue_length":
        "Jobs that wait for a hash, by pool.";
    Counter PASSWORD_HASH_REJECTED = "karipass_password_hash_rejected_total":
        "Jobs rejected because the queue was full, by pool.";
    Counter PASSWORD_HASH_PANICS = "karipass_password_hash_panics_total":
        "Jobs that panicked, by pool.";
    Counter PASSWORD_HASH_OPERATIONS = "karipass_password_hash_operations_total":
        "All computations of a hash.";
    Counter LOGINS = "karipass_logins_total": "Logins, by outcome.";
    Counter PASSWORD_CHANGES = "karipass_password_changes_total": "Password changes, by outcome.";
    Counter UNIT_CHANGES = "karipass_unit_changes_total":
        "Changes of the authentication unit, by outcome.";
    Counter LOGINS_RATE_LIMITED = "karipass_logins_rate_limited_total":
        "Requests that the rate limit refused.";
    Counter CREDENTIALS_VOIDED = "karipass_credentials_voided_total":
        "Credentials that became void, by reason.";
    Gauge CREDENTIALS = "karipass_credentials":
        "Credentials in the database, by kind and state.";
    Gauge SESSIONS = "karipass_sessions": "Sessions that have not ended.";
    Gauge DATABASE_CONNECTIONS = "karipass_database_connections":
        "Connections to the database, by pool and state.";
    Gauge DATABASE_WAITING = "karipass_database_waiting":
        "Operations that wait for a connection to the database, by pool.";
    Counter HTTP_REQUESTS = "karipass_http_requests_total":
        "HTTP requests, by route and status.";
    Histogram HTTP_REQUEST_DURATION = "karipass_http_request_duration_seconds":
        "How long HTTP requests take, by route.";
    Counter HTTP_REQUESTS_REFUSED = "karipass_http_requests_refused_total":
        "HTTP requests refused without an audit row, by reason.";
    Counter FORGED_TOKENS = "karipass_forged_tokens_total":
        "Session tokens without a valid seal, or older than any session.";
    Gauge HTTP_CONNECTIONS = "karipass_http_connections": "HTTP connections now, by listener.";
    Counter HTTP_CONNECTIONS_REFUSED = "karipass_http_connections_refused_total":
        "HTTP connections refused, by listener and limit.";
    Counter HTTP_CONNECTIONS_CLOSED = "karipass_http_connections_closed_total":
        "Idle HTTP connections closed to make room, by listener and limit.";
    Gauge CERTIFICATE_NOT_AFTER = "karipass_certificate_not_after_timestamp_seconds":
        "When the certificate in use expires, in seconds since 1970.";
    Gauge BUILD_INFO = "karipass_build_info": "Always 1; its label is the program's version.";
    Counter SPANS_DROPPED = "karipass_spans_dropped_total":
        "Spans that no collector has got, by reason.";
    Counter RELOADS = "karipass_reloads_total": "Reloads by SIGHUP, by outcome.";
}

/// Gives every metric its help text; call it once the recorder is installed.
pub(crate) fn describe() {
    for (name, kind, help) in ALL {
        match kind {
            Kind::Counter => describe_counter!(*name, *help),
            Kind::Gauge => describe_gauge!(*name, *help),
            Kind::Histogram => describe_histogram!(*name, *help),
        }
    }
}

/// Starts what alerts and the dashboard watch. Counters begin at 0, since Prometheus sees no
/// increase from a missing series to 1. The time of the last call begins at the start, so that
/// hours without a call count from it.
pub(crate) fn start_series(started: Timestamp) {
    for outcome in ["stored", "trouble", "failed", "foreign_media"] {
        for unit in ["none", "line", "number", "admin_user"] {
            counter!(CALLS_ENDED, "outcome" => outcome, "unit" => unit).increment(0);
        }
    }
    for pool in ["calls", "logins"] {
        counter!(PASSWORD_HASH_PANICS, "pool" => pool).increment(0);
        counter!(PASSWORD_HASH_REJECTED, "pool" => pool).increment(0);
    }
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 million years")]
    gauge!(LAST_CALL).set(started.as_second() as f64);
    counter!(CALL_MAILBOX_OVERFLOWS).increment(0);
    for cause in ["commands", "hashes", "rate", "caller", "trunk", "without_number"] {
        counter!(CALLS_REFUSED, "cause" => cause).increment(0);
    }
    counter!(CALLS_DECLINED).increment(0);
    counter!(CALLS_ADOPTED).increment(0);
    counter!(LOGINS_RATE_LIMITED).increment(0);
    for reason in ["wrong_entries", "expired", "unit_changed"] {
        counter!(CREDENTIALS_VOIDED, "reason" => reason).increment(0);
    }
    for limit in ["rate", "handshakes", "address", "all"] {
        let labels = [("listener", "site"), ("limit", limit)];
        counter!(HTTP_CONNECTIONS_REFUSED, &labels).increment(0);
    }
    counter!(RELOADS, "outcome" => "refused").increment(0);
    for reason in ["queue_full", "not_taken"] {
        counter!(SPANS_DROPPED, "reason" => reason).increment(0);
    }
}

/// Starts the failures of each route, for the same reason.
pub(crate) fn start_routes(routes: Vec<String>) {
    for route in routes {
        for status in ["500", "503"] {
            counter!(HTTP_REQUESTS, "route" => route.clone(), "status" => status).increment(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_operations_guide_lists_every_metric_and_no_other() {
        let guide = include_str!("../docs/operations.md");
        let (_, guide) = guide.split_once("\n| metric | meaning |\n").unwrap();
        let (table, _) = guide.split_once("\n\n").unwrap();
        let quotes = table.split('`').skip(1).step_by(2);
        let quotes = quotes.map(|quote| quote.split('{').next().unwrap_or_default());
        let listed: BTreeSet<_> = quotes.filter(|name| name.starts_with("karipass_")).collect();
        let recorded: BTreeSet<_> = ALL.iter().map(|(name, _, _)| *name).collect();
        assert_eq!(listed, recorded);
        assert_eq!(recorded.len(), ALL.len(), "a name stands twice");
    }
}
