//! Admission control: whether the line takes a new call, judged by how quickly it serves those it
//! has.
//!
//! Two latencies are measured: how long Asterisk takes for a command, and how long a call waits for
//! its hash. While one of them is high, no new call is taken.
//!
//! A call asks for its hash some ten seconds after it was taken, so an overload shows late.
//! Therefore calls are also limited to a rate (a token bucket). The rate grows while the latencies
//! are low, and an overload cuts it, as in TCP's congestion control. A call that ends without a
//! hash, or whose caller is refused, returns its token. A call that is not taken costs a part of
//! one, because its apology takes time from the active calls.
//!
//! Without I/O: the time comes in as an argument.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

/// Half of a request's deadline; a slow network alone stays below.
const SLOW_COMMANDS: Duration = Duration::from_secs(1);
/// After 8 s a caller hears `trouble` (`P15`), and such a queue builds up within seconds.
const SLOW_HASHES: Duration = Duration::from_millis(500);
/// A slow latency counts as quick again below this part of its limit.
const RECOVERY_FACTOR: f64 = 0.4;
/// The weight of one sample, and its upper bound: a single lost command is no overload.
const SAMPLE_WEIGHT: f64 = 0.1;
const MAX_SAMPLE: Duration = Duration::from_secs(2);
/// How long a latency is held without a sample, and how long it then takes to halve.
const HALF_LIFE: Duration = Duration::from_millis(700);

/// Window over which the rate of taken calls is measured.
const RATE_WINDOW: Duration = Duration::from_secs(5);
/// An overload cuts that rate to this part, but not below the lowest rate, in calls a second.
const RATE_CUT: f64 = 0.7;
const MIN_RATE: f64 = 4.0;
/// Growth of the rate per second while it causes refusals: before the first overload, and after
/// one.
const GROWTH: f64 = 0.03;
const CAREFUL_GROWTH: f64 = 0.01;
/// The tokens that a refused call costs, and the part of new tokens that it always leaves.
const REFUSED_COST: f64 = 0.4;
const RESERVED_SHARE: f64 = 0.25;
/// Bucket size, as time at the current rate.
const BURST: Duration = Duration::from_secs(2);
/// How long after the last refusal an overload is over for the log, and forgotten for the rate.
const CALM_PERIOD: Duration = Duration::from_secs(5);
const FORGET_AFTER: Duration = Duration::from_mins(1);

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalCause {
    /// Asterisk carries out commands too slowly.
    Commands,
    /// Hashes take too long.
    Hashes,
    /// The rate of new calls is higher than the line is known to bear.
    Rate,
}

impl RefusalCause {
    /// Its name in metrics and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Hashes => "hashes",
            Self::Rate => "rate",
        }
    }
}

/// An exponentially smoothed latency.
#[derive(Debug, Default)]
pub(super) struct SmoothedLatency {
    seconds: f64,
    sampled_at: Option<Instant>,
}

impl SmoothedLatency {
    pub(super) fn record(&mut self, sample: Duration, now: Instant) {
        let before = self.at(now).as_secs_f64();
        let sample = sample.min(MAX_SAMPLE).as_secs_f64();
        self.seconds = before + SAMPLE_WEIGHT * (sample - before);
        self.sampled_at = Some(now);
    }

    /// The latency at `now`; it fades while no sample comes.
    pub(super) fn at(&self, now: Instant) -> Duration {
        let since = self.sampled_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let half_lives = since.saturating_sub(HALF_LIFE).as_secs_f64() / HALF_LIFE.as_secs_f64();
        Duration::from_secs_f64(self.seconds * (-half_lives).exp2())
    }
}

/// A change that the log and the gauge report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoadChange {
    /// Calls are refused from now on.
    Overloaded(RefusalCause),
    /// No call has been refused for a while.
    Recovered,
}

/// Admits new calls or refuses them.
#[derive(Debug)]
pub(super) struct Admission {
    commands: SmoothedLatency,
    /// Which latency is too high, if one is.
    overload: Option<RefusalCause>,
    /// When the calls of the last seconds were taken.
    taken: VecDeque<Instant>,
    /// Calls a second, at first and now.
    initial_rate: f64,
    rate: f64,
    growth: f64,
    /// How many calls may be taken now.
    tokens: f64,
    updated_at: Option<Instant>,
    last_refused: Option<Instant>,
    /// The last change that was reported was an overload.
    reported_overload: bool,
}

