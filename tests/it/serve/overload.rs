//! The telephone line beside slow connections, and beside three times the logins that can be verified.
//!
//! What is looked for is a collapse: a busy machine must not fail it. How much longer the line takes is
//! measured elsewhere.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use karipass::clock;
use libtest_mimic::Trial;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::{TRUSTED, Whole, until};
use crate::site::{Caller, NUMBER, RIGHT, Service, WRONG};
use crate::world::{ALONE, World, trial};

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![
        trial(world, "overload_calls_go_on_beside_slow_connections_and_a_flood_of_logins", flood),
        trial(world, "overload_logins_that_hold_the_store_leave_calls_theirs", store),
        trial(world, "overload_a_login_beyond_the_queue_does_not_ask_the_store", refused),
        trial(
            world,
            "overload_the_line_goes_before_the_site_and_all_before_its_hashes",
            priorities,
        ),
    ]
}

/// Logins a second: several times what two cores verify.
const OFFERED: u32 = 250;
/// Between two helpings of the flood.
const TICK: Duration = Duration::from_millis(20);
/// Reactions that are measured at a time.
const REACTIONS: usize = 100;
/// How soon all is normal once the flood is over.
const NORMAL_WITHIN: Duration = Duration::from_secs(5);
/// Memory that slow connections and the flood may take besides.
const MEMORY_KIB: usize = 256 * 1024;

async fn flood(world: Arc<World>) {
    let _alone = ALONE.lock().await;
    let whole = Whole::ready(&world, &[]).await;
    let before = whole.daemon.memory_kib();
    let quiet = median_reaction(&whole, "quiet").await;
    let slow: Vec<TcpStream> = (0..500).map(|_| slow(&whole.daemon.base)).collect();
    let flood = Flood::begin(&whole.daemon.base);
    until("the queue to be full", async || flood.busy() > 0).await;

    let loud = median_reaction(&whole, "loud").await;
    assert!(loud < 10 * quiet + Duration::from_millis(50), "{loud:?} instead of {quiet:?}");
    for call in 0..5 {
        let channel = format!("stored.{call}");
        whole.up_to_confirmation(&channel).await;
        whole.fake.press(&channel, "12345678");
        whole.fake.playing(&channel, "completed").await;
        whole.fake.hang_up(&channel);
    }
    let taken = whole.daemon.memory_kib().saturating_sub(before);
    assert!(taken < MEMORY_KIB, "{taken} KiB");

    flood.end().await;
    let over = clock::now();
    assert_eq!(whole.caller.log_in(&whole.daemon.base, NUMBER, "12345678").await.status, 200);
    assert!(over.elapsed() < NORMAL_WITHIN, "a login took {:?}", over.elapsed());
    drop(slow);
}

/// The pool of the site has one connection, and a login keeps it.
async fn store(world: Arc<World>) {
    let whole = Whole::ready(&world, &[("KARIPASS_DATABASE_CONNECTIONS", "1")]).await;
    whole.owner.batch_execute("BEGIN; LOCK TABLE session").await.unwrap();
    let (caller, base) = (whole.caller.clone(), whole.daemon.base.clone());
    let login = tokio::spawn(async move { caller.log_in(&base, NUMBER, RIGHT).await.status });
    let superuser = world.postgres.superuser("postgres").await.unwrap();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'";
    until("the login to wait", async || {
        superuser.query_one(waiting, &[&whole.database.name]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    whole.fake.call("line.1", &TRUSTED);
    whole.fake.playing("line.1", "menu").await;
    assert!(!login.is_finished());
    whole.owner.batch_execute("COMMIT").await.unwrap();
    assert_eq!(login.await.unwrap(), 200);
}

/// The store would not answer for long.
async fn refused(world: Arc<World>) {
    let database = world.database().await;
    let owner = database.owner().await.unwrap();
    owner.batch_execute("BEGIN; LOCK TABLE contract_number").await.unwrap();
    let service = Service::start(&database, &[]).await;
    service.hasher.refuse_logins();
    let answer = Caller::new().log_in(&service.base, NUMBER, RIGHT).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
}

async fn priorities(world: Arc<World>) {
    // sched(7)
    const OTHER: &str = "0";
    const IDLE: &str = "5";
    const LEAST: i32 = 19;
    const SITE_NICE: i32 = 5;
    let whole = Whole::ready(&world, &[]).await;
    let of = |name| whole.daemon.priorities(name);
    let all_idle = || of("hash-logins").iter().all(|(_, policy)| policy == IDLE);
    until("the logins' threads to have started", async || all_idle()).await;
    let [(nice, _)] = of("line").try_into().expect("one thread");
    let gives_way = (nice.parse::<i32>().unwrap() + SITE_NICE).min(LEAST).to_string();
    for (name, nice) in [("line", &nice), ("hash-calls", &nice), ("site", &gives_way)] {
        let found = of(name);
        let as_it_should = |it: &(String, String)| it.0 == *nice && it.1 == OTHER;
        assert!(found.iter().all(as_it_should), "{name}: {found:?}");
    }
}

/// From a key to the next guidance: half of the calls are quicker.
async fn median_reaction(whole: &Whole, name: &str) -> Duration {
    let mut took = Vec::new();
    for call in 0..REACTIONS {
        let channel = format!("{name}.{call}");
        whole.fake.call(&channel, &TRUSTED);
        whole.fake.playing(&channel, "menu").await;
        let pressed = clock::now();
        whole.fake.press(&channel, "1");
        whole.fake.playing(&channel, "set-password").await;
        took.push(pressed.elapsed());
        whole.fake.hang_up(&channel);
    }
    took.sort();
    took[REACTIONS / 2]
}

/// A connection whose request never comes to its end.
fn slow(base: &str) -> TcpStream {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    stream
}

/// Logins that come whatever becomes of those before them.
struct Flood {
    busy: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    offering: JoinHandle<()>,
}

impl Flood {
    fn begin(base: &str) -> Self {
        let (busy, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let offering = tokio::spawn(offer(base.to_owned(), Arc::clone(&busy), Arc::clone(&over)));
        Self { busy, over, offering }
    }

    fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whoever still waits goes away.
    async fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.offering.await.unwrap();
    }
}

async fn offer(base: String, busy: Arc<AtomicUsize>, over: Arc<AtomicBool>) {
    let caller = Caller::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut offered = tokio::task::JoinSet::new();
    while !over.load(Ordering::Relaxed) {
        ticks.tick().await;
        for _ in 0..OFFERED * u32::try_from(TICK.as_millis()).unwrap() / 1000 {
            let (caller, base) = (caller.clone(), base.clone());
            offered.spawn(async move { caller.log_in(&base, "0699999999", WRONG).await.status });
        }
        while let Some(status) = offered.try_join_next() {
            match status.unwrap() {
                401 => {}
                503 => drop(busy.fetch_add(1, Ordering::Relaxed)),
                other => panic!("{other}"),
            }
        }
    }
    offered.shutdown().await;
}
