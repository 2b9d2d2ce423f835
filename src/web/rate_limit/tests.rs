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
use super::budgets::{BucketKeys, Budgets, ReserveOutcome, Spending};
use super::limiter::MAX_BUCKETS;
use super::reservation::MAX_WAIT;
use super::*;
use crate::clock;
use crate::hashing::LOGIN_WAIT;
use domain::network::networks;
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
    RateLimiter::new(NonZeroU32::new(points), || *NOW)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn budgets() -> (RateLimiter, Budgets, Instant) {
    let points = NonZeroU32::new(rules::LOGIN_POINTS_PER_MINUTE).unwrap();
    (limiter(1), Budgets::new(points), *NOW)
}

/// A bucket for each network, where the limiter's hash gives two the same one now and then.
fn separate_keys(address: IpAddr) -> BucketKeys {
    networks(address).map(|network| match network {
        IpAddr::V4(network) => network.to_bits().into(),
        IpAddr::V6(network) => u64::try_from(network.to_bits() >> 64).unwrap(),
    })
}

/// How many requests of this cost pass, from each of `from` in turn.
fn passed(from: impl Iterator<Item = IpAddr>, points: u32, rounds: usize) -> usize {
    let (_, mut budgets, now) = budgets();
    let addresses: Vec<IpAddr> = from.collect();
    let each = |address: &IpAddr| {
        let keys = separate_keys(*address);
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
    // Of a /24, a /16, a /56 and a /48, the first wrong entry of each address passes, and others
    // while the network's budget lasts. The addresses of a /64 are one.
    assert_eq!(passed(v4(0).take(8), dead, 10), 40);
    assert_eq!(passed(v4(0), dead, 10), 256);
    assert_eq!(passed(v4(8), dead, 10), 320);
    assert_eq!(passed(v6(0), dead, 1), 10);
    assert_eq!(passed(v6(64).take(8), dead, 10), 40);
    assert_eq!(passed(v6(64), dead, 10), 256);
    assert_eq!(passed(v6(72), dead, 10), 320);
    // Networks with nothing in common.
    assert_eq!(passed(v4(16), dead, 2), 512);
    assert_eq!(passed(v6(80), dead, 2), 512);
}

/// Some addresses spend the budget of a network around them.
fn exhaust(
    bucket_keys: impl Fn(IpAddr) -> BucketKeys,
    budgets: &mut Budgets,
    from: &[String],
    now: Instant,
) {
    for address in from.iter().map(|text| address(text)) {
        let keys = bucket_keys(address);
        for _ in 0..10 {
            if let ReserveOutcome::Reserved(_) = budgets.reserve(keys, address, 1, now) {
                budgets.settle(
                    keys,
                    1,
                    Spending { points: rules::NO_CREDENTIAL_LOGIN_POINTS, voidings: 0 },
                    now,
                );
            }
        }
    }
}

#[test]
fn r_no_neighbours_wrong_entries_lock_out_an_address_without_any() {
    for (attackers, neighbours) in [
        ((1..=4).map(|host| format!("192.0.2.{host}")).collect(), ["192.0.2.5", "192.0.2.6"]),
        ((1..=40).map(|net| format!("192.0.{net}.1")).collect(), ["192.0.99.1", "192.0.99.2"]),
        (
            (1..=4).map(|net| format!("2001:db8:1:{net}::1")).collect(),
            ["2001:db8:1:5::1", "2001:db8:1:6::1"],
        ),
        (
            (1..=40).map(|net| format!("2001:db8:1:{net:x}00::1")).collect::<Vec<_>>(),
            ["2001:db8:1:6300::1", "2001:db8:1:6400::1"],
        ),
    ] {
        let (_, mut budgets, now) = budgets();
        exhaust(separate_keys, &mut budgets, &attackers, now);
        let [clean, careless] = neighbours.map(address);
        let mut attempt = |from: IpAddr, points: u32, now: Instant| {
            let keys = separate_keys(from);
            let outcome = budgets.reserve(keys, from, 1, now);
            let is_reserved = matches!(outcome, ReserveOutcome::Reserved(_));
            if is_reserved {
                budgets.settle(keys, 1, Spending { points, voidings: 0 }, now);
            }
            is_reserved
        };
        // One's own right logins are limited by one's own budget alone.
        assert!((0..91).all(|_| attempt(clean, rules::SUCCESSFUL_LOGIN_POINTS, now)), "{clean}");
        assert!(!attempt(clean, rules::SUCCESSFUL_LOGIN_POINTS, now), "{clean}");
        // One wrong entry passes. Then the network's budget binds the address too.
        assert!(attempt(careless, rules::FAILED_LOGIN_POINTS, now), "{careless}");
        assert!(!attempt(careless, rules::SUCCESSFUL_LOGIN_POINTS, now), "{careless}");
        let soon = now + Duration::from_mins(10);
        assert!(
            attempt(careless, rules::SUCCESSFUL_LOGIN_POINTS, soon),
            "the network's points are back"
        );
    }
}

#[test]
fn r_a_wrong_entry_counts_for_an_hour_in_an_exhausted_network() {
    let (_, mut budgets, start) = budgets();
    let from = address("192.0.2.9");
    let keys = separate_keys(from);
    let attackers: Vec<String> = (1..=8).map(|host| format!("192.0.2.{host}")).collect();
    for (after, reserved) in [(0, true), (1, false), (59, false), (60, true)] {
        let now = start + Duration::from_mins(after);
        exhaust(separate_keys, &mut budgets, &attackers, now);
        budgets.evict_idle(now);
        let outcome = budgets.reserve(keys, from, 1, now);
        assert_eq!(matches!(outcome, ReserveOutcome::Reserved(_)), reserved, "minute {after}");
        if reserved {
            budgets.settle(
                keys,
                1,
                Spending { points: rules::FAILED_LOGIN_POINTS, voidings: 0 },
                now,
            );
        }
    }
}

/// Many at once pass as if one by one: an address without a wrong entry has one, not as many as
/// it sends.
#[tokio::test]
async fn r_an_exhausted_network_lets_one_wrong_entry_of_an_address_pass_of_many_at_once() {
    for (cost, passing) in [(WRONG, 1), (RIGHT, 91)] {
        let limiter = limiter(rules::LOGIN_POINTS_PER_MINUTE);
        let attackers: Vec<String> = (1..=8).map(|host| format!("192.0.2.{host}")).collect();
        let keys = |from| limiter.bucket_keys(from);
        exhaust(keys, &mut limiter.state().unwrap().budgets, &attackers, *NOW);
        let mut all = JoinSet::new();
        for _ in 0..200 {
            let limiter = limiter.clone();
            all.spawn(async move {
                let mut reservation = limiter.reserve(address("192.0.2.9"), 1).await.ok()?;
                tokio::task::yield_now().await;
                reservation.settle(cost);
                Some(())
            });
        }
        let passed = all.join_all().await.into_iter().flatten().count();
        assert_eq!(passed, passing, "{cost:?}");
    }
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
    budgets.evict_idle(start + Duration::from_secs(3599));
    assert_eq!(budgets.len(), [1, 1, 1], "a wrong entry is remembered");
    budgets.evict_idle(start + Duration::from_hours(1));
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
    let rate_limit =
        RateLimit { address: address("192.0.2.1"), limiter: RateLimiter::new(None, || *NOW) };
    let number = "0612345600".parse().unwrap();
    for _ in 0..1000 {
        let mut reservation = rate_limit.reserve_login(number).await.unwrap();
        assert!(reservation.max_voidings() > 0);
        reservation.settle(VOIDED);
    }
}

/// Otherwise a browser does not learn the outcome, and the daemon counts its password all the same.
#[test]
fn c2_the_documented_proxy_waits_longer_than_a_login_may() {
    let proxy = include_str!("../../../docs/scaling/haproxy.cfg");
    let (_, timeout) = proxy.split_once("timeout server ").unwrap();
    let (minutes, _) = timeout.split_once("m\n").unwrap();
    let timeout = Duration::from_mins(minutes.parse().unwrap());
    assert!(timeout > 2 * (MAX_WAIT + LOGIN_WAIT), "{timeout:?}");
}
