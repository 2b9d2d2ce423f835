//! How soon new calls and logins succeed again after a fault began.
//!
//! The last request that fails or is slow, among those after the fault began, shows that it
//! still lasts. The next request shows that it is over: its success is the end of the recovery.
//! Where no request fails or is slow there is nothing to recover from. A request that the next
//! fault may have slowed does not count. So a recovery is known to the interval of callers or
//! logins.

use std::time::{Duration, Instant};

use crate::load::LoadRecords;
use crate::logins::LoginResult;
use crate::row::{Evidence, Times};

/// A request may take this many times as long as the slowest one before the faults.
const SLOW: u32 = 2;
/// A shorter one is never slow.
const BRISK: Duration = Duration::from_secs(1);

/// A new call, served once its caller hears the menu, or a login.
#[derive(Debug, Clone, Copy)]
struct ServiceRequest {
    at: Instant,
    served: Option<Instant>,
}

impl ServiceRequest {
    fn took(&self) -> Option<Duration> {
        self.served.map(|served| served.saturating_duration_since(self.at))
    }
}

/// The recovery after each fault, in seconds, for the table. It is no verdict: the calls that must
/// complete after a fault are one.
pub fn note_recovery(evidence: &Evidence<'_>, _breaches: &mut Vec<String>) -> String {
    let Evidence { records, times, .. } = evidence;
    let mut texts = Vec::new();
    for (what, requests) in [("calls", calls(records)), ("logins", logins(records))] {
        let slow = slow(&requests, times);
        let begins = times.faults.iter().map(|(from, _)| *from);
        let ends = begins.clone().skip(1).map(Some).chain([None]);
        let seconds = begins.zip(ends).map(|(from, until)| {
            let took = recovery(&requests, from, until, slow);
            took.map_or("?".to_owned(), |took| format!("{:.1}", took.as_secs_f64()))
        });
        texts.push(format!("{what} again after {} s", seconds.collect::<Vec<_>>().join(", ")));
    }
    texts.join("; ")
}

/// From the beginning of a fault to the success that ends the recovery.
fn recovery(
    requests: &[ServiceRequest],
    from: Instant,
    until: Option<Instant>,
    slow: Duration,
) -> Option<Duration> {
    let is_later = |request: &&ServiceRequest| {
        request.at >= from && until.is_none_or(|until| request.at + slow < until)
    };
    let later: Vec<&ServiceRequest> = requests.iter().filter(is_later).collect();
    let is_affected = |request: &&ServiceRequest| request.took().is_none_or(|took| took > slow);
    match later.iter().rposition(is_affected) {
        Some(last) => Some(later.get(last + 1)?.served?.saturating_duration_since(from)),
        None => Some(Duration::ZERO),
    }
}

fn slow(requests: &[ServiceRequest], times: &Times) -> Duration {
    let first = times.faults.first().map(|(from, _)| *from);
    let before = requests.iter().filter(|request| {
        first.is_none_or(|first| request.served.is_some_and(|served| served < first))
    });
    let slowest = before.filter_map(ServiceRequest::took).max().unwrap_or_default();
    (slowest * SLOW).max(BRISK)
}

fn calls(records: &LoadRecords) -> Vec<ServiceRequest> {
    let requests = records.calls.iter().map(|call| {
        let menu = call.heard.first().filter(|heard| heard.may_be("menu"));
        ServiceRequest { at: call.placed, served: menu.map(|menu| menu.started) }
    });
    in_order(requests)
}

fn logins(records: &LoadRecords) -> Vec<ServiceRequest> {
    let requests = records.logins.iter().map(|login| {
        let good = LoginResult::Status(if login.right { 200 } else { 401 });
        ServiceRequest { at: login.asked, served: (login.answer == good).then_some(login.answered) }
    });
    in_order(requests)
}

/// They were recorded as they ended.
fn in_order(requests: impl Iterator<Item = ServiceRequest>) -> Vec<ServiceRequest> {
    let mut requests: Vec<ServiceRequest> = requests.collect();
    requests.sort_by_key(|request| request.at);
    requests
}

#[test]
fn a_recovery_ends_with_the_first_success_after_the_last_failure_or_slow_success() {
    let begin = Instant::now();
    let at = |ms: u64| begin + Duration::from_millis(ms);
    let request = |came: u64, took: Option<u64>| ServiceRequest {
        at: at(came),
        served: took.map(|took| at(came + took)),
    };
    let recovery =
        |requests: &[ServiceRequest]| recovery(requests, at(1000), Some(at(9000)), BRISK);
    let good = [request(900, None), request(1200, Some(300)), request(8500, None)];
    assert_eq!(recovery(&good), Some(Duration::ZERO));
    let failed = [good[1], request(2000, None), request(2600, Some(200))];
    assert_eq!(recovery(&failed), Some(Duration::from_millis(1800)));
    let slow = [failed[2], request(3000, Some(2100)), request(3900, Some(100))];
    assert_eq!(recovery(&slow), Some(Duration::from_secs(3)));
    assert_eq!(recovery(&failed[..2]), None);
}
