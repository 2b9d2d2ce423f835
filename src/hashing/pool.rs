//! A pool of worker threads and the queue that they empty.
//!
//! The logins' threads run only while nothing else does, which on a machine without idle time is
//! never. So one thread, the steady one, has ordinary priority. It does a hash when the others have
//! finished none for six times as long as one takes. Logins so always get about a sixth of a core,
//! and the line loses no more than that. The steady thread repeats a hash that another one has
//! begun and cannot finish.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use metrics::{counter, gauge, histogram};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use super::HashError;
use super::job::Job;
use super::queue::{Queue, QueuedJob};
use crate::clock;
use crate::metrics::{
    PASSWORD_HASH_DURATION, PASSWORD_HASH_PANICS, PASSWORD_HASH_QUEUE_LENGTH,
    PASSWORD_HASH_REJECTED, PASSWORD_HASH_WAIT_DURATION,
};

/// The steady worker waits for the others for so many times what a hash takes.
const STEADY_PAUSE: u32 = 6;
/// So long at least, whatever a hash takes that fails, and at most.
const SHORTEST_PAUSE: Duration = Duration::from_millis(60);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// It repeats what one of the others has been at for so long.
const REPEATED_AFTER: Duration = Duration::from_secs(1);

/// A queue, bounded or not.
#[derive(Debug)]
pub(super) struct WorkerPool {
    name: &'static str,
    state: Mutex<PoolState>,
    available: Condvar,
    /// The same, for the steady worker.
    steady_news: Condvar,
}

struct PoolState {
    /// The pool's name.
    pool: &'static str,
    queue: Queue,
    /// How many may wait; none once all are refused.
    capacity: usize,
    closed: bool,
    /// What workers other than the steady one are at, since when, and whether it has repeated it.
    at_work: Vec<(Arc<Job>, Instant, bool)>,
    /// When the last hash of the others ended, or the steady worker began one.
    progress: Instant,
    /// What a hash takes: the quickest so far.
    quickest: Duration,
}

impl std::fmt::Debug for PoolState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} jobs", self.queue.len())
    }
}

/// What a worker is given.
pub(super) struct Work {
    job: Arc<Job>,
    began: Instant,
    /// Another is at it.
    pub(super) is_repeated: bool,
}

impl Work {
    pub(super) fn job(&self) -> &Job {
        &self.job
    }
}

/// When the steady worker has something to do.
enum Due {
    Now(Work),
    In(Duration),
    Never,
}

impl PoolState {
    /// What the steady worker is to do by now.
    fn due(&mut self, now: Instant) -> Due {
        let pause = self.quickest.saturating_mul(STEADY_PAUSE);
        let pause = pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let rest = (self.progress + pause).saturating_duration_since(now);
        self.at_work.retain(|(job, ..)| !job.is_abandoned());
        let stuck = self.at_work.iter_mut().filter(|at| !at.2);
        let stuck = stuck.min_by_key(|(_, since, _)| *since);
        if self.queue.len() > 0 && !rest.is_zero() {
            return Due::In(rest);
        }
        let stuck_for = |since: Instant| now.saturating_duration_since(since);
        let job = match stuck {
            Some((job, since, repeated)) if stuck_for(*since) >= REPEATED_AFTER => {
                *repeated = true;
                Some((Arc::clone(job), true))
            }
            Some((_, since, _)) if self.queue.len() == 0 => {
                return Due::In(REPEATED_AFTER.saturating_sub(stuck_for(*since)));
            }
            Some(_) | None => self.queue.pop().map(|next| (taken(self.pool, next, now), false)),
        };
        let Some((job, is_repeated)) = job else { return Due::Never };
        self.progress = now;
        Due::Now(Work { job, began: now, is_repeated })
    }
}

impl WorkerPool {
    /// One whose queue takes this many; any number if none is given.
    pub(super) fn new(name: &'static str, bound: Option<usize>) -> Self {
        let state = PoolState {
            pool: name,
            queue: Queue::default(),
            capacity: bound.unwrap_or(usize::MAX),
            closed: false,
            at_work: Vec::new(),
            progress: clock::now(),
            quickest: LONGEST_PAUSE,
        };
        let (news, steady_news) = (Condvar::new(), Condvar::new());
        let lane = Self { name, state: Mutex::new(state), available: news, steady_news };
        lane.update_gauge(&lane.lock());
        lane
    }

    /// Queues a job for `address`, if there is room.
    pub(super) fn push(&self, address: IpAddr, job: Job) -> Result<(), HashError> {
        let mut state = self.with_room_for(address)?;
        let displaced =
            (state.queue.len() >= state.capacity).then(|| state.queue.displace()).flatten();
        state.queue.push(address, Arc::new(job), clock::now());
        self.update_gauge(&state);
        drop(state);
        if let Some(displaced) = displaced {
            counter!(PASSWORD_HASH_REJECTED, "pool" => self.name).increment(1);
            displaced.fail(HashError::Busy);
        }
        self.available.notify_one();
        self.steady_news.notify_one();
        Ok(())
    }

