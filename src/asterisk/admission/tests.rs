//! The admission of calls, with time moved by hand.

use super::*;

const QUICK_COMMAND: Duration = Duration::from_millis(5);
const SLOW_COMMAND: Duration = Duration::from_secs(2);

/// An admission whose time is moved by hand.
struct TimedAdmission {
    admission: Admission,
    now: Instant,
}

impl TimedAdmission {
    fn new(a_second: f64) -> Self {
        Self { admission: Admission::new(a_second), now: crate::clock::now() }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn commands(&mut self, number: usize, took: Duration) {
        (0..number).for_each(|_| self.admission.record_command(took, self.now));
    }

    fn admit(&mut self) -> Result<(), RefusalCause> {
        self.admission.admit(Duration::ZERO, self.now)
    }

    /// How many calls are taken if `a_second` come each second, for `seconds`.
    fn taken(&mut self, a_second: u32, seconds: u32) -> u32 {
        let mut taken = 0;
        for _ in 0..a_second * seconds {
            self.pass(Duration::from_secs(1) / a_second);
            self.commands(1, QUICK_COMMAND);
            taken += u32::from(self.admit().is_ok());
        }
        taken
    }
}

#[test]
fn r_one_lost_command_is_no_overload_and_many_slow_ones_are() {
    let mut line = TimedAdmission::new(14.0);
    line.commands(100, QUICK_COMMAND);
    line.commands(1, Duration::from_secs(10));
    assert_eq!(line.admit(), Ok(()));
    line.commands(10, SLOW_COMMAND);
    assert_eq!(line.admit(), Err(RefusalCause::Commands));
}

#[test]
fn r_slow_hashes_refuse_calls_until_hashes_are_fast() {
    let mut line = TimedAdmission::new(14.0);
    let mut admit = |hashes_ms| {
        line.pass(Duration::from_secs(1));
        line.admission.admit(Duration::from_millis(hashes_ms), line.now)
    };
    assert_eq!(admit(450), Ok(()));
    assert_eq!(admit(550), Err(RefusalCause::Hashes));
    assert_eq!(admit(450), Err(RefusalCause::Hashes));
    assert_eq!(admit(250), Err(RefusalCause::Hashes));
    // No saved tokens are left.
    assert_eq!([admit(150), admit(450)], [Ok(()), Ok(())]);
}

#[test]
fn r_a_slow_latency_is_forgotten_within_five_seconds_without_another_call() {
    let mut line = TimedAdmission::new(14.0);
    line.commands(1000, MAX_SAMPLE);
    assert_eq!(line.admit(), Err(RefusalCause::Commands));
    line.pass(Duration::from_secs(1));
    assert_eq!(line.admit(), Err(RefusalCause::Commands));
    line.pass(Duration::from_secs(4));
    assert_eq!(line.admit(), Ok(()));
}

#[test]
fn r_calls_that_end_without_a_hash_may_be_many() {
    let mut line = TimedAdmission::new(14.0);
    for _ in 0..10_000 {
        assert_eq!(line.admit(), Ok(()));
        line.admission.give_back();
    }
    let at_once = (0..100).filter(|_| line.admit().is_ok()).count();
    assert_eq!(at_once, 28);
    assert_eq!(line.admit(), Err(RefusalCause::Rate));
}

#[test]
fn r_calls_that_all_end_at_once_leave_no_more_than_a_burst() {
    let mut line = TimedAdmission::new(40.0);
    let taken = line.taken(40, 4);
    line.commands(100, SLOW_COMMAND);
    assert_eq!(line.admit(), Err(RefusalCause::Commands));
    (0..taken).for_each(|_| line.admission.give_back());
    line.commands(1000, QUICK_COMMAND);
    let at_once = (0..taken).filter(|_| line.admit().is_ok()).count();
    // Two seconds of seven tenths of the rate that was taken.
    assert!(at_once <= 56, "{at_once}");
}

#[test]
fn r_an_overload_cuts_the_rate_and_usual_calls_are_taken_five_seconds_later() {
    let mut line = TimedAdmission::new(40.0);
    assert_eq!(line.taken(40, 10), 400);
    line.commands(100, SLOW_COMMAND);
    assert_eq!(line.admit(), Err(RefusalCause::Commands));
    line.commands(100, QUICK_COMMAND);
    let taken = line.taken(40, 10);
    // 28 a second and a little more, less two in five of those that are refused.
    assert!((200..240).contains(&taken), "{taken}");
    line.commands(1000, MAX_SAMPLE);
    assert_eq!(line.admit(), Err(RefusalCause::Commands));
    line.pass(Duration::from_secs(5));
    assert_eq!(line.taken(15, 60), 15 * 60);
    // By then the overload is forgotten.
    assert_eq!(line.taken(40, 10), 400);
}

#[test]
fn r_the_log_gets_one_line_when_calls_are_refused_and_one_when_all_are_taken() {
    let mut line = TimedAdmission::new(14.0);
    assert_eq!(line.admission.take_load_change(None, line.now), None);
    line.commands(1000, SLOW_COMMAND);
    for change in [Some(LoadChange::Overloaded(RefusalCause::Commands)), None] {
        let refused = line.admit().err();
        assert_eq!(line.admission.take_load_change(refused, line.now), change);
    }
    line.pass(Duration::from_secs(4));
    assert_eq!(line.admission.take_load_change(None, line.now), None);
    line.pass(Duration::from_secs(1));
    assert_eq!(line.admission.take_load_change(None, line.now), Some(LoadChange::Recovered));
    assert_eq!(line.admission.take_load_change(None, line.now), None);
}

#[test]
fn r_refused_calls_leave_room_for_their_apologies_and_never_take_all() {
    let mut line = TimedAdmission::new(10.0);
    assert_eq!(line.taken(10, 30), 300);
    // Uses up the saved tokens first.
    line.taken(40, 1);
    let taken = [20, 40, 400].map(|a_second| line.taken(a_second, 10) / 10);
    assert!(taken[0] > taken[1] && taken[1] >= taken[2] && taken[2] >= 2, "{taken:?}");
}

/// Simulates five minutes of `called` calls a second on a line that can serve `bears`. Each call
/// asks for its hash ten seconds after it was taken. Returns the longest wait for a hash, and the
/// share of the capacity that was used.
fn longest_wait(bears: f64, called: u32) -> (f64, f64) {
    let mut line = TimedAdmission::new(14.0);
    let (mut due, mut queue, mut longest, mut hashed) = (VecDeque::new(), 0.0, 0.0_f64, 0.0);
    for _ in 0..called * 300 {
        line.pass(Duration::from_secs(1) / called);
        line.commands(1, QUICK_COMMAND);
        let done = f64::min(queue, bears / f64::from(called));
        (queue, hashed) = (queue - done, hashed + done);
        while due.pop_front_if(|at| *at <= line.now).is_some() {
            queue += 1.0;
        }
        let wait = queue / bears;
        longest = longest.max(wait);
        if line.admission.admit(Duration::from_secs_f64(wait), line.now).is_ok() {
            due.push_back(line.now + Duration::from_secs(10));
        }
    }
    (longest, hashed / (bears * 300.0))
}

#[test]
fn r_however_often_a_line_is_called_no_call_that_it_takes_waits_long_for_its_hash() {
    // The more calls are refused, the more capacity their apologies take.
    for (bears, called, least) in
        [(12.0, 10, 0.8), (12.0, 18, 0.6), (12.0, 36, 0.4), (20.0, 30, 0.4), (20.0, 60, 0.25)]
    {
        let (longest, used) = longest_wait(bears, called);
        // A password must be stored within 8 s (`P15`).
        assert!(longest < 5.0, "{longest} s at {called} calls a second");
        assert!(used > least, "{used} of {bears} a second at {called}");
    }
}
