//! Limits concurrent connections, in total and for each client network, and their rate.
//!
//! A network is an IPv4 address or 56 bits of IPv6. At the limit, the connection that has been idle
//! for longest is evicted: one of the same network at its limit, else any. Trusted proxies are
//! exempt from the limit of a network, and their connections are never evicted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{counter, gauge};
use tokio::sync::oneshot;

use super::client_ip::subscriber_network;
use super::connection_rate::{ConnectionRates, RateKind};
use crate::clock;
use crate::config::{Network, Site};
use crate::metrics::{HTTP_CONNECTIONS, HTTP_CONNECTIONS_CLOSED, HTTP_CONNECTIONS_REFUSED};

/// Enough for operators, their Prometheus and load balancers.
const MAX_OPS_CONNECTIONS: usize = 256;

/// A listener's connections; cheap to clone.
#[derive(Debug, Clone)]
pub struct ConnectionLimiter {
    name: &'static str,
    max_total: usize,
    max_per_network: usize,
    proxies: Vec<Network>,
    table: Arc<Mutex<ConnectionTable>>,
    rates: Arc<ConnectionRates>,
}

#[derive(Debug, Default)]
struct ConnectionTable {
    by_id: HashMap<u64, ConnectionState>,
    by_network: HashMap<IpAddr, NetworkShare>,
    /// The connections that may be evicted, in the order in which they became idle.
    idle: BTreeMap<u64, u64>,
    next_id: u64,
    next_turn: u64,
}

#[derive(Debug)]
struct ConnectionState {
    /// The network that it counts for; `None` for a proxy.
    network: Option<IpAddr>,
    requests: u32,
    idle_since: Option<u64>,
    evict: oneshot::Sender<()>,
}

/// What one network has.
#[derive(Debug, Default)]
struct NetworkShare {
    held: usize,
    idle: BTreeSet<u64>,
}

impl ConnectionLimiter {
    /// As configured for subscribers.
    #[must_use]
    pub fn for_subscribers(site: &Site) -> Self {
        let rates = ConnectionRates::new(site.connection_rate, site.handshake_rate);
        let (all, each) = (site.max_connections, site.max_connections_per_address);
        let rates = Arc::new(rates);
        Self { rates, ..Self::new("site", all, each, site.trusted_proxies.clone()) }
    }

    /// For the operators' listener.
    #[must_use]
    pub fn for_operators() -> Self {
        Self::new("operators", MAX_OPS_CONNECTIONS, MAX_OPS_CONNECTIONS, Vec::new())
    }

    /// With at most this many connections; a network keeps its share of them.
    #[must_use]
    pub fn cap(self, places: usize) -> Self {
        let all = self.max_total.min(places);
        let each = (self.max_per_network * all).div_ceil(self.max_total.max(1)).max(1);
        Self { max_total: all, max_per_network: each, ..self }
    }

    fn new(name: &'static str, all: usize, each: usize, proxies: Vec<Network>) -> Self {
        let rates = Arc::new(ConnectionRates::new(None, None));
        Self { name, max_total: all, max_per_network: each, proxies, table: Arc::default(), rates }
    }

    /// A place for a connection from `address`, and the word to leave it; none if it comes too
    /// fast, or all places are taken, or all of its network, and none of these is idle.
    pub(super) fn try_acquire(
        &self,
        address: IpAddr,
    ) -> Option<(ConnectionPermit, oneshot::Receiver<()>)> {
        let network = (!self.is_proxy(address)).then(|| subscriber_network(address));
        if network.is_some()
            && !self.rates.try_acquire(RateKind::Connections, address, clock::now())
        {
            self.count_refusal("rate");
            return None;
        }
        let mut taken = self.table();
        let held = network.and_then(|network| taken.by_network.get(&network));
        if held.is_some_and(|share| share.held >= self.max_per_network) {
            let longest = held.and_then(|share| share.idle.first().copied());
            self.evict(&mut taken, longest, "address")?;
        }
        if taken.by_id.len() >= self.max_total {
            let longest = taken.idle.first_key_value().map(|(turn, _)| *turn);
            self.evict(&mut taken, longest, "all")?;
        }
        let (leave, left) = oneshot::channel();
        let id = taken.insert(network, leave);
        self.update_gauge(&taken);
        Some((ConnectionPermit { limiter: self.clone(), id }, left))
    }

