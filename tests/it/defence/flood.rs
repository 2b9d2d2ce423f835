//! Three times as many logins as can be verified (row 7). All figures are compared within
//! the run, with room for a busy machine: what is looked for is a collapse, of 85 logins a second to 15
//! with gigabytes of memory, as unbounded threads gave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use karipass::clock;
use karipass_lab::daemon::get;
use libtest_mimic::Trial;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::site::{self, Caller, Daemon, NUMBER, RIGHT, WRONG};
use crate::world::{ALONE, World, trial};

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![trial(world, "a_three_times_the_logins_that_can_be_verified_harm_nothing_else", flood)]
}

/// How many times the logins that can be verified are offered.
const OVERLOAD: f64 = 3.0;
/// Between two helpings of the flood.
const TICK: Duration = Duration::from_millis(5);
/// How long the flood lasts, at least.
const FLOOD: Duration = Duration::from_secs(6);
/// How long it may take until the queue is full and someone is told so.
const BUSY_WITHIN: Duration = Duration::from_mins(1);
/// Memory that the flood may take besides: a connection and a request each for a thousand that wait. A
/// hash's memory for each of them would be 19 GiB.
const MEMORY_KIB: usize = 256 * 1024;

async fn flood(world: Arc<World>) {
    let _alone = ALONE.lock().await;
    let database = world.database().await;
    let owner = database.owner().await.unwrap();
    site::contract(&owner, "line").await;
    site::credential(&owner, NUMBER, "password").await;
    let daemon = Daemon::start(&database, &[]);
    let caller = Caller::new();
    let capacity = capacity(&caller, &daemon.base).await;
    let hash = Duration::from_secs_f64(1.0 / capacity);
    let alone = one_login(&caller, &daemon.base).await;
    let memory = daemon.memory_kib();

    let health = Health::watch(daemon.operators.strip_prefix("http://").unwrap());
    let flood = offer(&caller, &daemon.base, capacity).await;
    let health = health.end();
    let taken = daemon.memory_kib().saturating_sub(memory);

    assert!(flood.verified > capacity / 3.0, "{capacity} logins/s alone, {flood:?}");
    // As long as some 20 hashes, at most; the queue is 1,024 long.
    assert!(health < 20 * hash, "/livez took {health:?}, a hash {hash:?}");
    assert!(taken < MEMORY_KIB, "{taken} KiB");
    let afterwards = one_login(&caller, &daemon.base).await;
    assert!(afterwards < 20 * alone, "{alone:?} before, {afterwards:?} after");
}

/// Logins a second that are verified when only a few come at once.
async fn capacity(caller: &Caller, base: &str) -> f64 {
    const LOGINS: usize = 100;
    let next = Arc::new(AtomicUsize::new(0));
    let began = clock::now();
    let mut askers = JoinSet::new();
    for _ in 0..4 {
        let (caller, base, next) = (caller.clone(), base.to_owned(), Arc::clone(&next));
        askers.spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < LOGINS {
                assert_eq!(caller.log_in(&base, "0699999999", WRONG).await.status, 401);
            }
        });
    }
    askers.join_all().await;
    f64::from(u32::try_from(LOGINS).unwrap()) / began.elapsed().as_secs_f64()
}

/// How long a subscriber waits for a login: the second longest of five.
async fn one_login(caller: &Caller, base: &str) -> Duration {
    let mut took = Vec::new();
    for _ in 0..5 {
        let began = clock::now();
        assert_eq!(caller.log_in(base, NUMBER, RIGHT).await.status, 200);
        took.push(began.elapsed());
    }
    took.sort();
    took[3]
}

/// What came of a flood.
#[derive(Debug)]
struct Flood {
    /// Answers a second after a verification.
    verified: f64,
}

/// Offers three times the logins that can be verified, whatever comes of them, until some have been told
/// that it is busy.
async fn offer(caller: &Caller, base: &str, capacity: f64) -> Flood {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut verified, mut busy) = (0_u32, 0_u32);
    let mut offered = JoinSet::new();
    let (mut due, began) = (0.0, clock::now());
    while began.elapsed() < FLOOD || busy == 0 {
        assert!(began.elapsed() < BUSY_WITHIN, "nobody is refused: {verified} verified");
        ticks.tick().await;
        // A machine that has become less busy meanwhile verifies more than it did alone.
        let now = f64::from(verified) / began.elapsed().as_secs_f64();
        due += OVERLOAD * capacity.max(now) * TICK.as_secs_f64();
        while due >= 1.0 {
            due -= 1.0;
            let (caller, base) = (caller.clone(), base.to_owned());
            offered.spawn(async move { caller.log_in(&base, "0699999999", WRONG).await.status });
        }
        while let Some(status) = offered.try_join_next() {
            match status.unwrap() {
                401 => verified += 1,
                503 => busy += 1,
                other => panic!("{other}"),
            }
        }
    }
    // Whoever still waits goes away.
    offered.shutdown().await;
    Flood { verified: f64::from(verified) / began.elapsed().as_secs_f64() }
}

/// Asks `/livez` again and again.
struct Health {
    over: Arc<AtomicBool>,
    asking: thread::JoinHandle<Vec<Duration>>,
}

impl Health {
    fn watch(operators: &str) -> Self {
        let address: SocketAddr = operators.parse().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let asking = thread::spawn(move || {
            let mut took = Vec::new();
            while !until.load(Ordering::Relaxed) {
                let began: Instant = clock::now();
                assert_eq!(get(address, "/livez").0, 200);
                took.push(began.elapsed());
                thread::sleep(Duration::from_millis(20));
            }
            took
        });
        Self { over, asking }
    }

    /// What nine of ten were answered within.
    fn end(self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        let mut took = self.asking.join().unwrap();
        took.sort();
        took[took.len() * 9 / 10]
    }
}
