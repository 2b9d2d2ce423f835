use std::net::Ipv4Addr;

use metrics::with_local_recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;
use crate::hashing::Renewed;
use crate::hashing::job::Reply;
use crate::hashing::queue::IN_ORDER;
use domain::password::{SubmittedPassword, Verification};

type PendingReply = oneshot::Receiver<Result<Verification<Renewed>, HashError>>;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn job(name: &str) -> (Job, PendingReply) {
    let (reply, answer) = Reply::new();
    let typed = SubmittedPassword::from(name.to_owned());
    (Job::Verify { typed, stored: None, renewal: None, reply }, answer)
}

/// Queues a job of this name.
fn push(pool: &WorkerPool, address: IpAddr, name: &str) -> PendingReply {
    let (job, answer) = job(name);
    pool.push(address, job).unwrap();
    answer
}

/// Fills a pool with jobs of these names.
fn filled(pool: &WorkerPool, names: impl Iterator<Item = usize>) -> Vec<PendingReply> {
    names.map(|name| push(pool, HERE, &name.to_string())).collect()
}

fn is_refused(pool: &WorkerPool, address: IpAddr) -> bool {
    matches!(pool.admit(address), Err(HashError::Busy))
        && matches!(pool.push(address, job("").0), Err(HashError::Busy))
}

/// The line of `/metrics` for the pool's queue.
fn gauge(recorder: &PrometheusRecorder) -> String {
    let metrics = recorder.handle().render();
    let gauge = metrics.lines().find_map(|line| {
        line.strip_prefix("karipass_password_hash_queue_length{pool=\"test\"} ").map(str::to_owned)
    });
    gauge.unwrap_or(metrics)
}

fn name(work: &Work) -> String {
    match work.job() {
        Job::Verify { typed, .. } => String::from_utf8(typed.expose().to_vec()).unwrap(),
        Job::Hash { .. } => panic!("there is no such job"),
    }
}

fn next(pool: &WorkerPool) -> String {
    name(&pool.next().unwrap())
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_queue_holds_as_many_as_its_bound_and_abandoned_jobs_make_room() {
    let pool = WorkerPool::new("test", Some(3));
    let mut answers = filled(&pool, 0..3);
    assert!(is_refused(&pool, HERE));
    assert_eq!(next(&pool), "0");
    answers.extend(filled(&pool, 3..4));
    assert!(is_refused(&pool, HERE));
    drop(answers.remove(1));
    answers.extend(filled(&pool, 4..5));
    assert!(is_refused(&pool, HERE));
    assert_eq!([next(&pool), next(&pool), next(&pool)], ["2", "3", "4"]);
    assert_eq!(pool.waiting(), 0);
}

#[test]
fn beyond_a_few_the_newest_is_next() {
    let pool = WorkerPool::new("test", Some(IN_ORDER + 2));
    let _answers = filled(&pool, 0..IN_ORDER + 2);
    let newest = [(IN_ORDER + 1).to_string(), IN_ORDER.to_string()];
    assert_eq!([next(&pool), next(&pool)], newest);
    assert_eq!([next(&pool), next(&pool)], ["0", "1"]);
}

#[test]
fn r_networks_take_turns_however_much_one_of_them_asks() {
    let pool = WorkerPool::new("test", None);
    let asked = [
        ("192.0.2.1", "a1"),
        ("192.0.2.1", "a2"),
        ("::ffff:192.0.2.1", "a3"),
        ("192.0.2.2", "b1"),
        ("2001:db8::1", "c1"),
        ("2001:db8:0:ff::2", "c2"),
        ("2001:db8:0:100::1", "d1"),
    ];
    let _answers: Vec<PendingReply> =
        asked.map(|(from, name)| push(&pool, address(from), name)).into_iter().collect();
    let served: Vec<String> = (0..asked.len()).map(|_| next(&pool)).collect();
    assert_eq!(served, ["a1", "b1", "c1", "d1", "a2", "c2", "a3"]);
}

#[test]
fn r_in_a_full_queue_the_largest_network_gives_way_to_a_smaller_one() {
    let pool = WorkerPool::new("test", Some(4));
    let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
    let mut flood: Vec<PendingReply> =
        ["a1", "a2", "a3", "a4"].map(|name| push(&pool, here, name)).into_iter().collect();
    assert!(is_refused(&pool, here));
    let _others = ["b1", "b2"].map(|name| push(&pool, there, name));
    for displaced in flood.drain(2..) {
        assert!(matches!(received(displaced), Err(HashError::Busy)));
    }
    assert!(is_refused(&pool, here) && is_refused(&pool, there));
    let _third = push(&pool, address("192.0.2.3"), "c1");
    assert_eq!(pool.waiting(), 4);
}

#[test]
fn a_wait_is_that_of_the_first_job_that_is_not_abandoned() {
    let pool = WorkerPool::new("test", None);
    assert_eq!(pool.wait(clock::now()), Duration::ZERO);
    let mut answers = filled(&pool, 0..1);
    let between = clock::now();
    answers.extend(filled(&pool, 1..2));
    let later = clock::now() + Duration::from_secs(5);
    assert!(pool.wait(later) >= later - between);
    drop(answers.remove(0));
    assert!(pool.wait(later) <= later - between);
    assert_eq!(next(&pool), "1");
    assert_eq!(pool.wait(later), Duration::ZERO);
}

#[test]
fn a_queue_without_a_bound_refuses_no_job() {
    let pool = WorkerPool::new("test", None);
    let answers = filled(&pool, 0..10_000);
    assert_eq!(pool.waiting(), answers.len());
}

#[test]
fn the_queues_length_is_shown_from_the_start_and_without_abandoned_jobs() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let pool = with_local_recorder(&recorder, || {
        let pool = WorkerPool::new("test", Some(3));
        assert_eq!(gauge(&recorder), "0");
        filled(&pool, 0..2);
        assert_eq!(gauge(&recorder), "2");
        pool
    });
    thread::scope(|threads| {
        threads.spawn(|| with_local_recorder(&recorder, || assert!(pool.next().is_none())));
        while pool.waiting() > 0 {
            thread::yield_now();
        }
        pool.close();
    });
    assert_eq!(gauge(&recorder), "0");
}

