//! Argon2id on threads of its own (`C7`): a few workers, which use their block memory again.
//!
//! Two lanes keep the phone line's hashing from waiting behind logins. The calls' workers take
//! nothing else. The logins' workers, one less than there are cores, run only while nothing else does; one
//! more sees to it that logins get a sixth of a core whatever else runs. The networks that logins come from
//! take turns. A login beyond the bound of its queue is [`HashError::Busy`] at once; no call ever is, whose
//! number is bound elsewhere. A job whose asker has gone is skipped. Dropping the last [`Hasher`] ends the
//! threads.

mod keys;
mod lane;
mod queue;
mod secret_hash;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use keys::{DerivedKey, KeyMistakes, Keys, hmac};
pub use secret_hash::{Checked, Cost, Dummy, Salt};

use crate::password::{NewPassword, PhcString, TemporaryPassword, TypedPassword};
use lane::{Asker, Fresh, Job, Lane, Work, Worker};
use secret_hash::Argon;

/// Workers that serve calls only, for each core: beside Asterisk's many threads each has a small share.
const CALL_WORKERS_A_CORE: usize = 2;
/// The most of them: each keeps 19 MiB.
const MOST_CALL_WORKERS: usize = 8;
/// The most workers for logins, however many cores there are: each keeps 19 MiB.
const MOST_LOGIN_WORKERS: usize = 32;
/// Logins that may wait for a worker: the thousand sent at once of `C3`.
const LOGIN_QUEUE: usize = 1024;
/// Calls take no turns.
const CALLS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// The longest that a login waits for its verification.
const LOGIN_WAIT: Duration = Duration::from_mins(3);

/// Hands secrets to the workers; cheap to clone.
#[derive(Debug, Clone)]
pub struct Hasher {
    lanes: Arc<Lanes>,
    argon: Arc<Argon>,
}

#[derive(Debug)]
struct Lanes {
    calls: Arc<Lane>,
    logins: Arc<Lane>,
}

impl Lanes {
    fn new() -> Self {
        Self {
            calls: Arc::new(Lane::new("calls", None)),
            logins: Arc::new(Lane::new("logins", Some(LOGIN_QUEUE))),
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.calls.close();
        self.logins.close();
    }
}

/// No hash came of it.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// More was asked than the workers can do; nothing was verified.
    #[error("too many secrets wait to be hashed")]
    Busy,
    /// The hash function refused its parameters, or its worker is gone.
    #[error("hashing failed: {0}")]
    Failed(String),
}

