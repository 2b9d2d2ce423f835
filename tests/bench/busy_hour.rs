//! A simulated busy hour: the calls, logins and hashes of 1, 10 and 100 million contracts. It is
//! the source of the sizes in `docs/performance.md`, and gives the same figures on every machine.
//!
//! Calls come as a Poisson stream whose rate follows the hours of a day. Each call is one flow of
//! the mix. A caller who has set a temporary password logs in with it after some time and changes
//! it. One whose 24 hours have passed calls once more. The figures are of the second of two days,
//! since the first one's temporary passwords are still good then.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use anyhow::Result;
use domain::rules::TEMPORARY_PASSWORD_LIFETIME;

use crate::figure::Figure;

/// Calls of one contract in a year, and how much busier the busiest day is than the mean one.
const CALLS_A_YEAR: f64 = 2.0;
const BUSIEST_DAY: f64 = 3.0;
/// Logins of subscribers who have a password, for each call.
const RETURNING: f64 = 2.0;
/// The share of each hour of a day in its calls, and the busy hour's, in percent.
const HOURS: [f64; 24] = [
    0.5, 0.3, 0.2, 0.2, 0.2, 0.3, 0.6, 1.5, 4.0, 9.0, BUSY_HOUR, 9.5, 7.0, 8.0, 8.0, 7.5, 7.0, 6.0,
    5.0, 4.5, 3.7, 2.5, 1.5, 1.0,
];
const BUSY_HOUR: f64 = 12.0;
const HOUR_S: f64 = 3600.0;
const DAY_S: f64 = 24.0 * HOUR_S;

/// What a caller does: its share in percent, its length in seconds, and whether it ends with a
/// temporary password.
struct Flow {
    share: f64,
    length_s: f64,
    sets: bool,
}

const FLOWS: [Flow; 5] = [
    // The unit `line` to the end, guidance heard in part.
    Flow { share: 62.0, length_s: 45.0, sets: true },
    // The other units, which ask for a number.
    Flow { share: 18.0, length_s: 70.0, sets: true },
    // With wrong entries on the way.
    Flow { share: 8.0, length_s: 90.0, sets: true },
    // Given up, or ended by wrong entries.
    Flow { share: 7.0, length_s: 40.0, sets: false },
    // Not available.
    Flow { share: 5.0, length_s: 12.0, sets: false },
];

/// From the call to the login: the share of those who come soon, and the mean of both.
const SOON: f64 = 0.85;
const SOON_MEAN_S: f64 = 300.0;
const LATER_MEAN_S: f64 = DAY_S / 2.0;
/// The change verifies the temporary password once more, and hashes the new one.
const HASHES_OF_CHANGE: f64 = 2.0;

/// Contracts, and the names of their figures.
const SIZES: [(f64, [&str; 4]); 3] = [
    (1e6, ["1 M: calls/s", "1 M: calls at once", "1 M: hashes/s", "1 M: temporary passwords"]),
    (1e7, ["10 M: calls/s", "10 M: calls at once", "10 M: hashes/s", "10 M: temporary passwords"]),
    (
        1e8,
        ["100 M: calls/s", "100 M: calls at once", "100 M: hashes/s", "100 M: temporary passwords"],
    ),
];

/// The rates and peaks of each size.
#[expect(clippy::unnecessary_wraps, reason = "as every measurement")]
pub fn measure() -> Result<Vec<Figure>> {
    let figures = SIZES.into_iter().flat_map(|(contracts, names)| {
        let peaks = simulate(contracts);
        let values = [peaks.calls_a_second, peaks.at_once, peaks.hashes_a_second, peaks.temporary];
        let units = ["/s", "", "/s", ""];
        let named = names.into_iter().zip(values).zip(units);
        named.map(|((name, value), unit)| Figure::new(name, value, unit))
    });
    Ok(figures.collect())
}

/// The busy hour's mean rates, and the most at any moment of its day.
#[derive(Default)]
struct Peaks {
    calls_a_second: f64,
    at_once: f64,
    hashes_a_second: f64,
    temporary: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A call may come: the stream has the busy hour's rate, and is thinned out to the hour's.
    MayCall,
    CallEnds {
        sets: bool,
    },
    /// A temporary password is used, and changed.
    Change,
    /// A temporary password has not been used in time.
    Expiry,
}

