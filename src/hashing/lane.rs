//! One lane of work: a queue and the threads that empty it.
//!
//! Beyond a few waiting jobs the newest goes first: in a flood those who have just asked are served
//! at once and those whose patience has ended are skipped, while first come, first served would make
//! everyone wait for the whole queue.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::oneshot;

use super::HashError;
use super::secret_hash::{Argon, Checked, Salt};
use crate::clock;
use crate::password::{NewPassword, PhcString, TemporaryPassword, TypedPassword};

/// Jobs that are still taken in the order of their arrival: about a second's work of one core.
const IN_ORDER: usize = 64;

/// A secret that is to be stored.
pub(super) enum Fresh {
    Temporary(TemporaryPassword),
    Password(NewPassword),
}

impl Fresh {
    fn expose(&self) -> &[u8] {
        match self {
            Self::Temporary(password) => password.expose(),
            Self::Password(password) => password.expose(),
        }
    }
}

/// A secret, and who waits for what comes of it.
pub(super) enum Job {
    Hash {
        password: Fresh,
        salt: Salt,
        done: oneshot::Sender<Result<PhcString, HashError>>,
    },
    Verify {
        typed: TypedPassword,
        stored: Option<PhcString>,
        renewal: Option<Salt>,
        done: oneshot::Sender<Result<Checked, HashError>>,
    },
}

impl Job {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Hash { done, .. } => done.is_closed(),
            Self::Verify { done, .. } => done.is_closed(),
        }
    }

    /// Tells whoever waits that there is no room.
    fn refuse(self) {
        // As in `run`.
        match self {
            Self::Hash { done, .. } => drop(done.send(Err(HashError::Busy))),
            Self::Verify { done, .. } => drop(done.send(Err(HashError::Busy))),
        }
    }

    /// Does it, if anyone still waits.
    fn run(self, argon: &Argon) {
        // Who has gone meanwhile loses nothing by an answer that is not taken.
        match self {
            Self::Hash { password, salt, done } => {
                let _ = done.send(argon.hash(password.expose(), salt));
            }
            Self::Verify { typed, stored, renewal, done } => {
                let _ = done.send(argon.verify(typed.expose(), stored.as_ref(), renewal));
            }
        }
    }
}

/// A queue, bounded or not.
#[derive(Debug)]
pub(super) struct Lane {
    name: &'static str,
    waiting: Mutex<Waiting>,
    news: Condvar,
}

struct Waiting {
    /// Each with the time of its coming.
    jobs: VecDeque<(Job, Instant)>,
    /// How many may wait; none once all are refused.
    room: usize,
    closed: bool,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} jobs", self.jobs.len())
    }
}

impl Lane {
    /// One whose queue takes this many; any number if none is given.
    pub(super) fn new(name: &'static str, bound: Option<usize>) -> Self {
        let jobs = VecDeque::with_capacity(bound.unwrap_or_default());
        let waiting = Waiting { jobs, room: bound.unwrap_or(usize::MAX), closed: false };
        let lane = Self { name, waiting: Mutex::new(waiting), news: Condvar::new() };
        lane.tell(&lane.lock());
        lane
    }

    /// Queues a job, if there is room.
    pub(super) fn push(&self, job: Job) -> Result<(), HashError> {
        let mut waiting = self.with_room()?;
        waiting.jobs.push_back((job, clock::now()));
        self.tell(&waiting);
        drop(waiting);
        self.news.notify_one();
        Ok(())
    }

    /// Whether there is room for a job.
    pub(super) fn admit(&self) -> Result<(), HashError> {
        self.with_room().map(drop)
    }

    /// The queue, if there is room once abandoned jobs are dropped.
    fn with_room(&self) -> Result<MutexGuard<'_, Waiting>, HashError> {
        let mut waiting = self.lock();
        if waiting.jobs.len() >= waiting.room {
            waiting.jobs.retain(|(job, _)| !job.is_abandoned());
        }
        if waiting.jobs.len() >= waiting.room {
            counter!("karipass_hash_refused_total", "lane" => self.name).increment(1);
            return Err(HashError::Busy);
        }
        Ok(waiting)
    }

    /// Takes no more jobs, and refuses those that wait.
    pub(super) fn refuse(&self) {
        let mut waiting = self.lock();
        waiting.room = 0;
        let refused = std::mem::take(&mut waiting.jobs);
        self.tell(&waiting);
        drop(waiting);
        counter!("karipass_hash_refused_total", "lane" => self.name)
            .increment(refused.len() as u64);
        for (job, _) in refused {
            job.refuse();
        }
    }

    /// Ends the lane's threads once they have done what they are at; what waits is dropped.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.jobs.clear();
        drop(waiting);
        self.news.notify_all();
    }

    /// The next job that anyone still waits for; `None` once the lane is closed.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if waiting.closed {
                return None;
            }
            let next = if waiting.jobs.len() > IN_ORDER {
                waiting.jobs.pop_back()
            } else {
                waiting.jobs.pop_front()
            };
            match next {
                Some((job, _)) if job.is_abandoned() => {}
                Some((job, _)) => {
                    self.tell(&waiting);
                    return Some(job);
                }
                None => {
                    // Those who have left were counted.
                    self.tell(&waiting);
                    waiting = self.news.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// How long the first one has waited that still waits.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let waiting = self.lock();
        let first = waiting.jobs.iter().find(|(job, _)| !job.is_abandoned());
        first.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(*since))
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().jobs.len()
    }

    fn tell(&self, waiting: &Waiting) {
        #[expect(clippy::cast_precision_loss, reason = "a queue's length is small")]
        gauge!("karipass_hash_waiting", "lane" => self.name).set(waiting.jobs.len() as f64);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has the processor while one of a lane's threads could use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// Each gets its share.
    Shares,
    /// Everything else goes first, at once when it wakes up (`SCHED_IDLE`, sched(7)).
    GoesFirst,
}

