//! Whether a new call is taken: by how quickly the line reacts to the calls that it has.
//!
//! Two reactions are measured: how long Asterisk takes for what a call orders, and how long a call
//! waits for its hash. While one of them is slow no new call is taken, until it is quick again. A
//! call asks for its hash some ten seconds after it was taken, so too many are felt late. Therefore
//! calls are taken at a rate that grows as long as the line is quick, and that an overload cuts (as
//! TCP's congestion control does). A call that ends without a hash does not count. A
//! refused one counts in part, since its apology takes time from the calls under way.
//!
//! Without I/O: the time comes in as an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Orders are slow from here on: half of what is waited for an answer. A slow network alone is
/// quicker.
const SLOW_ORDERS: Duration = Duration::from_secs(1);
/// Hashes are slow from here on. After 8 s a caller hears `trouble` (`P15`), and a queue of that
/// length builds up within seconds.
const SLOW_HASHES: Duration = Duration::from_millis(500);
/// What was slow is quick again below this part of that.
const QUICK: f64 = 0.4;
/// How much one measurement counts for, and the most that it says: one that is lost is no overload.
const WEIGHT: f64 = 0.1;
const MOST: Duration = Duration::from_secs(2);
/// Without another measurement for so long half is forgotten, and again in each such time.
const HALF_LIFE: Duration = Duration::from_millis(700);

/// Over how long the rate of taken calls is counted.
const COUNTED: Duration = Duration::from_secs(5);
/// What an overload leaves of it, and the least that it leaves, in calls a second.
const CUT: f64 = 0.7;
const LEAST: f64 = 4.0;
/// By which part the rate grows in a second while calls are refused for it: before the first
/// overload, and after one.
const GROWTH: f64 = 0.03;
const CAREFUL_GROWTH: f64 = 0.01;
/// The part of a call that a refused one counts for, and the part of the rate that always remains.
const REFUSED_COST: f64 = 0.4;
const LEFT_SHARE: f64 = 0.25;
/// Calls of so long may come at once after a pause.
const BURST: Duration = Duration::from_secs(2);
/// An overload is over for the log once nobody was refused for so long, and forgotten after this.
const CALM: Duration = Duration::from_secs(5);
const FORGOTTEN: Duration = Duration::from_mins(1);

/// Why a call is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Asterisk does what it is told too slowly.
    Orders,
    /// Hashes come too slowly.
    Hashes,
    /// Calls come quicker than the rate that the line is known to bear.
    Rate,
}

impl Cause {
    /// Its name in metrics and logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Hashes => "hashes",
            Self::Rate => "rate",
        }
    }
}

/// A reaction, smoothed.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    seconds: f64,
    at: Option<Instant>,
}

impl Reaction {
    /// One more measurement.
    pub(crate) fn note(&mut self, took: Duration, now: Instant) {
        let before = self.now(now).as_secs_f64();
        self.seconds = before + WEIGHT * (took.min(MOST).as_secs_f64() - before);
        self.at = Some(now);
    }

    /// What it is by now.
    pub(crate) fn now(&self, now: Instant) -> Duration {
        let since = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let half_lives = since.saturating_sub(HALF_LIFE).as_secs_f64() / HALF_LIFE.as_secs_f64();
        Duration::from_secs_f64(self.seconds * (-half_lives).exp2())
    }
}

/// What the log is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// Calls are refused from now on.
    Refuses(Cause),
    /// No call has been refused for a while.
    TakesAll,
}

/// Takes new calls, or does not.
#[derive(Debug)]
pub(crate) struct Admission {
    orders: Reaction,
    /// What is slow.
    overload: Option<Cause>,
    /// When the calls of the last seconds were taken.
    taken: VecDeque<Instant>,
    /// Calls a second: at first, and now.
    first: f64,
    a_second: f64,
    growth: f64,
    /// Calls that may be taken by now.
    saved: f64,
    at: Option<Instant>,
    last_refused: Option<Instant>,
    refuses: bool,
}