struct Simulation {
    chance: Chance,
    /// Between two events of the stream, in the mean.
    interval_s: f64,
    events: BinaryHeap<Reverse<(Duration, Event)>>,
    now: Duration,
    calls: f64,
    temporary: f64,
    /// Of the second day.
    peaks: Peaks,
}

/// Two days; the second one counts.
fn simulate(contracts: f64) -> Peaks {
    let calls_a_day = contracts * CALLS_A_YEAR / 365.0 * BUSIEST_DAY;
    let mut simulation = Simulation {
        chance: Chance(0),
        interval_s: HOUR_S / (calls_a_day * BUSY_HOUR / 100.0),
        events: BinaryHeap::from([Reverse((Duration::ZERO, Event::MayCall))]),
        now: Duration::ZERO,
        calls: 0.0,
        temporary: 0.0,
        peaks: Peaks::default(),
    };
    while simulation.now.as_secs_f64() < 2.0 * DAY_S {
        let Some(Reverse((at, event))) = simulation.events.pop() else { break };
        simulation.now = at;
        simulation.handle(event);
    }
    simulation.peaks
}

impl Simulation {
    fn handle(&mut self, event: Event) {
        match event {
            Event::MayCall => {
                let next_s = self.chance.wait(self.interval_s);
                self.push(next_s, Event::MayCall);
                if self.chance.draw() * BUSY_HOUR < self.hour() {
                    self.begin_call();
                }
            }
            Event::CallEnds { sets } => {
                self.calls -= 1.0;
                if sets {
                    self.set_password();
                }
            }
            Event::Change => {
                self.temporary -= 1.0;
                self.hash(1.0 + HASHES_OF_CHANGE);
            }
            Event::Expiry => {
                self.temporary -= 1.0;
                self.begin_call();
            }
        }
        if self.now.as_secs_f64() >= DAY_S {
            self.peaks.at_once = self.peaks.at_once.max(self.calls);
            self.peaks.temporary = self.peaks.temporary.max(self.temporary);
        }
    }

    fn begin_call(&mut self) {
        let mut drawn = 100.0 * self.chance.draw();
        let flow = FLOWS.iter().find(|flow| {
            drawn -= flow.share;
            drawn <= 0.0
        });
        let Flow { length_s, sets, .. } = *flow.unwrap_or(&FLOWS[0]);
        self.calls += 1.0;
        self.push(length_s, Event::CallEnds { sets });
        self.hash(RETURNING);
        if self.is_busy() {
            self.peaks.calls_a_second += 1.0 / HOUR_S;
        }
    }

    fn set_password(&mut self) {
        self.hash(1.0);
        self.temporary += 1.0;
        let is_soon = self.chance.draw() < SOON;
        let wait_s = self.chance.wait(if is_soon { SOON_MEAN_S } else { LATER_MEAN_S });
        let lifetime_s = TEMPORARY_PASSWORD_LIFETIME.as_secs_f64();
        let event = if wait_s < lifetime_s { Event::Change } else { Event::Expiry };
        self.push(wait_s.min(lifetime_s), event);
    }

    fn hash(&mut self, hashes: f64) {
        if self.is_busy() {
            self.peaks.hashes_a_second += hashes / HOUR_S;
        }
    }

    fn push(&mut self, after_s: f64, event: Event) {
        self.events.push(Reverse((self.now + Duration::from_secs_f64(after_s), event)));
    }

    /// The share of this hour.
    fn hour(&self) -> f64 {
        let hour = self.now.as_secs() / 3600 % 24;
        usize::try_from(hour).ok().and_then(|hour| HOURS.get(hour)).copied().unwrap_or_default()
    }

    /// Whether this is the second day's busy hour.
    fn is_busy(&self) -> bool {
        self.now.as_secs_f64() >= DAY_S && self.hour() >= BUSY_HOUR
    }
}

/// The same random numbers on every machine (`SplitMix64`).
struct Chance(u64);

impl Chance {
    /// Between 0 (never) and 1.
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(u32::MAX);
        (f64::from(drawn) + 1.0) / (f64::from(u32::MAX) + 1.0)
    }

    /// An exponentially distributed time.
    fn wait(&mut self, mean_s: f64) -> f64 {
        -mean_s * self.draw().ln()
    }
}
