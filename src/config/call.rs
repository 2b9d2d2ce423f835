//! `[call]`: the limits of a call, and of concurrent calls.

use std::time::Duration;

use domain::{dialog, rules};

use super::load::Reader;
use super::network::MediaNetwork;

/// The upper limit of both digit timeouts.
const MAX_DIGIT_TIMEOUT: Duration = Duration::from_mins(1);
const DEFAULT_MAX_CALLS: &str = "250";
const DEFAULT_MAX_PER_CALLER: usize = 5;

/// The limits of a call (`P11`), and of concurrent calls.
#[derive(Debug, Clone)]
pub struct CallSettings {
    /// How long a caller may wait before the first digit.
    pub first_digit_timeout: Duration,
    /// How long a caller may wait between two digits.
    pub inter_digit_timeout: Duration,
    /// How long a whole call may last.
    pub max_duration: Duration,
    /// How many calls this daemon takes at once.
    pub max_concurrent: usize,
    /// How many of them may come from one number.
    pub max_per_caller: usize,
    /// How many of them may come from one endpoint of Asterisk.
    pub max_per_trunk: usize,
    /// How many of those may come without a number that is trusted.
    pub max_without_number: usize,
    /// Where the media of the named endpoints may be. Other endpoints have no restriction.
    pub media_networks: Vec<MediaNetwork>,
}

pub(super) fn read(reader: &mut Reader) -> Option<CallSettings> {
    let mut timeout = |key, default| reader.seconds(key, default, MAX_DIGIT_TIMEOUT);
    let first_digit_timeout = timeout("call.first_digit_timeout_s", rules::FIRST_DIGIT_TIMEOUT);
    let inter_digit_timeout = timeout("call.inter_digit_timeout_s", rules::INTER_DIGIT_TIMEOUT);
    let max_duration =
        reader.seconds("call.max_duration_s", rules::MAX_CALL_DURATION, dialog::MAX_CALL_LIMIT);
    let max_concurrent = reader.or_default("call.max_concurrent", DEFAULT_MAX_CALLS);
    if max_concurrent == Some(0) {
        reader.error("call.max_concurrent: not a positive whole number");
    }
    let all = max_concurrent.unwrap_or(usize::MAX).max(1);
    let max_per_caller = reader.count("call.max_per_caller", DEFAULT_MAX_PER_CALLER.min(all), all);
    let max_per_trunk = reader.count("call.max_per_trunk", (all - all / 10).max(1), all);
    let max_without_number = reader.count("call.max_without_number", (all / 10).max(1), all);
    let media_networks = reader.list("call.media_networks");
    Some(CallSettings {
        first_digit_timeout: first_digit_timeout?,
        inter_digit_timeout: inter_digit_timeout?,
        max_duration: max_duration?,
        max_concurrent: max_concurrent?,
        max_per_caller: max_per_caller?,
        max_per_trunk: max_per_trunk?,
        max_without_number: max_without_number?,
        media_networks: media_networks?,
    })
}
