//! A pool of worker threads and the queue that they empty.
//!
//! The threads of logins run only while the machine is idle, and a busy machine is never idle. So
//! one of them, the steady worker, has ordinary priority. It makes a hash when the others have
//! finished none for six times as long as a hash takes. So logins always get about a sixth of a
//! core, and the phone line loses as little. The steady worker also repeats a hash that another
//! worker has begun and cannot finish.

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

use super::error::HashError;
use super::job::Job;
use super::queue::{Queue, QueuedJob};
use crate::clock;
use crate::metrics::{
    PASSWORD_HASH_DURATION, PASSWORD_HASH_PANICS, PASSWORD_HASH_QUEUE_LENGTH,
    PASSWORD_HASH_REJECTED, PASSWORD_HASH_WAIT_DURATION,
};

/// How long the steady worker waits for the others, in multiples of a hash's duration.
const STEADY_PAUSE: u32 = 6;
/// The bounds of that wait.
const MIN_PAUSE: Duration = Duration::from_millis(60);
const MAX_PAUSE: Duration = Duration::from_millis(250);
/// After this time it repeats a hash that another worker has not finished.
const REPEATED_AFTER: Duration = Duration::from_secs(1);

/// A queue of jobs, and the state of its workers.
#[derive(Debug)]
pub(super) struct WorkerPool {
    name: &'static str,
    state: Mutex<PoolState>,
    available: Condvar,
    /// Signals the steady worker.
    steady_available: Condvar,
}

struct PoolState {
    /// The pool's name.
    pool: &'static str,
    queue: Queue,
    /// How many jobs may wait; 0 once all are refused.
    capacity: usize,
    closed: bool,
    /// The jobs that the other workers are running.
    in_progress: Vec<InProgress>,
    /// When another worker last finished a hash, or the steady worker began one.
    progress: Instant,
    /// The time of the quickest hash so far.
    quickest: Duration,
}

struct InProgress {
    job: Arc<Job>,
    since: Instant,
    /// The steady worker has repeated it.
    repeated: bool,
}

impl std::fmt::Debug for PoolState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} jobs", self.queue.len())
    }
}

/// A job for a worker.
pub(super) struct Work {
    job: Arc<Job>,
    began: Instant,
    /// Another worker has begun it.
    pub(super) is_repeated: bool,
}

impl Work {
    pub(super) fn job(&self) -> &Job {
        &self.job
    }
}

/// When the steady worker gets its next job.
enum Due {
    Now(Work),
    In(Duration),
    Never,
}

impl PoolState {
    /// The steady worker's next job at `now`.
    fn due(&mut self, now: Instant) -> Due {
        let pause = self.quickest.saturating_mul(STEADY_PAUSE);
        let pause = pause.clamp(MIN_PAUSE, MAX_PAUSE);
        let rest = (self.progress + pause).saturating_duration_since(now);
        self.in_progress.retain(|current| !current.job.is_abandoned());
        if self.queue.len() > 0 && !rest.is_zero() {
            return Due::In(rest);
        }
        let oldest = self
            .in_progress
            .iter_mut()
            .filter(|current| !current.repeated)
            .min_by_key(|current| current.since);
        let lasted = |current: &InProgress| now.saturating_duration_since(current.since);
        let job = match oldest {
            Some(current) if lasted(current) >= REPEATED_AFTER => {
                current.repeated = true;
                Some((Arc::clone(&current.job), true))
            }
            Some(current) if self.queue.len() == 0 => {
                return Due::In(REPEATED_AFTER.saturating_sub(lasted(current)));
            }
            Some(_) | None => self.queue.pop().map(|next| (taken(self.pool, next, now), false)),
        };
        let Some((job, is_repeated)) = job else { return Due::Never };
        self.progress = now;
        Due::Now(Work { job, began: now, is_repeated })
    }
}

