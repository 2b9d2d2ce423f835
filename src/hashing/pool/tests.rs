use std::net::Ipv4Addr;

use metrics::with_local_recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::*;
use crate::hashing::queue::IN_ORDER;

type Answer = oneshot::Receiver<Result<Verification, HashError>>;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn job(name: &str) -> (Job, Answer) {
    let (asker, answer) = Reply::new();
    let typed = SubmittedPassword::from(name.to_owned());
    (Job::Verify { typed, stored: None, renewal: None, asker }, answer)
}

/// Queues a job of this name.
fn push(lane: &WorkerPool, address: IpAddr, name: &str) -> Answer {
    let (job, answer) = job(name);
    lane.push(address, job).unwrap();
    answer
}

/// Fills a lane with jobs of these names.
fn filled(lane: &WorkerPool, names: impl Iterator<Item = usize>) -> Vec<Answer> {
    names.map(|name| push(lane, HERE, &name.to_string())).collect()
}

fn is_refused(lane: &WorkerPool, address: IpAddr) -> bool {
    matches!(lane.admit(address), Err(HashError::Busy))
        && matches!(lane.push(address, job("").0), Err(HashError::Busy))
}

/// What `/metrics` says of the lane's queue.
fn told(recorder: &PrometheusRecorder) -> String {
    let metrics = recorder.handle().render();
    let told = metrics.lines().find_map(|line| {
        line.strip_prefix("karipass_password_hash_queue_length{pool=\"test\"} ").map(str::to_owned)
    });
    told.unwrap_or(metrics)
}

fn name(work: &Work) -> String {
    match work.job() {
        Job::Verify { typed, .. } => String::from_utf8(typed.expose().to_vec()).unwrap(),
        Job::Hash { .. } => panic!("there is no such job"),
    }
}

