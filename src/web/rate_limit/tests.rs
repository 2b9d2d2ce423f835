//! The cost of logins: budgets on a clock that the tests move, and requests that wait for others to
//! settle.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use super::attempts::AttemptOutcome;
use super::budgets::{Budgets, ReserveOutcome, Spending};
use super::limiter::MAX_BUCKETS;
use super::*;
use crate::clock;
use domain::rules;

/// Time stands still unless a test moves it.
static NOW: LazyLock<Instant> = LazyLock::new(clock::now);

const RIGHT: RequestCost =
    RequestCost::new(rules::SUCCESSFUL_LOGIN_POINTS, AttemptOutcome::Right, 0);
const WRONG: RequestCost = RequestCost::new(rules::FAILED_LOGIN_POINTS, AttemptOutcome::Wrong, 0);
const DEAD: RequestCost =
    RequestCost::new(rules::NO_CREDENTIAL_LOGIN_POINTS, AttemptOutcome::NoCredential, 0);
const VOIDED: RequestCost = RequestCost::new(rules::FAILED_LOGIN_POINTS, AttemptOutcome::Voided, 1);

fn limiter(points: u32) -> RateLimiter {
    let mut limiter = RateLimiter::new(NonZeroU32::new(points));
    limiter.now = || *NOW;
    limiter
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn budgets() -> (RateLimiter, Budgets, Instant) {
    let points = NonZeroU32::new(rules::LOGIN_POINTS_PER_MINUTE).unwrap();
    (limiter(1), Budgets::new(points), *NOW)
}

/// How many requests of this cost pass, from each of `from` in turn.
fn passed(from: impl Iterator<Item = IpAddr>, points: u32, rounds: usize) -> usize {
    let (limiter, mut budgets, now) = budgets();
    let addresses: Vec<IpAddr> = from.collect();
    let each = |address: &IpAddr| {
        let keys = limiter.bucket_keys(*address);
        let is_reserved =
            matches!(budgets.reserve(keys, *address, 1, now), ReserveOutcome::Reserved(1));
        if is_reserved {
            budgets.settle(keys, 1, Spending { points, voidings: 0 }, now);
        }
        usize::from(is_reserved)
    };
    addresses.iter().cycle().take(addresses.len() * rounds).map(each).sum()
}

#[test]
fn r_what_passes_in_a_minute_depends_on_its_outcomes() {
    let one = || std::iter::once(address("192.0.2.1"));
    // The highest cost must be left each time.
    assert_eq!(passed(one(), rules::SUCCESSFUL_LOGIN_POINTS, 200), 91);
    assert_eq!(passed(one(), rules::FAILED_LOGIN_POINTS, 200), 19);
    assert_eq!(passed(one(), rules::NO_CREDENTIAL_LOGIN_POINTS, 200), 10);
}

#[test]
fn r_wider_networks_have_larger_budgets() {
    let dead = rules::NO_CREDENTIAL_LOGIN_POINTS;
    let v4 =
        |bits: u32| (0..256).map(move |n| Ipv4Addr::from_bits(0xc000_0000 + (n << bits)).into());
    let v6 = |bits: u32| {
        let network = u128::from_str_radix("20010db8000100000000000000000000", 16).unwrap();
        (0..256).map(move |n| std::net::Ipv6Addr::from_bits(network + (n << bits)).into())
    };
    // A /24 and a /16; a /64, a /56 and a /48; and networks with nothing in common.
    assert_eq!(passed(v4(0), dead, 1), 40);
    assert_eq!(passed(v4(8), dead, 10), 320);
    assert_eq!(passed(v6(0), dead, 1), 10);
    assert_eq!(passed(v6(64), dead, 1), 40);
    assert_eq!(passed(v6(72), dead, 10), 320);
    assert_eq!(passed(v4(16), dead, 1), 256);
    assert_eq!(passed(v6(80), dead, 1), 256);
}

#[test]
fn r_spent_points_return_within_the_minute() {
    let (limiter, mut budgets, start) = budgets();
    let from = address("2001:db8::1");
    let keys = limiter.bucket_keys(from);
    budgets.reserve(keys, from, 1, start);
    budgets.settle(keys, 1, Spending { points: 95, voidings: 0 }, start);
    assert_eq!(budgets.check(keys, from, start), Err(Duration::from_secs(3)));
    assert_eq!(budgets.check(keys, from, start + Duration::from_secs(3)), Ok(()));
    budgets.evict_idle(start + Duration::from_secs(56));
    assert_eq!(budgets.len(), [1, 0, 0], "wider networks have larger budgets");
    budgets.evict_idle(start + Duration::from_secs(57));
    assert_eq!(budgets.len(), [0, 0, 0], "nothing is remembered");
}

#[test]
fn r_one_address_voids_ten_an_hour_and_a_network_around_it_more() {
    let (limiter, mut budgets, start) = budgets();
    let mut void = |from: &str, now: Instant| {
        let from = address(from);
        let keys = limiter.bucket_keys(from);
        let ReserveOutcome::Reserved(voidings) = budgets.reserve(keys, from, 1, now) else {
            return 9;
        };
        budgets.settle(keys, voidings, Spending { points: 0, voidings }, now);
        voidings
    };
    let first: u32 = (0..12).map(|_| void("192.0.2.1", start)).sum();
    assert_eq!(first, 10);
    let others = (2..12).flat_map(|last| [last; 5]);
    let others: u32 = others.map(|last| void(&format!("192.0.2.{last}"), start)).sum();
    assert_eq!(others, 40 - 10, "a /24 voids four times as many");
    assert_eq!(void("192.0.2.1", start + Duration::from_secs(3599)), 0);
    assert_eq!(void("192.0.2.1", start + Duration::from_hours(1)), 1);
}

#[tokio::test]
async fn r_a_thousand_at_once_pass_as_many_as_one_by_one() {
    for (cost, passing) in [(RIGHT, 91), (WRONG, 19), (DEAD, 10)] {
        let limiter = limiter(rules::LOGIN_POINTS_PER_MINUTE);
        let mut all = JoinSet::new();
        for _ in 0..1000 {
            let limiter = limiter.clone();
            all.spawn(async move {
                let mut reservation = limiter.reserve(address("192.0.2.1"), 1).await.ok()?;
                // All the others come in between.
                tokio::task::yield_now().await;
                reservation.settle(cost);
                Some(())
            });
        }
        let passed = all.join_all().await.into_iter().flatten().count();
        assert_eq!(passed, passing, "{cost:?}");
    }
}

#[tokio::test]
async fn r_a_dropped_request_pays_the_highest_cost_and_one_that_waits_nothing() {
    let limiter = limiter(20);
    let from = address("192.0.2.1");
    let (first, second) =
        (limiter.reserve(from, 1).await.unwrap(), limiter.reserve(from, 1).await.unwrap());
    {
        let waiting = limiter.reserve(from, 1);
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none(), "others have reserved it all");
    }
    drop((first, second));
    assert!(limiter.reserve(from, 1).await.is_err());
}

