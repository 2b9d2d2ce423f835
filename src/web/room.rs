//! Places for connections: so many at once and so many a minute, of which one network has a share,
//! so that nobody fills the site alone.
//!
//! One network is an IPv4 address or 56 bits of IPv6. Where there is no place left, the connection
//! that has been idle for longest makes room: of the same network if that has no more, else of any.
//! A proxy stands for many; it has no limit of its own, and its connections make room for nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{counter, gauge};
use tokio::sync::oneshot;

use super::limiter::household;
use super::rates::{Rate, Rates};
use crate::clock;
use crate::config::{Network, Site};

/// Operators, their Prometheus and load balancers ask now and then, each by a few connections.
const FOR_OPERATORS: usize = 256;

/// A listener's places; cheap to clone.
#[derive(Debug, Clone)]
pub struct Room {
    name: &'static str,
    all: usize,
    each: usize,
    proxies: Vec<Network>,
    taken: Arc<Mutex<Taken>>,
    rates: Arc<Rates>,
}

#[derive(Debug, Default)]
struct Taken {
    by_id: HashMap<u64, Connection>,
    by_network: HashMap<IpAddr, Share>,
    /// Those that may make room, in the order in which they became idle.
    idle: BTreeMap<u64, u64>,
    ids: u64,
    turns: u64,
}

#[derive(Debug)]
struct Connection {
    /// Whose limit it counts for; none if a proxy's.
    network: Option<IpAddr>,
    requests: u32,
    idle_since: Option<u64>,
    leave: oneshot::Sender<()>,
}

/// What one network has.
#[derive(Debug, Default)]
struct Share {
    held: usize,
    idle: BTreeSet<u64>,
}

impl Room {
    /// As configured for subscribers.
    #[must_use]
    pub fn for_subscribers(site: &Site) -> Self {
        let rates = Rates::new(site.connection_rate, site.handshake_rate);
        let (all, each) = (site.max_connections, site.max_connections_per_address);
        Self {
            rates: Arc::new(rates),
            ..Self::new("site", all, each, site.trusted_proxies.clone())
        }
    }

    /// For the operators' listener.
    #[must_use]
    pub fn for_operators() -> Self {
        Self::new("operators", FOR_OPERATORS, FOR_OPERATORS, Vec::new())
    }

    /// With no more places than these, of which one network has the same share.
    #[must_use]
    pub fn at_most(self, places: usize) -> Self {
        let all = self.all.min(places);
        let each = (self.each * all).div_ceil(self.all.max(1)).max(1);
        Self { all, each, ..self }
    }

    fn new(name: &'static str, all: usize, each: usize, proxies: Vec<Network>) -> Self {
        let rates = Arc::new(Rates::new(None, None));
        Self { name, all, each, proxies, taken: Arc::default(), rates }
    }

    /// A place for a connection from `address`, and the word to leave it; none if it comes too
    /// fast, or all places are taken, or all of its network, and none of these is idle.
    pub(super) fn take(&self, address: IpAddr) -> Option<(Place, oneshot::Receiver<()>)> {
        let network = (!self.is_proxy(address)).then(|| household(address));
        if network.is_some() && !self.rates.admits(Rate::Connections, address, clock::now()) {
            self.refuse("rate");
            return None;
        }
        let mut taken = self.taken();
        let held = network.and_then(|network| taken.by_network.get(&network));
        if held.is_some_and(|share| share.held >= self.each) {
            let longest = held.and_then(|share| share.idle.first().copied());
            self.make_room(&mut taken, longest, "address")?;
        }
        if taken.by_id.len() >= self.all {
            let longest = taken.idle.first_key_value().map(|(turn, _)| *turn);
            self.make_room(&mut taken, longest, "all")?;
        }
        let (leave, left) = oneshot::channel();
        let id = taken.enter(network, leave);
        self.show(&taken);
        Some((Place { room: self.clone(), id }, left))
    }