fn next(lane: &WorkerPool) -> String {
    name(&lane.next().unwrap())
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_queue_takes_as_many_as_its_bound_and_whoever_leaves_makes_room() {
    let lane = WorkerPool::new("test", Some(3));
    let mut answers = filled(&lane, 0..3);
    assert!(is_refused(&lane, HERE));
    assert_eq!(next(&lane), "0");
    answers.extend(filled(&lane, 3..4));
    assert!(is_refused(&lane, HERE));
    drop(answers.remove(1));
    answers.extend(filled(&lane, 4..5));
    assert!(is_refused(&lane, HERE));
    assert_eq!([next(&lane), next(&lane), next(&lane)], ["2", "3", "4"]);
    assert_eq!(lane.waiting(), 0);
}

#[test]
fn beyond_a_few_the_newest_is_next() {
    let lane = WorkerPool::new("test", Some(IN_ORDER + 2));
    let _answers = filled(&lane, 0..IN_ORDER + 2);
    let newest = [(IN_ORDER + 1).to_string(), IN_ORDER.to_string()];
    assert_eq!([next(&lane), next(&lane)], newest);
    assert_eq!([next(&lane), next(&lane)], ["0", "1"]);
}

#[test]
fn b5_networks_take_turns_however_much_one_of_them_asks() {
    let lane = WorkerPool::new("test", None);
    let asked = [
        ("192.0.2.1", "a1"),
        ("192.0.2.1", "a2"),
        ("::ffff:192.0.2.1", "a3"),
        ("192.0.2.2", "b1"),
        ("2001:db8::1", "c1"),
        ("2001:db8:0:ff::2", "c2"),
        ("2001:db8:0:100::1", "d1"),
    ];
    let _answers: Vec<Answer> =
        asked.map(|(from, name)| push(&lane, address(from), name)).into_iter().collect();
    let served: Vec<String> = (0..asked.len()).map(|_| next(&lane)).collect();
    assert_eq!(served, ["a1", "b1", "c1", "d1", "a2", "c2", "a3"]);
}

#[test]
fn b5_of_a_full_queue_who_has_most_gives_way_to_who_has_less() {
    let lane = WorkerPool::new("test", Some(4));
    let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
    let mut flood: Vec<Answer> =
        ["a1", "a2", "a3", "a4"].map(|name| push(&lane, here, name)).into_iter().collect();
    assert!(is_refused(&lane, here));
    let _others = ["b1", "b2"].map(|name| push(&lane, there, name));
    for displaced in flood.drain(2..) {
        assert!(matches!(displaced.blocking_recv(), Ok(Err(HashError::Busy))));
    }
    assert!(is_refused(&lane, here) && is_refused(&lane, there));
    let _third = push(&lane, address("192.0.2.3"), "c1");
    assert_eq!(lane.waiting(), 4);
}

#[test]
fn a_wait_is_that_of_the_first_who_has_not_left() {
    let lane = WorkerPool::new("test", None);
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
    let lane = WorkerPool::new("test", None);
    let answers = filled(&lane, 0..10_000);
    assert_eq!(lane.waiting(), answers.len());
}

#[test]
fn the_queues_length_is_told_from_the_start_and_without_those_who_have_left() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let lane = with_local_recorder(&recorder, || {
        let lane = WorkerPool::new("test", Some(3));
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
    let lane = WorkerPool::new("test", Some(3));
    let answers = filled(&lane, 0..3);
    lane.refuse();
    for mut answer in answers {
        assert!(matches!(answer.try_recv(), Ok(Err(HashError::Busy))));
    }
    assert!(is_refused(&lane, HERE) && is_refused(&lane, address("192.0.2.1")));
}

fn due(lane: &WorkerPool, at: Instant) -> Due {
    lane.lock().due(at)
}

fn is_given(due: &Due, wanted: &str) -> bool {
    matches!(due, Due::Now(work) if name(work) == wanted)
}

#[test]
fn b5_the_steady_worker_does_what_the_others_do_not_come_to_and_rests_between() {
    let lane = WorkerPool::new("test", None);
    let began = clock::now();
    assert!(matches!(due(&lane, began), Due::Never));
    let _answers = filled(&lane, 0..3);
    assert!(matches!(due(&lane, began), Due::In(_)));
    let later = began + 2 * LONGEST_PAUSE;
    assert!(is_given(&due(&lane, later), "0"));
    assert!(matches!(due(&lane, later), Due::In(rest) if rest == LONGEST_PAUSE));
    assert!(is_given(&due(&lane, later + LONGEST_PAUSE), "1"));
}

#[test]
fn b5_the_steady_worker_leaves_all_to_others_that_come_to_their_work() {
    let lane = WorkerPool::new("test", None);
    let _answers = filled(&lane, 0..2);
    let work = lane.next().unwrap();
    lane.done(&work, Worker::Idle);
    let done = lane.lock().progress;
    assert!(matches!(due(&lane, done), Due::In(_)));
    assert!(is_given(&due(&lane, done + LONGEST_PAUSE), "1"));
}

#[test]
fn b5_the_steady_worker_repeats_once_what_another_has_not_done() {
    let lane = WorkerPool::new("test", None);
    let mut answer = push(&lane, HERE, "stuck");
    let stuck = lane.next().unwrap();
    assert!(matches!(due(&lane, clock::now()), Due::In(_)));
    let later = clock::now() + REPEATED_AFTER;
    let Due::Now(work) = due(&lane, later) else { panic!("nothing to do") };
    assert!(work.is_repeated && name(&work) == "stuck");
    assert!(matches!(due(&lane, later + REPEATED_AFTER), Due::Never));
    work.job().fail(HashError::Busy);
    lane.done(&work, Worker::Steady);
    assert!(matches!(answer.try_recv(), Ok(Err(HashError::Busy))));
    // The other comes to its end later, and to nobody.
    stuck.job().fail(HashError::Busy);
    lane.done(&stuck, Worker::Idle);
}

#[test]
fn b5_logins_go_on_while_all_other_workers_are_kept_from_the_processor() {
    let lane = Arc::new(WorkerPool::new("test", None));
    let answers: Vec<Answer> = filled(&lane, 0..3);
    let _stuck = lane.next().unwrap();
    spawn(&lane, Worker::Steady, |work| work.job().fail(HashError::Busy)).unwrap();
    for answer in answers {
        assert!(matches!(answer.blocking_recv(), Ok(Err(HashError::Busy))));
    }
    lane.close();
}

#[test]
fn c7_a_worker_that_panics_answers_its_job_with_an_error_and_goes_on() {
    let lane = Arc::new(WorkerPool::new("test", None));
    for worker in [Worker::Ordinary, Worker::Steady] {
        let answers = ["panics", "is refused"].map(|name| push(&lane, HERE, name));
        spawn(&lane, worker, |work| {
            assert_ne!(name(work), "panics");
            work.job().fail(HashError::Busy);
        })
        .unwrap();
        let [panicked, refused] = answers.map(|answer| answer.blocking_recv().unwrap());
        assert!(matches!(panicked, Err(HashError::Failed(_))), "{panicked:?}");
        assert!(matches!(refused, Err(HashError::Busy)), "{refused:?}");
    }
    lane.close();
}