impl Admission {
    /// Takes up to `initial_rate` calls a second at first.
    pub(super) fn new(initial_rate: f64) -> Self {
        Self {
            commands: SmoothedLatency::default(),
            overload: None,
            taken: VecDeque::new(),
            initial_rate,
            rate: initial_rate,
            growth: GROWTH,
            tokens: initial_rate * BURST.as_secs_f64(),
            updated_at: None,
            last_refused: None,
            reported_overload: false,
        }
    }

    /// Records how long Asterisk took for a command.
    pub(super) fn record_command(&mut self, took: Duration, now: Instant) {
        self.commands.record(took, now);
    }

    pub(super) fn command_latency(&self, now: Instant) -> Duration {
        self.commands.at(now)
    }

    /// Takes one more call; `hash_wait` is how long calls wait for their hashes.
    pub(super) fn admit(&mut self, hash_wait: Duration, now: Instant) -> Result<(), RefusalCause> {
        let before = self.tokens;
        self.update(hash_wait, now);
        let cause = match self.overload {
            Some(cause) => cause,
            None if self.tokens < 1.0 => RefusalCause::Rate,
            None => {
                self.tokens -= 1.0;
                self.taken.push_back(now);
                return Ok(());
            }
        };
        self.last_refused = Some(now);
        let new_tokens = (self.tokens - before).max(0.0);
        self.tokens -= REFUSED_COST.min(new_tokens * (1.0 - RESERVED_SHARE));
        Err(cause)
    }

    /// Returns the token of a call that asks for no hash.
    pub(super) fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.max_tokens());
    }

    /// What has changed since the last report; `refused` is why a call was refused just now.
    pub(super) fn take_load_change(
        &mut self,
        refused: Option<RefusalCause>,
        now: Instant,
    ) -> Option<LoadChange> {
        match refused {
            Some(cause) => {
                let is_new = !mem::replace(&mut self.reported_overload, true);
                is_new.then_some(LoadChange::Overloaded(cause))
            }
            None if self.reported_overload && self.is_calm_for(CALM_PERIOD, now) => {
                self.reported_overload = false;
                Some(LoadChange::Recovered)
            }
            None => None,
        }
    }

    /// Updates the overload, the rate and the tokens.
    fn update(&mut self, hash_wait: Duration, now: Instant) {
        while self.taken.front().is_some_and(|at| now.saturating_duration_since(*at) > RATE_WINDOW)
        {
            self.taken.pop_front();
        }
        let overload = self.find_overload(hash_wait, now);
        let before = mem::replace(&mut self.overload, overload);
        let passed =
            self.updated_at.replace(now).map_or(Duration::ZERO, |at| now.duration_since(at));
        let passed = passed.as_secs_f64();
        if self.overload.is_some() {
            if before.is_none() {
                #[expect(clippy::cast_precision_loss, reason = "the calls of a few seconds")]
                let taken = self.taken.len() as f64 / RATE_WINDOW.as_secs_f64();
                self.rate = (self.rate.min(taken) * RATE_CUT).max(MIN_RATE);
                self.growth = CAREFUL_GROWTH;
            }
            self.tokens = 0.0;
            return;
        }
        if self.is_calm_for(FORGET_AFTER, now) {
            self.rate = self.rate.max(self.initial_rate);
            self.growth = GROWTH;
        } else if !self.is_calm_for(Duration::from_secs(1), now) {
            self.rate *= 1.0 + self.growth * passed;
        }
        self.tokens = (self.tokens + self.rate * passed).min(self.max_tokens());
    }

    /// A burst; tokens above it, from a higher rate, are kept.
    fn max_tokens(&self) -> f64 {
        (self.rate * BURST.as_secs_f64()).max(self.tokens)
    }

    fn find_overload(&self, hash_wait: Duration, now: Instant) -> Option<RefusalCause> {
        let is_slow = |latency: Duration, limit: Duration, cause| {
            let recovering = self.overload == Some(cause);
            latency >= if recovering { limit.mul_f64(RECOVERY_FACTOR) } else { limit }
        };
        if is_slow(self.command_latency(now), SLOW_COMMANDS, RefusalCause::Commands) {
            Some(RefusalCause::Commands)
        } else {
            is_slow(hash_wait, SLOW_HASHES, RefusalCause::Hashes).then_some(RefusalCause::Hashes)
        }
    }

    /// Whether no call was refused for this long.
    fn is_calm_for(&self, period: Duration, now: Instant) -> bool {
        self.last_refused.is_none_or(|at| now.saturating_duration_since(at) >= period)
    }
}

#[cfg(test)]
mod tests;
