//! How soon new calls and logins succeed again after a fault began.
//!
//! The last attempt that fails or is slow, among those made after the fault began, shows that it
//! still lasts. The next attempt shows that it is over: its success is the end of the recovery.
//! Where no attempt fails or is slow there is nothing to recover from. An attempt that the next
//! fault may have slowed does not count. So a recovery is known to the interval of callers or
//! logins.

use std::time::{Duration, Instant};

use crate::load::Lived;
use crate::logins::LoginResult;
use crate::row::{Evidence, Times};

/// An attempt may take this many times as long as the slowest one before the faults.
const SLOW: u32 = 2;
/// A shorter one is never slow.
const BRISK: Duration = Duration::from_secs(1);

/// A new call, served once its caller hears the menu, or a login.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    made: Instant,
    served: Option<Instant>,
}

impl Attempt {
    fn took(&self) -> Option<Duration> {
        self.served.map(|served| served.saturating_duration_since(self.made))
    }
}

/// The recovery after each fault, in seconds, for the table. It is no verdict: the calls that must
/// complete after a fault are one.
pub fn note_recovery(evidence: &Evidence<'_>, _breaches: &mut Vec<String>) -> String {
    let Evidence { lived, times, .. } = evidence;
    let mut texts = Vec::new();
    for (what, attempts) in [("calls", calls(lived)), ("logins", logins(lived))] {
        let slow = slow(&attempts, times);
        let begins = times.faults.iter().map(|(from, _)| *from);
        let ends = begins.clone().skip(1).map(Some).chain([None]);
        let seconds = begins.zip(ends).map(|(from, until)| {
            let took = recovery(&attempts, from, until, slow);
            took.map_or("?".to_owned(), |took| format!("{:.1}", took.as_secs_f64()))
        });
        texts.push(format!("{what} again after {} s", seconds.collect::<Vec<_>>().join(", ")));
    }
    texts.join("; ")
}

/// From the beginning of a fault to the success that ends the recovery.
fn recovery(
    attempts: &[Attempt],
    from: Instant,
    until: Option<Instant>,
    slow: Duration,
) -> Option<Duration> {
    let is_later = |attempt: &&Attempt| {
        attempt.made >= from && until.is_none_or(|until| attempt.made + slow < until)
    };
    let later: Vec<&Attempt> = attempts.iter().filter(is_later).collect();
    let is_affected = |attempt: &&Attempt| attempt.took().is_none_or(|took| took > slow);
    match later.iter().rposition(is_affected) {
        Some(last) => Some(later.get(last + 1)?.served?.saturating_duration_since(from)),
        None => Some(Duration::ZERO),
    }
}

fn slow(attempts: &[Attempt], times: &Times) -> Duration {
    let first = times.faults.first().map(|(from, _)| *from);
    let before = attempts.iter().filter(|attempt| {
        first.is_none_or(|first| attempt.served.is_some_and(|served| served < first))
    });
    let slowest = before.filter_map(Attempt::took).max().unwrap_or_default();
    (slowest * SLOW).max(BRISK)
}

fn calls(lived: &Lived) -> Vec<Attempt> {
    let attempts = lived.calls.iter().map(|call| {
        let menu = call.heard.first().filter(|heard| heard.may_be("menu"));
        Attempt { made: call.placed, served: menu.map(|menu| menu.started) }
    });
    in_order(attempts)
}

fn logins(lived: &Lived) -> Vec<Attempt> {
    let attempts = lived.logins.iter().map(|login| {
        let good = LoginResult::Status(if login.right { 200 } else { 401 });
        Attempt { made: login.asked, served: (login.answer == good).then_some(login.answered) }
    });
    in_order(attempts)
}

/// They were recorded as they ended.
fn in_order(attempts: impl Iterator<Item = Attempt>) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = attempts.collect();
    attempts.sort_by_key(|attempt| attempt.made);
    attempts
}

#[test]
fn a_recovery_ends_with_the_first_success_after_the_last_failure_or_slow_success() {
    let begin = Instant::now();
    let at = |ms: u64| begin + Duration::from_millis(ms);
    let attempt = |made: u64, took: Option<u64>| Attempt {
        made: at(made),
        served: took.map(|took| at(made + took)),
    };
    let recovery = |attempts: &[Attempt]| recovery(attempts, at(1000), Some(at(9000)), BRISK);
    let good = [attempt(900, None), attempt(1200, Some(300)), attempt(8500, None)];
    assert_eq!(recovery(&good), Some(Duration::ZERO));
    let failed = [good[1], attempt(2000, None), attempt(2600, Some(200))];
    assert_eq!(recovery(&failed), Some(Duration::from_millis(1800)));
    let slow = [failed[2], attempt(3000, Some(2100)), attempt(3900, Some(100))];
    assert_eq!(recovery(&slow), Some(Duration::from_secs(3)));
    assert_eq!(recovery(&failed[..2]), None);
}