/// The workers could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system gave no thread.
    #[error("no thread for hashing")]
    Thread(#[source] std::io::Error),
    /// The dummy hash could not be made.
    #[error("no dummy hash")]
    Dummy(#[source] HashError),
}

impl Hasher {
    /// Starts the workers, and makes the dummy hash from `dummy` with the live key and cost.
    ///
    /// # Errors
    /// [`StartError`]
    pub fn start(keys: Keys, cost: Cost, dummy: &Dummy) -> Result<Self, StartError> {
        let argon = Arc::new(Argon::new(keys, cost, dummy).map_err(StartError::Dummy)?);
        let lanes = Arc::new(Lanes::new());
        let cores = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..(cores * CALL_WORKERS_A_CORE).min(MOST_CALL_WORKERS) {
            lane::spawn(&lanes.calls, Worker::Ordinary, working(&argon))
                .map_err(StartError::Thread)?;
        }
        for _ in 0..cores.saturating_sub(1).clamp(1, MOST_LOGIN_WORKERS) {
            lane::spawn(&lanes.logins, Worker::Idle, working(&argon))
                .map_err(StartError::Thread)?;
        }
        lane::spawn(&lanes.logins, Worker::Steady, working(&argon)).map_err(StartError::Thread)?;
        Ok(Self { lanes, argon })
    }

    /// Hashes and verifies with other keys from now on, the dummy hash too.
    ///
    /// # Errors
    /// [`HashError`]; the keys stay as they are.
    pub fn replace_keys(&self, keys: Keys, dummy: &Dummy) -> Result<(), HashError> {
        self.argon.replace_keys(keys, dummy)
    }

    /// From now on refuses logins and changes, those that wait too, with [`HashError::Busy`]; what the
    /// workers are at they finish.
    pub fn refuse_logins(&self) {
        self.lanes.logins.refuse();
    }

    /// Whether a login from `address` that begins now would find room in the queue. Asked before the store is, it makes
    /// refusals cost next to nothing; what counts is the room there is when the hash is asked for.
    ///
    /// # Errors
    /// [`HashError::Busy`]
    pub fn admit_login(&self, address: IpAddr) -> Result<(), HashError> {
        self.lanes.logins.admit(address)
    }

    /// How long the call has waited that is next to be hashed for.
    #[must_use]
    pub fn call_wait(&self, now: Instant) -> Duration {
        self.lanes.calls.wait(now)
    }

    /// Hash operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.argon.operations()
    }

    /// Hashes a temporary password that was set by phone, in the calls' lane.
    ///
    /// # Errors
    /// [`HashError::Failed`]
    pub async fn hash_for_call(
        &self,
        password: TemporaryPassword,
        salt: Salt,
    ) -> Result<PhcString, HashError> {
        let (asker, hashed) = Asker::new();
        let password = Fresh::Temporary(password);
        self.lanes.calls.push(CALLS, Job::Hash { password, salt, asker })?;
        hashed.await.map_err(|_| gone())?
    }

    /// Hashes a password that is set on the site from `address`, in the logins' lane.
    ///
    /// # Errors
    /// [`HashError`]
    pub async fn hash_for_change(
        &self,
        password: NewPassword,
        salt: Salt,
        address: IpAddr,
    ) -> Result<PhcString, HashError> {
        let (asker, hashed) = Asker::new();
        let password = Fresh::Password(password);
        self.lanes.logins.push(address, Job::Hash { password, salt, asker })?;
        in_time(hashed).await
    }

    /// Verifies what was typed against `stored`, or against the dummy hash if there is none, in the
    /// logins' lane, in the turn of `address`; `renewal` is for a hash that replaces an outdated one, if that is wanted.
    ///
    /// Either way it is one hash operation, and one more if the typed password is right and its hash
    /// outdated. Dropping the future abandons the job.
    ///
    /// # Errors
    /// [`HashError`]; nothing is known of the password then.
    pub async fn verify_for_login(
        &self,
        typed: TypedPassword,
        stored: Option<PhcString>,
        renewal: Option<Salt>,
        address: IpAddr,
    ) -> Result<Checked, HashError> {
        let (asker, checked) = Asker::new();
        self.lanes.logins.push(address, Job::Verify { typed, stored, renewal, asker })?;
        in_time(checked).await
    }
}

