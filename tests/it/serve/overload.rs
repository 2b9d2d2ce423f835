//! The telephone line beside slow connections, and beside more logins than can be verified.
//!
//! The test looks for a collapse, and must not fail on a busy machine. `make bench` measures how
//! much slower the line becomes.

use std::io::Write as _;
use std::net::TcpStream;

use rustix::process::Pid;

use super::{TRUSTED, Whole};
use crate::flood::QueueFlood;
use crate::site::{NUMBER, RIGHT, Service, SiteClient};
use crate::support::{self, EXCLUSIVE, wait_until, wait_until_locked_out};

/// Additional memory during slow connections and the flood.
const MEMORY_KIB: u32 = 256 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn r_calls_continue_beside_slow_connections_and_a_flood_of_logins() {
    let _alone = EXCLUSIVE.lock().await;
    let whole = Whole::ready(&[]).await;
    let before = whole.daemon.memory_kib();
    let slow: Vec<TcpStream> = (0..500).map(|_| slow(&whole.daemon.base)).collect();
    let flood = QueueFlood::begin(&whole.daemon.base).await;
    for call in 0..5 {
        let channel = format!("stored.{call}");
        whole.fake.call_up_to_confirmation(&channel, NUMBER).await;
        whole.fake.press(&channel, "12345678");
        whole.fake.wait_for_playback(&channel, "completed").await;
        whole.fake.hang_up(&channel);
    }
    flood.wait_for_refusal().await;
    let taken = whole.daemon.memory_kib().saturating_sub(before);
    assert!(taken < MEMORY_KIB, "{taken} KiB");
    flood.end().await;
    assert_eq!(whole.client.log_in(&whole.daemon.base, NUMBER, "12345678").await.status, 200);
    drop(slow);
}

/// The pool of the site has one connection, and a login keeps it.
#[tokio::test(flavor = "multi_thread")]
async fn r_logins_that_hold_the_database_leave_calls_theirs() {
    let whole = Whole::ready(&[("KARIPASS_DATABASE_MAX_CONNECTIONS", "1")]).await;
    whole.owner.batch_execute("BEGIN; LOCK TABLE session").await.unwrap();
    let (client, base) = (whole.client.clone(), whole.daemon.base.clone());
    let login = tokio::spawn(async move { client.log_in(&base, NUMBER, RIGHT).await.status });
    wait_until_locked_out(&whole.database, 1).await;
    whole.fake.call("line.1", &TRUSTED);
    whole.fake.wait_for_playback("line.1", "menu").await;
    assert!(!login.is_finished());
    whole.owner.batch_execute("COMMIT").await.unwrap();
    assert_eq!(login.await.unwrap(), 200);
}

/// The database would take long to answer.
#[tokio::test(flavor = "multi_thread")]
async fn r_a_login_beyond_the_queue_does_not_ask_the_database() {
    let database = support::database().await;
    let owner = database.owner().await.unwrap();
    owner.batch_execute("BEGIN; LOCK TABLE phone_number").await.unwrap();
    let service = Service::start(&database, &[]).await;
    service.hasher.refuse_logins();
    let answer = SiteClient::new().log_in(&service.base, NUMBER, RIGHT).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn r_the_line_goes_before_the_site_and_all_before_its_hashes() {
    // sched(7)
    const OTHER: &str = "0";
    const IDLE: &str = "5";
    const MAX_NICE: i32 = 19;
    const SITE_NICE: i32 = 5;
    let mut whole = Whole::ready(&[]).await;
    let process = whole.daemon.child().id();
    let of = |name| priorities(process, name);
    let all_idle = || of("hash-logins").iter().all(|(_, policy)| policy == IDLE);
    wait_until("the logins' threads to have started", async || all_idle()).await;
    let [(nice, _)] = of("line").try_into().expect("one thread");
    let gives_way = (nice.parse::<i32>().unwrap() + SITE_NICE).min(MAX_NICE).to_string();
    for (name, nice) in [("line", &nice), ("hash-calls", &nice), ("site", &gives_way)] {
        let found = of(name);
        let as_it_should = |it: &(String, String)| it.0 == *nice && it.1 == OTHER;
        assert!(found.iter().all(as_it_should), "{name}: {found:?}");
    }
}

/// A connection whose request never ends.
fn slow(base: &str) -> TcpStream {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    stream
}

/// Niceness and scheduling policy of the threads of this name; the process has at least one
/// (proc(5)).
fn priorities(process: Pid, name: &str) -> Vec<(String, String)> {
    const NICE_BEHIND_NAME: usize = 16;
    const POLICY_BEHIND_NAME: usize = 38;
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let stats = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")));
    let priorities: Vec<_> = stats
        .filter_map(|stat| {
            // A thread may have ended meanwhile.
            let stat = stat.ok()?;
            let (_, behind) = stat.split_once(&format!("({name}) "))?;
            let fields: Vec<&str> = behind.split(' ').collect();
            let field = |place: usize| fields.get(place).map(|field| (*field).to_owned());
            Some((field(NICE_BEHIND_NAME)?, field(POLICY_BEHIND_NAME)?))
        })
        .collect();
    assert!(!priorities.is_empty(), "no thread is called {name}");
    priorities
}
