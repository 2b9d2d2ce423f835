//! Who is served next: the networks that ask take turns, so that none can take another's.
//!
//! Beyond a few waiting jobs the newest goes first, of a network's jobs and of the networks. In a
//! flood the newest requests are served at once, and the oldest, whose clients have left, are
//! skipped. First come, first served would make everyone wait for the whole queue. When the queue
//! is full, the network with the most jobs gives up a place for one with fewer.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::job::Job;
use domain::network::subscriber_network;

/// Jobs that are still taken in the order of their arrival: about a second's work of one core.
pub(super) const IN_ORDER: usize = 64;
/// A job, and since when it waits.
pub(super) type QueuedJob = (Arc<Job>, Instant);

/// The jobs that wait.
#[derive(Default)]
pub(super) struct Queue {
    /// None is empty.
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

    /// The next job that anyone still waits for, and since when it waits.
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

    /// Drops what nobody waits for any more.
    pub(super) fn drop_abandoned(&mut self) {
        self.networks.retain(|_, jobs| {
            jobs.retain(|(job, _)| !job.is_abandoned());
            !jobs.is_empty()
        });
        self.turns.retain(|network| self.networks.contains_key(network));
        self.jobs = self.networks.values().map(VecDeque::len).sum();
    }

    /// Whether another network has so many more jobs that one of them is to go for one from
    /// `address`.
    pub(super) fn may_displace(&self, address: IpAddr) -> bool {
        let own = self.networks.get(&subscriber_network(address)).map_or(0, VecDeque::len);
        self.networks.values().any(|jobs| jobs.len() > own + 1)
    }

    /// Gives up a job of the network that has most, the one that would be served last.
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

    /// Since when the first one waits that anyone still waits for.
    pub(super) fn since(&self) -> Option<Instant> {
        let jobs = self.networks.values().flatten();
        jobs.filter(|(job, _)| !job.is_abandoned()).map(|(_, since)| *since).min()
    }

    /// All of them.
    pub(super) fn into_jobs(self) -> impl Iterator<Item = Arc<Job>> {
        self.networks.into_values().flatten().map(|(job, _)| job)
    }
}
