//! Shares, evictions and metrics, without a socket.

use std::num::NonZeroU32;
use std::sync::LazyLock;

use metrics::with_local_recorder;
use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;

/// Time stands still.
static NOW: LazyLock<Instant> = LazyLock::new(clock::now);

fn limiter(total: usize, per_network: usize) -> ConnectionLimiter {
    ConnectionLimiter::new("test", total, per_network, vec!["192.0.2.0/24".parse().unwrap()])
}

/// A connection with a request in progress.
fn busy(limiter: &ConnectionLimiter, from: &str) -> Option<(RequestGuard, oneshot::Receiver<()>)> {
    let (permit, evicted) = limiter.try_acquire(from.parse().unwrap())?;
    Some((Arc::new(permit).begin_request(), evicted))
}

fn idle(
    limiter: &ConnectionLimiter,
    from: &str,
) -> Option<(ConnectionPermit, oneshot::Receiver<()>)> {
    limiter.try_acquire(from.parse().unwrap())
}

#[test]
fn one_address_takes_its_share_and_leaves_the_rest_to_others() {
    let limiter = limiter(4, 2);
    let held = [busy(&limiter, "198.51.100.1"), busy(&limiter, "::ffff:198.51.100.1")];
    assert!(held.iter().all(Option::is_some));
    assert!(busy(&limiter, "198.51.100.1").is_none());
    let others = [busy(&limiter, "2001:db8::1"), busy(&limiter, "2001:db8:0:ff::2")];
    assert!(others.iter().all(Option::is_some));
    assert!(busy(&limiter, "2001:db8:0:1::3").is_none(), "one household of IPv6");
    drop(others);
    assert!(busy(&limiter, "2001:db8:0:1::3").is_some());
    assert!(busy(&limiter, "198.51.100.1").is_none());
    drop(held);
    assert!(busy(&limiter, "198.51.100.1").is_some());
    let table = limiter.table();
    assert!(table.by_network.is_empty() && table.by_id.is_empty(), "nothing is remembered");
    assert!(table.idle.is_empty());
}

/// Which of these were evicted.
fn evicted(held: &mut [(ConnectionPermit, oneshot::Receiver<()>)]) -> Vec<bool> {
    held.iter_mut().map(|(_, evicted)| evicted.try_recv().is_ok()).collect()
}

#[test]
fn r_the_longest_idle_connection_makes_room_for_a_new_one() {
    let limiter = limiter(3, 2);
    let come = |from: &str| idle(&limiter, from).unwrap();
    let mut held = vec![come("198.51.100.1"), come("198.51.100.2"), come("198.51.100.2")];
    // The first has had a request since, so that the second has been idle for longest.
    limiter.table().begin_request(1);
    limiter.table().end_request(1);
    held.push(come("203.0.113.1"));
    assert_eq!(evicted(&mut held), [false, true, false, false]);
    // Its place is free at once, and given back only once.
    assert_eq!(limiter.table().by_id.len(), 3);
    drop(held.remove(1));
    assert_eq!(limiter.table().by_id.len(), 3);
    // One network makes room for itself, even if another has been idle for longer.
    held.push(come("198.51.100.2"));
    held.push(come("198.51.100.2"));
    assert_eq!(evicted(&mut held)[..3], [true, true, false]);
}

#[test]
fn r_a_connection_with_a_request_does_not_make_room() {
    let limiter = limiter(2, 2);
    let (busy, mut evict) = idle(&limiter, "198.51.100.1").unwrap();
    let busy = Arc::new(busy);
    let (first, second) = (busy.begin_request(), busy.begin_request());
    let mut held = vec![idle(&limiter, "198.51.100.2").unwrap()];
    held.push(idle(&limiter, "198.51.100.3").unwrap());
    assert_eq!(evicted(&mut held), [true, false]);
    drop(first);
    held.push(idle(&limiter, "198.51.100.4").unwrap());
    assert_eq!(evicted(&mut held), [false, true, false], "one request of two is in progress");
    assert!(evict.try_recv().is_err());
    drop(second);
    held.push(idle(&limiter, "198.51.100.5").unwrap());
    held.push(idle(&limiter, "198.51.100.6").unwrap());
    assert!(evict.try_recv().is_ok());
}

#[test]
fn refusals_are_counted_by_the_limit_that_refused() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let one = NonZeroU32::new(1);
    let rates = Arc::new(ConnectionRates::new(NonZeroU32::new(4), one));
    let limiter = ConnectionLimiter { rates, now: || *NOW, ..limiter(4, 3) };
    let attempts = |from: &str| [busy(&limiter, from), busy(&limiter, from)];
    let _held = with_local_recorder(&recorder, || {
        let held = [attempts("198.51.100.1"), attempts("198.51.100.1")];
        let others = [attempts("198.51.100.1"), attempts("203.0.113.1")];
        let from = "203.0.113.1".parse().unwrap();
        assert_eq!([(); 2].map(|()| limiter.try_begin_handshake(from)), [true, false]);
        (held, others)
    });
    let rendered = metrics.render();
    for sample in [
        "connections_refused_total{listener=\"test\",limit=\"address\"} 1",
        "connections_refused_total{listener=\"test\",limit=\"rate\"} 2",
        "connections_refused_total{listener=\"test\",limit=\"all\"} 1",
        "connections_refused_total{listener=\"test\",limit=\"handshakes\"} 1",
        "connections{listener=\"test\"} 4",
    ] {
        assert!(rendered.contains(&format!("\nkaripass_http_{sample}\n")), "{rendered}");
    }
}

#[test]
fn where_there_are_fewer_places_one_address_has_the_same_share() {
    let limiter = limiter(8, 4).cap(2);
    let held = busy(&limiter, "198.51.100.1");
    assert!(held.is_some());
    assert!(busy(&limiter, "198.51.100.1").is_none());
    assert!(busy(&limiter, "198.51.100.2").is_some());
}

#[test]
fn all_places_together_are_bound_and_a_proxy_may_take_them_all() {
    let limiter = limiter(4, 1).cap(3).cap(9);
    let held: Vec<_> = (0..3).map(|_| idle(&limiter, "192.0.2.7")).collect();
    assert!(held.iter().all(Option::is_some));
    assert!(idle(&limiter, "192.0.2.7").is_none());
    assert!(idle(&limiter, "198.51.100.1").is_none(), "a proxy's are never evicted");
    drop(held);
    assert!(idle(&limiter, "198.51.100.1").is_some());
}
