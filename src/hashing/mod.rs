//! Argon2id on its own threads (`C7`): a few workers, which reuse their block memory.
//!
//! Two pools keep the phone line's hashing from waiting behind logins. The calls' workers take
//! nothing else. The logins' workers, one fewer than there are cores, run only while the machine
//! has nothing else to run. One more worker guarantees logins a sixth of a core in any case. The
//! networks that logins come from take turns. If the queue of logins is full, another login is
//! [`HashError::Busy`] at once. A call never is, because the number of calls is limited elsewhere.
//! Abandoned jobs are skipped. Dropping the last [`Hasher`] ends the threads.

mod argon;
mod error;
mod job;
mod pool;
mod queue;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::instrument;

pub use crate::keys::{KeyErrors, Keys};
pub use argon::{Cost, Dummy, Renewed, Salt};
pub use error::{HashError, StartError};

use crate::machine::cores;
use argon::Argon;
use domain::password::{
    NewPassword, PhcString, SubmittedPassword, TemporaryPassword, Verification,
};
use job::{Job, PlainSecret, Reply};
use pool::{Work, Worker, WorkerPool};

/// Workers that serve calls only. Beside Asterisk's many threads each gets a small share.
const CALL_WORKERS_PER_CORE: usize = 2;
/// Each keeps 19 MiB.
const MAX_CALL_WORKERS: usize = 8;
/// However many cores there are. Each keeps 19 MiB.
const MAX_LOGIN_WORKERS: usize = 32;
/// Logins that may wait for a worker: the thousand sent at once of `C3`.
const LOGIN_QUEUE: usize = 1024;
/// Calls take no turns.
const CALLS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// The longest time that a login waits for its verification.
pub const LOGIN_WAIT: Duration = Duration::from_mins(3);

/// Hands secrets to the workers; cheap to clone.
#[derive(Debug, Clone)]
pub struct Hasher {
    pools: Arc<WorkerPools>,
    argon: Arc<Argon>,
}

#[derive(Debug)]
struct WorkerPools {
    calls: Arc<WorkerPool>,
    logins: Arc<WorkerPool>,
}

impl WorkerPools {
    fn new() -> Self {
        Self {
            calls: Arc::new(WorkerPool::new("calls", None)),
            logins: Arc::new(WorkerPool::new("logins", Some(LOGIN_QUEUE))),
        }
    }
}

impl Drop for WorkerPools {
    fn drop(&mut self) {
        self.calls.close();
        self.logins.close();
    }
}

impl Hasher {
    /// Starts the workers, and makes the dummy hash from `dummy` with the live key and cost.
    ///
    /// # Errors
    /// [`StartError`] if there is no thread, or the dummy hash fails.
    pub fn start(keys: Keys, cost: Cost, dummy: &Dummy) -> Result<Self, StartError> {
        let argon = Arc::new(Argon::new(keys, cost, dummy).map_err(StartError::Dummy)?);
        let pools = Arc::new(WorkerPools::new());
        for _ in 0..(cores() * CALL_WORKERS_PER_CORE).min(MAX_CALL_WORKERS) {
            pool::spawn(&pools.calls, Worker::Ordinary, working(&argon))
                .map_err(StartError::Thread)?;
        }
        for _ in 0..Self::login_workers() {
            pool::spawn(&pools.logins, Worker::Idle, working(&argon))
                .map_err(StartError::Thread)?;
        }
        pool::spawn(&pools.logins, Worker::Steady, working(&argon)).map_err(StartError::Thread)?;
        Ok(Self { pools, argon })
    }