impl WorkerPool {
    /// A pool whose queue holds up to `bound` jobs.
    pub(super) fn new(name: &'static str, bound: Option<usize>) -> Self {
        let state = PoolState {
            pool: name,
            queue: Queue::default(),
            capacity: bound.unwrap_or(usize::MAX),
            closed: false,
            in_progress: Vec::new(),
            progress: clock::now(),
            quickest: MAX_PAUSE,
        };
        let (available, steady_available) = (Condvar::new(), Condvar::new());
        let pool = Self { name, state: Mutex::new(state), available, steady_available };
        pool.update_gauge(&pool.lock());
        pool
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
        self.steady_available.notify_one();
        Ok(())
    }

    /// Whether there is room for a job from `address`.
    pub(super) fn admit(&self, address: IpAddr) -> Result<(), HashError> {
        self.with_room_for(address).map(drop)
    }

    /// The queue, if it has room after abandoned jobs are dropped, or after a job from elsewhere
    /// has been displaced.
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

    /// Accepts no new jobs, and refuses those that wait.
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

    /// Ends the pool's threads after their current jobs, and drops the jobs that wait.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.queue = Queue::default();
        drop(state);
        self.available.notify_all();
        self.steady_available.notify_all();
    }

    /// The next job that is not abandoned; `None` once the pool is closed.
    pub(super) fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let next = state.queue.pop();
            // Abandoned jobs have been dropped too.
            self.update_gauge(&state);
            if let Some(next) = next {
                let began = clock::now();
                let job = taken(self.name, next, began);
                let current = InProgress { job: Arc::clone(&job), since: began, repeated: false };
                state.in_progress.push(current);
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
                    let waited = self.steady_available.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Due::Never => {
                    self.steady_available.wait(state).unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// Records that a worker has finished a job.
    fn finish_job(&self, work: &Work, worker: Worker) {
        let (now, mut state) = (clock::now(), self.lock());
        let took = now.saturating_duration_since(work.began);
        state.in_progress.retain(|current| !Arc::ptr_eq(&current.job, &work.job));
        state.quickest = state.quickest.min(took);
        if worker != Worker::Steady {
            state.progress = now;
        }
        drop(state);
        histogram!(PASSWORD_HASH_DURATION, "pool" => self.name).record(took);
    }

    /// How long the first job in the queue has waited.
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

/// Takes a job out of a queue's item, and records how long it has waited.
fn taken(pool: &'static str, (job, since): QueuedJob, now: Instant) -> Arc<Job> {
    let waited = now.saturating_duration_since(since);
    histogram!(PASSWORD_HASH_WAIT_DURATION, "pool" => pool).record(waited);
    job
}

/// The priority of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worker {
    /// It shares the processor with everything else.
    Ordinary,
    /// Everything else goes first, at once when it wakes up (`SCHED_IDLE`, sched(7)).
    Idle,
    /// It shares the processor with everything else, and does what the idle workers cannot.
    Steady,
}

/// Starts a thread that empties the queue. After a panic it continues with the next job.
pub(super) fn spawn(
    pool: &Arc<WorkerPool>,
    worker: Worker,
    work_at: impl Fn(&Work) + Send + 'static,
) -> io::Result<()> {
    let pool = Arc::clone(pool);
    let name = match worker {
        Worker::Ordinary | Worker::Idle => format!("hash-{}", pool.name),
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
            tracing::warn!(%error, "could not lower the priority of a hashing thread");
        }
        let next = || match worker {
            Worker::Ordinary | Worker::Idle => pool.next(),
            Worker::Steady => pool.next_steady(),
        };
        while let Some(work) = next() {
            if catch_unwind(AssertUnwindSafe(|| work_at(&work))).is_err() {
                counter!(PASSWORD_HASH_PANICS, "pool" => pool.name).increment(1);
                tracing::error!(pool = pool.name, "a hashing thread panicked; continuing");
                work.job.fail(HashError::Failed("a hashing thread has panicked".to_owned()));
            }
            pool.finish_job(&work, worker);
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests;
