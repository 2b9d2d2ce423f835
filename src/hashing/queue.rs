//! The order of service: networks take turns, so that none can starve another.
//!
//! If more than a few jobs wait, the newest goes first, both among a network's jobs and among
//! networks. In a flood the newest requests are served at once, and the oldest, whose clients have
//! left, are skipped. First come, first served would make everyone wait for the whole queue. When
//! the queue is full, the network with the most jobs gives up one for a network with fewer.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::job::Job;
use domain::network::subscriber_network;

/// Jobs that are still served in the order of arrival: about a second's work of one core.
pub(super) const IN_ORDER: usize = 64;
/// A job, and when it was queued.
pub(super) type QueuedJob = (Arc<Job>, Instant);

#[derive(Default)]
pub(super) struct Queue {
    /// None of the queues is empty.
    networks: HashMap<IpAddr, VecDeque<QueuedJob>>,
    /// The same networks, in the order of their turns.
    turns: VecDeque<IpAddr>,
    jobs: usize,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.jobs
    }

    /// A job of a client at `address`.
    pub(super) fn push(&mut self, address: IpAddr, job: Arc<Job>, now: Instant) {
        let network = subscriber_network(address);
        let jobs = self.networks.entry(network).or_default();
        if jobs.is_empty() {
            self.turns.push_back(network);
        }
        jobs.push_back((job, now));
        self.jobs += 1;
    }

    /// The next job that is not abandoned, and when it was queued.
    pub(super) fn pop(&mut self) -> Option<QueuedJob> {
        loop {
            let newest_first = self.turns.len() > IN_ORDER;
            let turn = if newest_first { self.turns.pop_back() } else { self.turns.pop_front() };
            let network = turn?;
            let next = self.networks.get_mut(&network).and_then(|jobs| {
                if jobs.len() > IN_ORDER { jobs.pop_back() } else { jobs.pop_front() }
            });
            self.jobs -= usize::from(next.is_some());
            if self.networks.get(&network).is_some_and(|jobs| !jobs.is_empty()) {
                // It has had its turn: the others come before it.
                if newest_first {
                    self.turns.push_front(network);
                } else {
                    self.turns.push_back(network);
                }
            } else {
                self.networks.remove(&network);
            }
            if let Some(next) = next.filter(|(job, _)| !job.is_abandoned()) {
                return Some(next);
            }
        }
    }

    /// Drops abandoned jobs.
    pub(super) fn drop_abandoned(&mut self) {
        self.networks.retain(|_, jobs| {
            jobs.retain(|(job, _)| !job.is_abandoned());
            !jobs.is_empty()
        });
        self.turns.retain(|network| self.networks.contains_key(network));
        self.jobs = self.networks.values().map(VecDeque::len).sum();
    }

    /// Whether another network has at least two more jobs than that of `address`.
    pub(super) fn may_displace(&self, address: IpAddr) -> bool {
        let own = self.networks.get(&subscriber_network(address)).map_or(0, VecDeque::len);
        self.networks.values().any(|jobs| jobs.len() > own + 1)
    }

    /// Removes a job of the network with the most jobs: the one that would be served last.
    pub(super) fn displace(&mut self) -> Option<Arc<Job>> {
        let jobs = self.networks.values_mut().max_by_key(|jobs| jobs.len())?;
        let last = if jobs.len() > IN_ORDER { jobs.pop_front() } else { jobs.pop_back() };
        self.jobs -= usize::from(last.is_some());
        self.drop_empty();
        last.map(|(job, _)| job)
    }

    fn drop_empty(&mut self) {
        self.networks.retain(|_, jobs| !jobs.is_empty());
        self.turns.retain(|network| self.networks.contains_key(network));
    }

    /// When the oldest job that is not abandoned was queued.
    pub(super) fn since(&self) -> Option<Instant> {
        let jobs = self.networks.values().flatten();
        jobs.filter(|(job, _)| !job.is_abandoned()).map(|(_, since)| *since).min()
    }

    pub(super) fn into_jobs(self) -> impl Iterator<Item = Arc<Job>> {
        self.networks.into_values().flatten().map(|(job, _)| job)
    }
}