impl Admission {
    /// One that takes so many calls a second at first.
    pub(crate) fn new(first: f64) -> Self {
        Self {
            orders: Reaction::default(),
            overload: None,
            taken: VecDeque::new(),
            first,
            a_second: first,
            growth: GROWTH,
            saved: first * BURST.as_secs_f64(),
            at: None,
            last_refused: None,
            refuses: false,
        }
    }

    /// Asterisk took so long for what a call has ordered.
    pub(crate) fn note_order(&mut self, took: Duration, now: Instant) {
        self.orders.note(took, now);
    }

    /// How quickly Asterisk does what calls order.
    pub(crate) fn orders(&self, now: Instant) -> Duration {
        self.orders.now(now)
    }

    /// Takes one more call, or says why not; `hashes` is how long calls wait for theirs.
    pub(crate) fn admit(&mut self, hashes: Duration, now: Instant) -> Result<(), Cause> {
        let before = self.saved;
        self.judge(hashes, now);
        let cause = match self.overload {
            Some(cause) => cause,
            None if self.saved < 1.0 => Cause::Rate,
            None => {
                self.saved -= 1.0;
                self.taken.push_back(now);
                return Ok(());
            }
        };
        self.last_refused = Some(now);
        let come = (self.saved - before).max(0.0);
        self.saved -= REFUSED_COST.min(come * (1.0 - LEFT_SHARE));
        Err(cause)
    }

    /// Returns the share of a call that ended without a hash, up to one burst in all.
    pub(crate) fn give_back(&mut self) {
        let most = (self.a_second * BURST.as_secs_f64()).max(self.saved);
        self.saved = (self.saved + 1.0).min(most);
    }

    /// What has changed for the log since it was asked last; `refused` is why a call was refused
    /// just now.
    pub(crate) fn news(&mut self, refused: Option<Cause>, now: Instant) -> Option<News> {
        match refused {
            Some(cause) => {
                (!std::mem::replace(&mut self.refuses, true)).then_some(News::Refuses(cause))
            }
            None if self.refuses && self.is_calm(CALM, now) => {
                self.refuses = false;
                Some(News::TakesAll)
            }
            None => None,
        }
    }

    /// What is slow now, and what follows from it and from the time that has passed.
    fn judge(&mut self, hashes: Duration, now: Instant) {
        while self.taken.front().is_some_and(|at| now.saturating_duration_since(*at) > COUNTED) {
            self.taken.pop_front();
        }
        let overload = self.slow(hashes, now);
        let was = std::mem::replace(&mut self.overload, overload);
        let passed = self.at.replace(now).map_or(Duration::ZERO, |at| now.duration_since(at));
        let passed = passed.as_secs_f64();
        if self.overload.is_some() {
            if was.is_none() {
                #[expect(clippy::cast_precision_loss, reason = "the calls of a few seconds")]
                let taken = self.taken.len() as f64 / COUNTED.as_secs_f64();
                self.a_second = (self.a_second.min(taken) * CUT).max(LEAST);
                self.growth = CAREFUL_GROWTH;
            }
            self.saved = 0.0;
            return;
        }
        if self.is_calm(FORGOTTEN, now) {
            self.a_second = self.a_second.max(self.first);
            self.growth = GROWTH;
        } else if !self.is_calm(Duration::from_secs(1), now) {
            self.a_second *= 1.0 + self.growth * passed;
        }
        let most = (self.a_second * BURST.as_secs_f64()).max(self.saved);
        self.saved = (self.saved + self.a_second * passed).min(most);
    }

    fn slow(&self, hashes: Duration, now: Instant) -> Option<Cause> {
        let is_slow = |reaction: Duration, slow: Duration, cause| {
            let from = if self.overload == Some(cause) { slow.mul_f64(QUICK) } else { slow };
            reaction >= from
        };
        if is_slow(self.orders(now), SLOW_ORDERS, Cause::Orders) {
            Some(Cause::Orders)
        } else {
            is_slow(hashes, SLOW_HASHES, Cause::Hashes).then_some(Cause::Hashes)
        }
    }

    /// Whether nobody was refused for so long.
    fn is_calm(&self, so_long: Duration, now: Instant) -> bool {
        self.last_refused.is_none_or(|at| now.saturating_duration_since(at) >= so_long)
    }
}

#[cfg(test)]
mod tests;