#[tokio::test]
async fn r_after_ten_voidings_a_number_without_a_credential_looks_like_one_with() {
    let number = |last: u32| format!("06123456{last:02}").parse::<PhoneNumber>().unwrap();
    for last_cost in [VOIDED, DEAD] {
        let limiter = limiter(100_000);
        let rate_limit = RateLimit { address: address("192.0.2.1"), limiter };
        let attempt = async |number: PhoneNumber, cost: RequestCost| {
            let Ok(mut reservation) = rate_limit.reserve_login(number).await else {
                return false;
            };
            let may_void = reservation.max_voidings() > 0;
            assert!(may_void || cost.voided == 0);
            reservation.settle(cost);
            true
        };
        // Ten credentials, or numbers without one, thrice each.
        for last in 0..10 {
            for cost in
                [if last_cost == VOIDED { WRONG } else { DEAD }; 2].into_iter().chain([last_cost])
            {
                assert!(attempt(number(last), cost).await);
            }
        }
        // Whatever the eleventh number has, two attempts are compared and the third is not.
        for (last, cost) in [(20, DEAD), (21, WRONG)] {
            let answers = [
                attempt(number(last), cost).await,
                attempt(number(last), cost).await,
                attempt(number(last), cost).await,
            ];
            assert_eq!(answers, [true, true, false], "{cost:?}");
        }
        // One wrong entry before a login refuses nothing.
        for _ in 0..3 {
            assert!(attempt(number(30), WRONG).await);
            assert!(attempt(number(30), RIGHT).await);
        }
    }
}

#[test]
fn the_number_of_buckets_is_limited() {
    let limiter = limiter(1);
    let keys = |bits: u32| limiter.bucket_keys(Ipv4Addr::from_bits(bits << 16).into());
    let seen: Vec<u64> = (0..10_000).flat_map(keys).collect();
    assert!(seen.iter().all(|key| *key < MAX_BUCKETS));
    let distinct: HashSet<u64> = seen.into_iter().collect();
    assert!(distinct.len() > 9_000, "{} of 10,000", distinct.len());
}

#[tokio::test]
async fn off_is_no_limit() {
    let rate_limit = RateLimit { address: address("192.0.2.1"), limiter: RateLimiter::new(None) };
    let number = "0612345600".parse().unwrap();
    for _ in 0..1000 {
        let mut reservation = rate_limit.reserve_login(number).await.unwrap();
        assert!(reservation.max_voidings() > 0);
        reservation.settle(VOIDED);
    }
}
