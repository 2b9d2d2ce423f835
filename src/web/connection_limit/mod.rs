//! Limits concurrent connections, in total and for each client network, and their rate.
//!
//! A network is an IPv4 address or 56 bits of IPv6. At the limit, the connection that has been idle
//! for longest is evicted: one of the same network at its limit, else any. Trusted proxies are
//! exempt from the limit of a network, and their connections are never evicted.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use metrics::{counter, gauge};
use tokio::sync::oneshot;

use super::connection_rate::{ConnectionRates, RateKind};
use crate::clock;
use crate::config::{Network, SiteSettings};
use crate::metrics::{HTTP_CONNECTIONS, HTTP_CONNECTIONS_CLOSED, HTTP_CONNECTIONS_REFUSED};
use domain::network::subscriber_network;

/// Enough for operators, their Prometheus and load balancers.
const MAX_OPS_CONNECTIONS: usize = 256;

/// Limits the connections of one listener; cheap to clone.
#[derive(Debug, Clone)]
pub struct ConnectionLimiter {
    name: &'static str,
    max_total: usize,
    max_per_network: usize,
    proxies: Vec<Network>,
    table: Arc<Mutex<ConnectionTable>>,
    rates: Arc<ConnectionRates>,
    now: fn() -> Instant,
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
    /// The network that it counts against; `None` for a proxy.
    network: Option<IpAddr>,
    requests: u32,
    idle_since: Option<u64>,
    evict: oneshot::Sender<()>,
}

/// The connections of one network.
#[derive(Debug, Default)]
struct NetworkShare {
    connections: usize,
    idle: BTreeSet<u64>,
}

impl ConnectionLimiter {
    /// The configured limits of the subscribers' listener; `now` is the clock of the rates.
    #[must_use]
    pub fn for_subscribers(site: &SiteSettings, now: fn() -> Instant) -> Self {
        let rates = ConnectionRates::new(site.connection_rate, site.handshake_rate);
        let (total, per_network) = (site.max_connections, site.max_connections_per_address);
        let limiter = Self::new("site", total, per_network, site.trusted_proxies.clone());
        Self { rates: Arc::new(rates), now, ..limiter }
    }

    /// The limits of the operators' listener.
    #[must_use]
    pub fn for_operators() -> Self {
        Self::new("operators", MAX_OPS_CONNECTIONS, MAX_OPS_CONNECTIONS, Vec::new())
    }

    /// Lowers the total to at most `max`, and the limit of a network in proportion.
    #[must_use]
    pub fn cap(self, max: usize) -> Self {
        let max_total = self.max_total.min(max);
        let share = (self.max_per_network * max_total).div_ceil(self.max_total.max(1));
        Self { max_total, max_per_network: share.max(1), ..self }
    }

    fn new(
        name: &'static str,
        max_total: usize,
        max_per_network: usize,
        proxies: Vec<Network>,
    ) -> Self {
        let rates = Arc::new(ConnectionRates::new(None, None));
        let (table, now) = (Arc::default(), clock::now);
        Self { name, max_total, max_per_network, proxies, table, rates, now }
    }

    /// A permit for a connection from `address`, and the signal that evicts it. `None` above the
    /// rate, or at a limit where no connection is idle.
    pub(super) fn try_acquire(
        &self,
        address: IpAddr,
    ) -> Option<(ConnectionPermit, oneshot::Receiver<()>)> {
        let network = (!self.is_proxy(address)).then(|| subscriber_network(address));
        if network.is_some()
            && !self.rates.try_acquire(RateKind::Connections, address, (self.now)())
        {
            self.count_refusal("rate");
            return None;
        }
        let mut table = self.table();
        let share = network.and_then(|network| table.by_network.get(&network));
        if share.is_some_and(|share| share.connections >= self.max_per_network) {
            let longest_idle = share.and_then(|share| share.idle.first().copied());
            self.evict(&mut table, longest_idle, "address")?;
        }
        if table.by_id.len() >= self.max_total {
            let longest_idle = table.idle.first_key_value().map(|(turn, _)| *turn);
            self.evict(&mut table, longest_idle, "all")?;
        }
        let (evict, evicted) = oneshot::channel();
        let id = table.insert(network, evict);
        self.update_gauge(&table);
        Some((ConnectionPermit { limiter: self.clone(), id }, evicted))
    }

    /// Counts a handshake of `address`; whether it may begin.
    pub(super) fn try_begin_handshake(&self, address: IpAddr) -> bool {
        let may_begin = self.is_proxy(address)
            || self.rates.try_acquire(RateKind::Handshakes, address, (self.now)());
        if !may_begin {
            self.count_refusal("handshakes");
        }
        may_begin
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// Evicts the connection that has been idle since the turn `longest_idle`.
    fn evict(
        &self,
        table: &mut ConnectionTable,
        longest_idle: Option<u64>,
        limit: &'static str,
    ) -> Option<()> {
        let Some(id) = longest_idle.and_then(|turn| table.idle.get(&turn).copied()) else {
            self.count_refusal(limit);
            return None;
        };
        if let Some(ConnectionState { evict, .. }) = table.remove(id) {
            let _ = evict.send(()); // it may have closed in the meantime
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
    fn update_gauge(&self, table: &ConnectionTable) {
        gauge!(HTTP_CONNECTIONS, "listener" => self.name).set(table.by_id.len() as f64);
    }

    fn table(&self) -> MutexGuard<'_, ConnectionTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionTable {
    /// Adds a connection, which is idle until its first request.
    fn insert(&mut self, network: Option<IpAddr>, evict: oneshot::Sender<()>) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.by_id.insert(id, ConnectionState { network, requests: 1, idle_since: None, evict });
        if let Some(network) = network {
            self.by_network.entry(network).or_default().connections += 1;
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

    /// The connection becomes idle unless it has another request, or is a proxy's.
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
            share.connections = share.connections.saturating_sub(1);
            if share.connections == 0 {
                self.by_network.remove(&network);
            }
        }
        Some(connection)
    }
}

/// The right to one connection, given back on drop.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    limiter: ConnectionLimiter,
    id: u64,
}

impl ConnectionPermit {
    /// Counts a request as in progress until the guard is dropped.
    pub(super) fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.limiter.table().begin_request(self.id);
        RequestGuard(Arc::clone(self))
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut table = self.limiter.table();
        table.remove(self.id);
        self.limiter.update_gauge(&table);
    }
}

/// A request in progress.
pub(super) struct RequestGuard(Arc<ConnectionPermit>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let RequestGuard(permit) = self;
        permit.limiter.table().end_request(permit.id);
    }
}