    /// Whether a handshake with `address` may begin.
    pub(super) fn try_begin_handshake(&self, address: IpAddr) -> bool {
        let admits = self.is_proxy(address)
            || self.rates.try_acquire(RateKind::Handshakes, address, clock::now());
        if !admits {
            self.count_refusal("handshakes");
        }
        admits
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// Has the connection that has been idle since `longest` leave.
    fn evict(
        &self,
        taken: &mut ConnectionTable,
        longest: Option<u64>,
        limit: &'static str,
    ) -> Option<()> {
        let Some(id) = longest.and_then(|turn| taken.idle.get(&turn).copied()) else {
            self.count_refusal(limit);
            return None;
        };
        if let Some(ConnectionState { evict: leave, .. }) = taken.remove(id) {
            // It may have gone by itself just now.
            let _ = leave.send(());
        }
        let labels = [("listener", self.name), ("limit", limit)];
        counter!(HTTP_CONNECTIONS_CLOSED, &labels).increment(1);
        Some(())
    }

    fn count_refusal(&self, limit: &'static str) {
        let labels = [("listener", self.name), ("limit", limit)];
        counter!(HTTP_CONNECTIONS_REFUSED, &labels).increment(1);
    }

    #[expect(clippy::cast_precision_loss, reason = "connections are few")]
    fn update_gauge(&self, taken: &ConnectionTable) {
        gauge!(HTTP_CONNECTIONS, "listener" => self.name).set(taken.by_id.len() as f64);
    }

    fn table(&self) -> MutexGuard<'_, ConnectionTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionTable {
    /// A connection comes, and is idle until it asks for something.
    fn insert(&mut self, network: Option<IpAddr>, leave: oneshot::Sender<()>) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.by_id
            .insert(id, ConnectionState { network, requests: 1, idle_since: None, evict: leave });
        if let Some(network) = network {
            self.by_network.entry(network).or_default().held += 1;
        }
        self.end_request(id);
        id
    }

    fn begin_request(&mut self, id: u64) {
        let Some(connection) = self.by_id.get_mut(&id) else { return };
        connection.requests += 1;
        let (turn, network) = (connection.idle_since.take(), connection.network);
        self.end_idleness(turn, network);
    }

    /// It is idle from now on, unless another request of it is under way, or it is a proxy's.
    fn end_request(&mut self, id: u64) {
        let Some(connection) = self.by_id.get_mut(&id) else { return };
        connection.requests = connection.requests.saturating_sub(1);
        if let (0, Some(network)) = (connection.requests, connection.network) {
            self.next_turn += 1;
            connection.idle_since = Some(self.next_turn);
            self.idle.insert(self.next_turn, id);
            self.by_network.entry(network).or_default().idle.insert(self.next_turn);
        }
    }

    fn end_idleness(&mut self, turn: Option<u64>, network: Option<IpAddr>) {
        let Some((turn, network)) = turn.zip(network) else { return };
        self.idle.remove(&turn);
        if let Some(share) = self.by_network.get_mut(&network) {
            share.idle.remove(&turn);
        }
    }

    fn remove(&mut self, id: u64) -> Option<ConnectionState> {
        let connection = self.by_id.remove(&id)?;
        self.end_idleness(connection.idle_since, connection.network);
        if let Some(network) = connection.network
            && let Some(share) = self.by_network.get_mut(&network)
        {
            share.held = share.held.saturating_sub(1);
            if share.held == 0 {
                self.by_network.remove(&network);
            }
        }
        Some(connection)
    }
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    limiter: ConnectionLimiter,
    id: u64,
}

impl ConnectionPermit {
    /// A request of it, under way until this is dropped.
    pub(super) fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.limiter.table().begin_request(self.id);
        RequestGuard(Arc::clone(self))
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut taken = self.limiter.table();
        taken.remove(self.id);
        self.limiter.update_gauge(&taken);
    }
}