    /// Whether a handshake with `address` may begin.
    pub(super) fn admits_handshake(&self, address: IpAddr) -> bool {
        let admits =
            self.is_proxy(address) || self.rates.admits(Rate::Handshakes, address, clock::now());
        if !admits {
            self.refuse("handshakes");
        }
        admits
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// Has the connection that has been idle since `longest` leave.
    fn make_room(
        &self,
        taken: &mut Taken,
        longest: Option<u64>,
        limit: &'static str,
    ) -> Option<()> {
        let Some(id) = longest.and_then(|turn| taken.idle.get(&turn).copied()) else {
            self.refuse(limit);
            return None;
        };
        if let Some(Connection { leave, .. }) = taken.remove(id) {
            // It may have gone by itself just now.
            let _ = leave.send(());
        }
        let labels = [("listener", self.name), ("limit", limit)];
        counter!("karipass_connections_closed_total", &labels).increment(1);
        Some(())
    }

    fn refuse(&self, limit: &'static str) {
        let labels = [("listener", self.name), ("limit", limit)];
        counter!("karipass_connections_refused_total", &labels).increment(1);
    }

    #[expect(clippy::cast_precision_loss, reason = "connections are few")]
    fn show(&self, taken: &Taken) {
        gauge!("karipass_connections", "listener" => self.name).set(taken.by_id.len() as f64);
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// A connection comes, and is idle until it asks for something.
    fn enter(&mut self, network: Option<IpAddr>, leave: oneshot::Sender<()>) -> u64 {
        self.ids += 1;
        let id = self.ids;
        self.by_id.insert(id, Connection { network, requests: 1, idle_since: None, leave });
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
            self.turns += 1;
            connection.idle_since = Some(self.turns);
            self.idle.insert(self.turns, id);
            self.by_network.entry(network).or_default().idle.insert(self.turns);
        }
    }

    fn end_idleness(&mut self, turn: Option<u64>, network: Option<IpAddr>) {
        let Some((turn, network)) = turn.zip(network) else { return };
        self.idle.remove(&turn);
        if let Some(share) = self.by_network.get_mut(&network) {
            share.idle.remove(&turn);
        }
    }

    fn remove(&mut self, id: u64) -> Option<Connection> {
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
pub(super) struct Place {
    room: Room,
    id: u64,
}

impl Place {
    /// A request of it, under way until this is dropped.
    pub(super) fn request(self: &Arc<Self>) -> UnderWay {
        self.room.taken().begin_request(self.id);
        UnderWay(Arc::clone(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.remove(self.id);
        self.room.show(&taken);
    }
}

/// A request under way.
pub(super) struct UnderWay(Arc<Place>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let UnderWay(place) = self;
        place.room.taken().end_request(place.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(all: usize, each: usize) -> Room {
        Room::new("test", all, each, vec!["192.0.2.0/24".parse().unwrap()])
    }

    /// A place whose connection is asking for something, and the word to leave it.
    fn take(room: &Room, from: &str) -> Option<(UnderWay, oneshot::Receiver<()>)> {
        let (place, leave) = room.take(from.parse().unwrap())?;
        Some((Arc::new(place).request(), leave))
    }

    fn idle(room: &Room, from: &str) -> Option<(Place, oneshot::Receiver<()>)> {
        room.take(from.parse().unwrap())
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
        let taken = room.taken();
        assert!(taken.by_network.is_empty() && taken.by_id.is_empty(), "nobody is remembered");
        assert!(taken.idle.is_empty());
    }

    /// Which of these were told to leave.
    fn told(held: &mut [(Place, oneshot::Receiver<()>)]) -> Vec<bool> {
        held.iter_mut().map(|(_, leave)| leave.try_recv().is_ok()).collect()
    }

    #[test]
    fn b3_the_longest_idle_makes_room_for_who_comes() {
        let room = room(3, 2);
        let come = |from: &str| idle(&room, from).unwrap();
        let mut held = vec![come("198.51.100.1"), come("198.51.100.2"), come("198.51.100.2")];
        // The first has asked for something since, so that the second is idle for longest.
        room.taken().begin_request(1);
        room.taken().end_request(1);
        held.push(come("203.0.113.1"));
        assert_eq!(told(&mut held), [false, true, false, false]);
        // Its place is free at once, and given back once only.
        assert_eq!(room.taken().by_id.len(), 3);
        drop(held.remove(1));
        assert_eq!(room.taken().by_id.len(), 3);
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
        let (first, second) = (busy.request(), busy.request());
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
        let room = room(8, 4).at_most(2);
        let held = take(&room, "198.51.100.1");
        assert!(held.is_some());
        assert!(take(&room, "198.51.100.1").is_none());
        assert!(take(&room, "198.51.100.2").is_some());
    }

    #[test]
    fn all_places_together_are_bound_and_a_proxy_may_take_them_all() {
        let room = room(4, 1).at_most(3).at_most(9);
        let held: Vec<_> = (0..3).map(|_| idle(&room, "192.0.2.7")).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(idle(&room, "192.0.2.7").is_none());
        assert!(idle(&room, "198.51.100.1").is_none(), "a proxy's make room for nobody");
        drop(held);
        assert!(idle(&room, "198.51.100.1").is_some());
    }
}