/// What a worker does with its work.
fn working(argon: &Arc<Argon>) -> impl Fn(&Work) + Send + 'static {
    let argon = Arc::clone(argon);
    move |work| {
        work.job().run(&argon);
        if work.is_repeated {
            argon.discount();
        }
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
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use tokio::task::JoinHandle;

    use super::*;

    const ONE: &str = "k1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const TWO: &str = "k2 AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const WEAK: Cost = Cost { memory_kib: 8 * 1024, passes: 1, lanes: 1 };

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn rng() -> StdRng {
        StdRng::seed_from_u64(7)
    }

    fn hasher(keys: &str, cost: Cost) -> Hasher {
        Hasher::start(Keys::parse(keys).unwrap(), cost, &Dummy::draw(&mut rng())).unwrap()
    }

    fn temporary() -> TemporaryPassword {
        TemporaryPassword::try_from(&b"12345678"[..]).unwrap()
    }

    async fn hashed(hasher: &Hasher) -> PhcString {
        hasher.hash_for_call(temporary(), Salt::draw(&mut rng())).await.unwrap()
    }

    async fn check(hasher: &Hasher, typed: &str, stored: Option<&PhcString>) -> Checked {
        let typed = TypedPassword::from(typed.to_owned());
        let salt = Some(Salt::draw(&mut rng()));
        hasher.verify_for_login(typed, stored.cloned(), salt, HERE).await.unwrap()
    }

    #[tokio::test]
    async fn c7_a_hash_is_keyed_argon2id_in_a_phc_string() {
        let hasher = hasher(ONE, Cost::LIVE);
        let stored = hashed(&hasher).await;
        let prefix = "$argon2id$v=19$m=19456,t=2,p=1,keyid=azE$";
        assert!(stored.expose().starts_with(prefix), "{}", stored.expose());
        let right = check(&hasher, "12345678", Some(&stored)).await;
        assert!(matches!(right, Checked::Right { renewed: None }), "{right:?}");
        let wrong = check(&hasher, "12345679", Some(&stored)).await;
        assert!(matches!(wrong, Checked::Wrong), "{wrong:?}");
    }

    #[tokio::test]
    async fn c7_the_stored_hash_verifies_nothing_without_its_key() {
        let stored = hashed(&hasher(ONE, WEAK)).await;
        let same_id = hasher(&ONE.replace("AAAA", "BBBB"), WEAK);
        let wrong = check(&same_id, "12345678", Some(&stored)).await;
        assert!(matches!(wrong, Checked::Wrong), "{wrong:?}");
        let no_id = check(&hasher(TWO, WEAK), "12345678", Some(&stored)).await;
        assert!(matches!(no_id, Checked::Unverifiable(_)), "{no_id:?}");
    }

    #[tokio::test]
    async fn c7_a_weaker_hash_or_one_of_another_key_is_renewed_when_the_password_is_right() {
        let both = hasher(&format!("{TWO}\n{ONE}"), Cost::LIVE);
        let of_old_key = hashed(&hasher(ONE, Cost::LIVE)).await;
        let weak = hashed(&hasher(TWO, WEAK)).await;
        for stored in [of_old_key, weak] {
            let wrong = check(&both, "12345679", Some(&stored)).await;
            assert!(matches!(wrong, Checked::Wrong), "{wrong:?}");
            let Checked::Right { renewed: Some(renewed) } =
                check(&both, "12345678", Some(&stored)).await
            else {
                panic!("not renewed: {}", stored.expose());
            };
            let again = check(&both, "12345678", Some(&renewed)).await;
            assert!(matches!(again, Checked::Right { renewed: None }), "{again:?}");
        }
    }

    #[tokio::test]
    async fn w2_without_a_hash_the_dummy_is_compared_and_is_nobodys() {
        let checked = check(&hasher(ONE, WEAK), "12345678", None).await;
        assert!(matches!(checked, Checked::Wrong), "{checked:?}");
    }

    #[tokio::test]
    async fn what_is_stored_and_no_hash_is_told_apart() {
        let hasher = hasher(ONE, WEAK);
        for stored in [
            "",
            "12345678",
            "$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=4294967295,t=1,p=1,keyid=azE$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8192,t=1,p=1,keyid=azE$AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let checked = check(&hasher, "12345678", Some(&stored.to_owned().into())).await;
            assert!(matches!(checked, Checked::Unverifiable(_)), "{stored}: {checked:?}");
        }
    }

    /// Nobody serves its logins until a test lets a worker at them.
    fn without_login_workers() -> Hasher {
        let argon = Argon::new(Keys::parse(ONE).unwrap(), WEAK, &Dummy::draw(&mut rng())).unwrap();
        let (argon, lanes) = (Arc::new(argon), Arc::new(Lanes::new()));
        lane::spawn(&lanes.calls, Worker::Ordinary, working(&argon)).unwrap();
        Hasher { lanes, argon }
    }

    /// Logins with a wrong password, begun and waiting: as many as the queue holds.
    async fn full_of_logins(hasher: &Hasher) -> Vec<JoinHandle<Result<Checked, HashError>>> {
        let logins = 0..LOGIN_QUEUE;
        let logins = logins.map(|_| tokio::spawn(login(hasher.clone(), None, HERE))).collect();
        while hasher.lanes.logins.waiting() < LOGIN_QUEUE {
            tokio::task::yield_now().await;
        }
        logins
    }

    async fn login(
        hasher: Hasher,
        stored: Option<PhcString>,
        from: IpAddr,
    ) -> Result<Checked, HashError> {
        hasher.verify_for_login("12345678".to_owned().into(), stored, None, from).await
    }

    fn let_a_worker_at_the_logins(hasher: &Hasher) {
        lane::spawn(&hasher.lanes.logins, Worker::Ordinary, working(&hasher.argon)).unwrap();
    }

    #[tokio::test]
    async fn once_logins_are_refused_all_that_wait_are_told_and_calls_are_not() {
        let hasher = without_login_workers();
        let waiting = full_of_logins(&hasher).await;
        hasher.refuse_logins();
        for login in waiting {
            let answer = login.await.unwrap();
            assert!(matches!(answer, Err(HashError::Busy)), "{answer:?}");
        }
        let late = login(hasher.clone(), None, ELSEWHERE).await;
        assert!(matches!(late, Err(HashError::Busy)), "{late:?}");
        hashed(&hasher).await;
    }

    #[tokio::test]
    async fn a_flood_of_logins_is_refused_beyond_the_bound_and_does_not_delay_a_call() {
        let hasher = without_login_workers();
        let flood = full_of_logins(&hasher).await;
        for _ in 0..LOGIN_QUEUE {
            let beyond = login(hasher.clone(), None, HERE).await;
            assert!(matches!(beyond, Err(HashError::Busy)), "{beyond:?}");
            assert!(matches!(hasher.admit_login(HERE), Err(HashError::Busy)));
        }
        let stored = hashed(&hasher).await;
        assert_eq!(hasher.lanes.logins.waiting(), LOGIN_QUEUE);
        for login in flood {
            login.abort();
            assert!(login.await.unwrap_err().is_cancelled());
        }
        // The queue is of abandoned jobs now: a login that comes next does not wait for them.
        let before = hasher.operations();
        let next = tokio::spawn(login(hasher.clone(), Some(stored), HERE));
        while hasher.lanes.logins.waiting() != 1 {
            tokio::task::yield_now().await;
        }
        let_a_worker_at_the_logins(&hasher);
        let next = next.await.unwrap();
        assert!(matches!(next, Ok(Checked::Right { renewed: None })), "{next:?}");
        assert_eq!(hasher.operations() - before, 1);
    }

    #[tokio::test]
    async fn b5_who_asks_from_elsewhere_finds_room_and_has_the_next_turn_in_a_flood() {
        let hasher = without_login_workers();
        let stored = hashed(&hasher).await;
        let mut flood = full_of_logins(&hasher).await;
        assert!(matches!(hasher.admit_login(HERE), Err(HashError::Busy)));
        assert!(hasher.admit_login(ELSEWHERE).is_ok());
        let before = hasher.operations();
        let next = tokio::spawn(login(hasher.clone(), Some(stored), ELSEWHERE));
        // One of the flood has given way to it.
        let displaced = futures_util::future::select_all(flood.drain(..)).await;
        assert!(matches!(displaced.0, Ok(Err(HashError::Busy))), "{:?}", displaced.0);
        assert_eq!(hasher.lanes.logins.waiting(), LOGIN_QUEUE);
        let_a_worker_at_the_logins(&hasher);
        let next = next.await.unwrap();
        assert!(matches!(next, Ok(Checked::Right { renewed: None })), "{next:?}");
        let operations = hasher.operations() - before;
        // One of the flood's was before it, and one may have been begun since.
        assert!(operations <= 3, "{operations}");
        displaced.2.iter().for_each(JoinHandle::abort);
    }
}