/// A request under way.
pub(super) struct RequestGuard(Arc<ConnectionPermit>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let RequestGuard(place) = self;
        place.limiter.table().end_request(place.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(all: usize, each: usize) -> ConnectionLimiter {
        ConnectionLimiter::new("test", all, each, vec!["192.0.2.0/24".parse().unwrap()])
    }

    /// A place whose connection is asking for something, and the word to leave it.
    fn take(room: &ConnectionLimiter, from: &str) -> Option<(RequestGuard, oneshot::Receiver<()>)> {
        let (place, leave) = room.try_acquire(from.parse().unwrap())?;
        Some((Arc::new(place).begin_request(), leave))
    }

    fn idle(
        room: &ConnectionLimiter,
        from: &str,
    ) -> Option<(ConnectionPermit, oneshot::Receiver<()>)> {
        room.try_acquire(from.parse().unwrap())
    }

    #[test]
    fn one_address_takes_its_share_and_leaves_the_rest_to_others() {
        let room = room(4, 2);
        let held = [take(&room, "198.51.100.1"), take(&room, "::ffff:198.51.100.1")];
        assert!(held.iter().all(Option::is_some));
        assert!(take(&room, "198.51.100.1").is_none());
        let others = [take(&room, "2001:db8::1"), take(&room, "2001:db8:0:ff::2")];
        assert!(others.iter().all(Option::is_some));
        assert!(take(&room, "2001:db8:0:1::3").is_none(), "one household of IPv6");
        drop(others);
        assert!(take(&room, "2001:db8:0:1::3").is_some());
        assert!(take(&room, "198.51.100.1").is_none());
        drop(held);
        assert!(take(&room, "198.51.100.1").is_some());
        let taken = room.table();
        assert!(taken.by_network.is_empty() && taken.by_id.is_empty(), "nobody is remembered");
        assert!(taken.idle.is_empty());
    }

    /// Which of these were evicted.
    fn told(held: &mut [(ConnectionPermit, oneshot::Receiver<()>)]) -> Vec<bool> {
        held.iter_mut().map(|(_, leave)| leave.try_recv().is_ok()).collect()
    }

    #[test]
    fn b3_the_longest_idle_makes_room_for_who_comes() {
        let room = room(3, 2);
        let come = |from: &str| idle(&room, from).unwrap();
        let mut held = vec![come("198.51.100.1"), come("198.51.100.2"), come("198.51.100.2")];
        // The first has asked for something since, so that the second is idle for longest.
        room.table().begin_request(1);
        room.table().end_request(1);
        held.push(come("203.0.113.1"));
        assert_eq!(told(&mut held), [false, true, false, false]);
        // Its place is free at once, and given back once only.
        assert_eq!(room.table().by_id.len(), 3);
        drop(held.remove(1));
        assert_eq!(room.table().by_id.len(), 3);
        // One network makes room for itself, even if another has been idle for longer.
        held.push(come("198.51.100.2"));
        held.push(come("198.51.100.2"));
        assert_eq!(told(&mut held)[..3], [true, true, false]);
    }

    #[test]
    fn b3_who_is_being_answered_does_not_make_room() {
        let room = room(2, 2);
        let (busy, leave) = idle(&room, "198.51.100.1").unwrap();
        let busy = Arc::new(busy);
        let (first, second) = (busy.begin_request(), busy.begin_request());
        let mut held = vec![idle(&room, "198.51.100.2").unwrap()];
        held.push(idle(&room, "198.51.100.3").unwrap());
        assert_eq!(told(&mut held), [true, false]);
        drop(first);
        held.push(idle(&room, "198.51.100.4").unwrap());
        assert_eq!(told(&mut held), [false, true, false], "one request of two is under way");
        let mut leave = leave;
        assert!(leave.try_recv().is_err());
        drop(second);
        held.push(idle(&room, "198.51.100.5").unwrap());
        held.push(idle(&room, "198.51.100.6").unwrap());
        assert!(leave.try_recv().is_ok());
    }

    #[test]
    fn where_there_are_fewer_places_one_address_has_the_same_share() {
        let room = room(8, 4).cap(2);
        let held = take(&room, "198.51.100.1");
        assert!(held.is_some());
        assert!(take(&room, "198.51.100.1").is_none());
        assert!(take(&room, "198.51.100.2").is_some());
    }

    #[test]
    fn all_places_together_are_bound_and_a_proxy_may_take_them_all() {
        let room = room(4, 1).cap(3).cap(9);
        let held: Vec<_> = (0..3).map(|_| idle(&room, "192.0.2.7")).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(idle(&room, "192.0.2.7").is_none());
        assert!(idle(&room, "198.51.100.1").is_none(), "a proxy's make room for nobody");
        drop(held);
        assert!(idle(&room, "198.51.100.1").is_some());
    }
}