fn due(pool: &WorkerPool, at: Instant) -> Due {
    pool.lock().due(at)
}

fn is_given(due: &Due, wanted: &str) -> bool {
    matches!(due, Due::Now(work) if name(work) == wanted)
}

#[test]
fn r_the_steady_worker_runs_jobs_that_the_others_cannot_and_pauses_between() {
    let pool = WorkerPool::new("test", None);
    let began = pool.lock().progress;
    assert!(matches!(due(&pool, began), Due::Never));
    let _answers = filled(&pool, 0..3);
    assert!(matches!(due(&pool, began), Due::In(_)));
    let later = began + 2 * MAX_PAUSE;
    assert!(is_given(&due(&pool, later), "0"));
    assert!(matches!(due(&pool, later), Due::In(rest) if rest == MAX_PAUSE));
    assert!(is_given(&due(&pool, later + MAX_PAUSE), "1"));
}

#[test]
fn r_the_steady_worker_leaves_all_jobs_to_others_that_make_progress() {
    let pool = WorkerPool::new("test", None);
    let _answers = filled(&pool, 0..2);
    let work = pool.next().unwrap();
    pool.finish_job(&work, Worker::Idle);
    let done = pool.lock().progress;
    assert!(matches!(due(&pool, done), Due::In(_)));
    assert!(is_given(&due(&pool, done + MAX_PAUSE), "1"));
}

#[test]
fn r_the_steady_worker_repeats_a_stuck_job_once() {
    let pool = WorkerPool::new("test", None);
    let mut answer = push(&pool, HERE, "stuck");
    let stuck = pool.next().unwrap();
    assert!(matches!(due(&pool, stuck.began), Due::In(_)));
    let later = stuck.began + REPEATED_AFTER;
    let Due::Now(work) = due(&pool, later) else { panic!("nothing to do") };
    assert!(work.is_repeated && name(&work) == "stuck");
    assert!(matches!(due(&pool, later + REPEATED_AFTER), Due::Never));
    work.job().fail(HashError::Busy);
    pool.finish_job(&work, Worker::Steady);
    assert!(matches!(answer.try_recv(), Ok(Err(HashError::Busy))));
    // The other worker's result comes later, and has no receiver.
    stuck.job().fail(HashError::Busy);
    pool.finish_job(&stuck, Worker::Idle);
}

#[test]
fn r_logins_continue_while_all_other_workers_get_no_processor_time() {
    let pool = Arc::new(WorkerPool::new("test", None));
    let answers: Vec<PendingReply> = filled(&pool, 0..3);
    let _stuck = pool.next().unwrap();
    spawn(&pool, Worker::Steady, |work| work.job().fail(HashError::Busy)).unwrap();
    for answer in answers {
        assert!(matches!(received(answer), Err(HashError::Busy)));
    }
    pool.close();
}

#[test]
fn c7_a_worker_that_panics_answers_its_job_with_an_error_and_continues() {
    let pool = Arc::new(WorkerPool::new("test", None));
    for worker in [Worker::Ordinary, Worker::Steady] {
        let answers = ["panics", "is refused"].map(|name| push(&pool, HERE, name));
        spawn(&pool, worker, |work| {
            assert_ne!(name(work), "panics");
            work.job().fail(HashError::Busy);
        })
        .unwrap();
        let [panicked, refused] = answers.map(received);
        assert!(matches!(panicked, Err(HashError::Failed(_))), "{panicked:?}");
        assert!(matches!(refused, Err(HashError::Busy)), "{refused:?}");
    }
    pool.close();
}

/// Waits for an answer, for a minute at most.
#[expect(clippy::unwrap_in_result, reason = "a test fails by panicking")]
fn received(answer: PendingReply) -> Result<Verification<Renewed>, HashError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { timeout(Duration::from_mins(1), answer).await.unwrap().unwrap() })
}