/// Starts a thread that empties `lane`.
pub(super) fn spawn(lane: &Arc<Lane>, argon: &Arc<Argon>, beside: Beside) -> io::Result<()> {
    let (lane, argon) = (Arc::clone(lane), Arc::clone(argon));
    thread::Builder::new().name(format!("hash-{}", lane.name)).spawn(move || {
        if beside == Beside::GoesFirst
            && let Err(error) = set_thread_priority_and_policy(
                thread_native_id(),
                ThreadPriority::Min,
                ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
            )
        {
            tracing::warn!(%error, "the priority of a hashing thread could not be lowered");
        }
        while let Some(job) = lane.next() {
            let began = clock::now();
            job.run(&argon);
            histogram!("karipass_hash_seconds", "lane" => lane.name).record(began.elapsed());
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use metrics::with_local_recorder;
    use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

    use super::*;

    type Answer = oneshot::Receiver<Result<Checked, HashError>>;

    fn job(name: &str) -> (Job, Answer) {
        let (done, answer) = oneshot::channel();
        let typed = TypedPassword::from(name.to_owned());
        (Job::Verify { typed, stored: None, renewal: None, done }, answer)
    }

    /// Fills a lane with jobs of these names.
    fn filled(lane: &Lane, names: impl Iterator<Item = usize>) -> Vec<Answer> {
        names
            .map(|name| {
                let (job, answer) = job(&name.to_string());
                lane.push(job).unwrap();
                answer
            })
            .collect()
    }

    fn is_refused(lane: &Lane) -> bool {
        matches!(lane.admit(), Err(HashError::Busy))
            && matches!(lane.push(job("").0), Err(HashError::Busy))
    }

    /// What `/metrics` says of the lane's queue.
    fn told(recorder: &PrometheusRecorder) -> String {
        let metrics = recorder.handle().render();
        let told = metrics.lines().find_map(|line| {
            line.strip_prefix("karipass_hash_waiting{lane=\"test\"} ").map(str::to_owned)
        });
        told.unwrap_or(metrics)
    }

    fn next(lane: &Lane) -> String {
        match lane.next() {
            Some(Job::Verify { typed, .. }) => String::from_utf8(typed.expose().to_vec()).unwrap(),
            Some(Job::Hash { .. }) | None => panic!("there is no such job"),
        }
    }

    #[test]
    fn a_queue_takes_as_many_as_its_bound_and_whoever_leaves_makes_room() {
        let lane = Lane::new("test", Some(3));
        let mut answers = filled(&lane, 0..3);
        assert!(is_refused(&lane));
        assert_eq!(next(&lane), "0");
        answers.extend(filled(&lane, 3..4));
        assert!(is_refused(&lane));
        drop(answers.remove(1));
        answers.extend(filled(&lane, 4..5));
        assert!(is_refused(&lane));
        assert_eq!([next(&lane), next(&lane), next(&lane)], ["2", "3", "4"]);
        assert_eq!(lane.waiting(), 0);
    }

    #[test]
    fn beyond_a_few_the_newest_is_next() {
        let lane = Lane::new("test", Some(IN_ORDER + 2));
        let _answers = filled(&lane, 0..IN_ORDER + 2);
        let newest = [(IN_ORDER + 1).to_string(), IN_ORDER.to_string()];
        assert_eq!([next(&lane), next(&lane)], newest);
        assert_eq!([next(&lane), next(&lane)], ["0", "1"]);
    }

    #[test]
    fn a_wait_is_that_of_the_first_who_has_not_left() {
        let lane = Lane::new("test", None);
        assert_eq!(lane.wait(clock::now()), Duration::ZERO);
        let mut answers = filled(&lane, 0..1);
        let between = clock::now();
        answers.extend(filled(&lane, 1..2));
        let later = clock::now() + Duration::from_secs(5);
        assert!(lane.wait(later) >= later - between);
        drop(answers.remove(0));
        assert!(lane.wait(later) <= later - between);
        assert_eq!(next(&lane), "1");
        assert_eq!(lane.wait(later), Duration::ZERO);
    }

    #[test]
    fn a_queue_without_a_bound_refuses_nobody() {
        let lane = Lane::new("test", None);
        let answers = filled(&lane, 0..10_000);
        assert_eq!(lane.waiting(), answers.len());
    }

    #[test]
    fn the_queues_length_is_told_from_the_start_and_without_those_who_have_left() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let lane = with_local_recorder(&recorder, || {
            let lane = Lane::new("test", Some(3));
            assert_eq!(told(&recorder), "0");
            filled(&lane, 0..2);
            assert_eq!(told(&recorder), "2");
            lane
        });
        thread::scope(|threads| {
            threads.spawn(|| with_local_recorder(&recorder, || assert!(lane.next().is_none())));
            while lane.waiting() > 0 {
                thread::yield_now();
            }
            lane.close();
        });
        assert_eq!(told(&recorder), "0");
    }

    #[test]
    fn a_queue_that_refuses_tells_those_who_wait_and_takes_nobody_more() {
        let lane = Lane::new("test", Some(3));
        let answers = filled(&lane, 0..3);
        lane.refuse();
        for mut answer in answers {
            assert!(matches!(answer.try_recv(), Ok(Err(HashError::Busy))));
        }
        assert!(is_refused(&lane));
    }
}