    /// Prepares other keys, with their dummy hash. The closure puts them into force.
    ///
    /// # Errors
    /// [`HashError`] if the dummy hash fails.
    pub fn prepare_keys(
        &self,
        keys: Keys,
        dummy: &Dummy,
    ) -> Result<impl FnOnce() + use<'_>, HashError> {
        let live = self.argon.prepare_keys(keys, dummy)?;
        Ok(move || self.argon.replace_keys(live))
    }

    /// From now on refuses logins and changes with [`HashError::Busy`], waiting ones too. The
    /// workers finish the jobs that they have begun.
    pub fn refuse_logins(&self) {
        self.pools.logins.refuse();
    }

    /// Whether a login from `address` would find room in the queue now. Asked before the database
    /// is, it makes refusals cheap. The queue may still be full when the hash is asked for.
    ///
    /// # Errors
    /// [`HashError::Busy`] if the queue is full.
    pub fn admit_login(&self, address: IpAddr) -> Result<(), HashError> {
        self.pools.logins.admit(address)
    }

    /// The number of logins and changes whose hashes are computed in parallel.
    #[must_use]
    pub fn login_workers() -> usize {
        cores().saturating_sub(1).clamp(1, MAX_LOGIN_WORKERS)
    }

    /// Waiting time of the oldest call job.
    #[must_use]
    pub fn call_wait(&self, now: Instant) -> Duration {
        self.pools.calls.wait(now)
    }

    /// Hash operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.argon.operations()
    }

    /// Hashes a temporary password that was set by phone, in the pool of calls.
    ///
    /// # Errors
    /// [`HashError::Failed`] if the parameters are bad or the worker is gone.
    #[instrument(name = "hash", skip_all, fields(pool = "calls"))]
    pub async fn hash_for_call(
        &self,
        password: TemporaryPassword,
        salt: Salt,
    ) -> Result<PhcString, HashError> {
        let (reply, hashed) = Reply::new();
        let password = PlainSecret::Temporary(password);
        self.pools.calls.push(CALLS, Job::Hash { password, salt, reply })?;
        hashed.await.map_err(|_| gone())?
    }

    /// Hashes a password that is set on the site from `address`, in the pool of logins.
    ///
    /// # Errors
    /// [`HashError`] if the queue is full, or the hash function fails.
    #[instrument(name = "hash", skip_all, fields(pool = "logins"))]
    pub async fn hash_for_change(
        &self,
        password: NewPassword,
        salt: Salt,
        address: IpAddr,
    ) -> Result<PhcString, HashError> {
        let (reply, hashed) = Reply::new();
        let password = PlainSecret::Password(password);
        self.pools.logins.push(address, Job::Hash { password, salt, reply })?;
        in_time(hashed).await
    }

    /// Verifies a submitted password against `stored`, or against the dummy hash if there is none.
    /// Runs in the pool of logins and in the turn of `address`. With the salt `renewal`, an
    /// outdated hash is made again.
    ///
    /// Either way this is one hash operation, and one more if the password is right and its hash is
    /// outdated. Dropping the future abandons the job.
    ///
    /// # Errors
    /// [`HashError`]; the password is then neither right nor wrong.
    #[instrument(name = "hash", skip_all, fields(pool = "logins"))]
    pub async fn verify_for_login(
        &self,
        typed: SubmittedPassword,
        stored: Option<PhcString>,
        renewal: Option<Salt>,
        address: IpAddr,
    ) -> Result<Verification<Renewed>, HashError> {
        let (reply, checked) = Reply::new();
        self.pools.logins.push(address, Job::Verify { typed, stored, renewal, reply })?;
        in_time(checked).await
    }
}

/// A worker's function, which runs one piece of work.
fn working(argon: &Arc<Argon>) -> impl Fn(&Work) + Send + 'static {
    let argon = Arc::clone(argon);
    move |work| {
        if work.is_repeated {
            argon.uncount_repeated();
        }
        work.job().run(&argon);
    }
}

async fn in_time<T>(done: oneshot::Receiver<Result<T, HashError>>) -> Result<T, HashError> {
    let Ok(done) = tokio::time::timeout(LOGIN_WAIT, done).await else {
        return Err(HashError::Busy);
    };
    done.map_err(|_| gone())?
}

fn gone() -> HashError {
    HashError::Failed("the worker is gone".to_owned())
}

#[cfg(test)]
mod tests;