    /// Whether there is room for a job from there.
    pub(super) fn admit(&self, address: IpAddr) -> Result<(), HashError> {
        self.with_room_for(address).map(drop)
    }

    /// The queue, if there is room once abandoned jobs are dropped, or one from elsewhere gives
    /// way.
    fn with_room_for(&self, address: IpAddr) -> Result<MutexGuard<'_, PoolState>, HashError> {
        let mut state = self.lock();
        if state.queue.len() >= state.capacity {
            state.queue.drop_abandoned();
        }
        let is_full = state.queue.len() >= state.capacity;
        if is_full && (state.capacity == 0 || !state.queue.may_displace(address)) {
            counter!(PASSWORD_HASH_REJECTED, "pool" => self.name).increment(1);
            return Err(HashError::Busy);
        }
        Ok(state)
    }

    /// Takes no more jobs, and refuses those that wait.
    pub(super) fn refuse(&self) {
        let mut state = self.lock();
        state.capacity = 0;
        let refused = std::mem::take(&mut state.queue);
        self.update_gauge(&state);
        drop(state);
        counter!(PASSWORD_HASH_REJECTED, "pool" => self.name).increment(refused.len() as u64);
        for job in refused.into_jobs() {
            job.fail(HashError::Busy);
        }
    }

    /// Ends the lane's threads once they have done what they are at; what waits is dropped.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.queue = Queue::default();
        drop(state);
        self.available.notify_all();
        self.steady_news.notify_all();
    }

    /// The next job that anyone still waits for; `None` once the lane is closed.
    pub(super) fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let next = state.queue.pop();
            // Those who have left were counted.
            self.update_gauge(&state);
            if let Some(next) = next {
                let began = clock::now();
                let job = taken(self.name, next, began);
                state.at_work.push((Arc::clone(&job), began, false));
                return Some(Work { job, began, is_repeated: false });
            }
            state = self.available.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same for the steady worker, once it is its turn.
    fn next_steady(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let due = state.due(clock::now());
            self.update_gauge(&state);
            state = match due {
                Due::Now(work) => return Some(work),
                Due::In(time) => {
                    let waited = self.steady_news.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Due::Never => self.steady_news.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// A worker is done with its work.
    fn done(&self, work: &Work, worker: Worker) {
        let (now, mut state) = (clock::now(), self.lock());
        let took = now.saturating_duration_since(work.began);
        state.at_work.retain(|(job, ..)| !Arc::ptr_eq(job, &work.job));
        state.quickest = state.quickest.min(took);
        if worker != Worker::Steady {
            state.progress = now;
        }
        drop(state);
        histogram!(PASSWORD_HASH_DURATION, "pool" => self.name).record(took);
    }

    /// How long the first one has waited that still waits.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let since = self.lock().queue.since();
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    fn update_gauge(&self, state: &PoolState) {
        #[expect(clippy::cast_precision_loss, reason = "a queue's length is small")]
        gauge!(PASSWORD_HASH_QUEUE_LENGTH, "pool" => self.name).set(state.queue.len() as f64);
    }

    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The job of a queue's item, whose wait is over.
fn taken(pool: &'static str, (job, since): QueuedJob, now: Instant) -> Arc<Job> {
    let waited = now.saturating_duration_since(since);
    histogram!(PASSWORD_HASH_WAIT_DURATION, "pool" => pool).record(waited);
    job
}

/// How a thread of a lane works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worker {
    /// It shares the processor with all else.
    Ordinary,
    /// All else goes first, at once when it wakes up (`SCHED_IDLE`, sched(7)).
    Idle,
    /// It shares the processor with all else, and does what the idle ones do not come to.
    Steady,
}

/// Starts a thread that empties `lane`. One that panics over a job goes on with the next.
pub(super) fn spawn(
    lane: &Arc<WorkerPool>,
    worker: Worker,
    work_at: impl Fn(&Work) + Send + 'static,
) -> io::Result<()> {
    let lane = Arc::clone(lane);
    let name = match worker {
        Worker::Ordinary | Worker::Idle => format!("hash-{}", lane.name),
        Worker::Steady => "hash-steady".to_owned(),
    };
    thread::Builder::new().name(name).spawn(move || {
        if worker == Worker::Idle
            && let Err(error) = set_thread_priority_and_policy(
                thread_native_id(),
                ThreadPriority::Min,
                ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
            )
        {
            tracing::warn!(%error, "the priority of a hashing thread could not be lowered");
        }
        let next = || match worker {
            Worker::Ordinary | Worker::Idle => lane.next(),
            Worker::Steady => lane.next_steady(),
        };
        while let Some(work) = next() {
            if catch_unwind(AssertUnwindSafe(|| work_at(&work))).is_err() {
                counter!(PASSWORD_HASH_PANICS, "pool" => lane.name).increment(1);
                tracing::error!(lane = lane.name, "a hashing thread has panicked; it goes on");
                work.job.fail(HashError::Failed("a hashing thread has panicked".to_owned()));
            }
            lane.done(&work, worker);
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests;
