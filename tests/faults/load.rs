//! The steady load: one caller per interval, and logins at another interval, all recorded.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Scope, scope, sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::caller::{Behaviour, CallOutcome, CallRecord, Person};
use crate::logins::{LoadBalancer, LoginRecord};
use crate::system::{FaultSystem, silent_number};

/// Interval of new callers in most rows.
pub const CALL_EVERY: Duration = Duration::from_millis(900);
/// Interval of logins.
const LOGIN_EVERY: Duration = Duration::from_millis(600);
/// The behaviours of callers, in turn.
const BEHAVIOURS: [Behaviour; 8] = {
    let mut behaviours = [Behaviour::Listens; 8];
    behaviours[1] = Behaviour::HurriesOff;
    behaviours[3] = Behaviour::HurriesOff;
    behaviours[5] = Behaviour::HurriesOff;
    behaviours[7] = Behaviour::ChangesMind;
    behaviours
};
/// Of this many logins one is wrong for a number without a password, and one for a caller's number:
/// only once for each caller, since three in a row would void the password.
const WRONG_EVERY: usize = 5;
const WITHOUT_PASSWORD: usize = 4;
const FOR_A_CALLER: usize = 1;
/// No caller's password.
const WRONG: &str = "00000000";
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// All recorded calls and logins.
#[derive(Debug, Default)]
pub struct LoadRecords {
    pub calls: Vec<CallRecord>,
    pub logins: Vec<LoginRecord>,
}

struct LoadState {
    system: Arc<FaultSystem>,
    balancer: LoadBalancer,
    over: AtomicBool,
    usual: Duration,
    /// The longest silence that a caller bears.
    patience: Duration,
    call_every: Mutex<Duration>,
    records: Mutex<LoadRecords>,
}

/// The load; it ends with [`Load::end`].
pub struct Load {
    shared: Arc<LoadState>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts the load, with a call at each interval `usual`.
    pub fn start(system: &Arc<FaultSystem>, usual: Duration, patience: Duration) -> Result<Self> {
        let shared = Arc::new(LoadState {
            system: Arc::clone(system),
            balancer: LoadBalancer::new(system)?,
            over: AtomicBool::new(false),
            usual,
            patience,
            call_every: Mutex::new(usual),
            records: Mutex::new(LoadRecords::default()),
        });
        let threads = [LoadState::place_calls, LoadState::send_logins].map(|work| {
            let shared = Arc::clone(&shared);
            spawn(move || work(&shared))
        });
        Ok(Self { shared, threads: threads.into() })
    }

    /// Calls at this interval, until [`Load::call_as_usual`].
    pub fn call_every(&self, beat: Duration) {
        *self.shared.call_every.lock().unwrap() = beat;
    }

    /// Calls at the initial interval.
    pub fn call_as_usual(&self) {
        self.call_every(self.shared.usual);
    }

    /// Waits until `count` calls that were placed after `since` have completed.
    pub fn wait_until_completed(
        &self,
        count: usize,
        since: Instant,
        within: Duration,
    ) -> Result<()> {
        let until = Instant::now() + within;
        loop {
            let done = {
                let records = self.shared.records.lock().unwrap();
                let good = |call: &&CallRecord| {
                    call.outcome == CallOutcome::Completed && call.placed > since
                };
                records.calls.iter().filter(good).count()
            };
            if done >= count {
                return Ok(());
            }
            ensure!(Instant::now() < until, "{done} of {count} calls completed in {within:?}");
            sleep(POLL_INTERVAL);
        }
    }

    /// The numbers of the calls that have completed.
    pub fn completed_numbers(&self) -> Vec<String> {
        let records = self.shared.records.lock().unwrap();
        let completed = records.calls.iter().filter(|call| call.outcome == CallOutcome::Completed);
        completed.map(|call| call.number.clone()).collect()
    }

    /// Stops new calls; returns the records once the last call is over.
    pub fn end(mut self) -> LoadRecords {
        self.stop();
        std::mem::take(&mut self.shared.records.lock().unwrap())
    }

    fn stop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}

impl LoadState {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Works at each interval until the load is over; does not make up for a late one.
    fn at_each(&self, beat: impl Fn() -> Duration, mut work: impl FnMut(usize)) {
        let mut next = Instant::now();
        for turn in 0.. {
            while Instant::now() < next {
                if self.is_over() {
                    return;
                }
                sleep(POLL_INTERVAL);
            }
            if self.is_over() {
                return;
            }
            work(turn);
            next = Instant::now().max(next + beat());
        }
    }

    fn place_calls(&self) {
        scope(|callers| {
            self.at_each(
                || *self.call_every.lock().unwrap(),
                |turn| {
                    let person = Person {
                        number: self.system.fresh_number(),
                        password: format!("{:08}", rand::random_range(1..100_000_000_u32)),
                        behaviour: BEHAVIOURS[turn % BEHAVIOURS.len()],
                        patience: self.patience,
                    };
                    self.place(callers, person);
                },
            );
        });
    }

    fn place<'scope>(&'scope self, callers: &'scope Scope<'scope, '_>, person: Person) {
        callers.spawn(move || {
            let call = person.call(&self.system.line());
            self.records.lock().unwrap().calls.push(call);
        });
    }

    fn send_logins(&self) {
        let runtime = Arc::clone(&self.system.runtime);
        let mut guessed = HashSet::new();
        scope(|askers| {
            self.at_each(
                || LOGIN_EVERY,
                |turn| {
                    let drawn = self.draw_login(turn, &mut guessed);
                    let Some((number, password, right)) = drawn else { return };
                    let runtime = Arc::clone(&runtime);
                    askers.spawn(move || {
                        let login = self.balancer.log_in(turn, &number, &password, right);
                        let login = runtime.block_on(login);
                        self.records.lock().unwrap().logins.push(login);
                    });
                },
            );
        });
    }

    /// An earlier caller, or a person who guesses.
    fn draw_login(
        &self,
        turn: usize,
        guessed: &mut HashSet<String>,
    ) -> Option<(String, String, bool)> {
        if turn % WRONG_EVERY == WITHOUT_PASSWORD {
            return Some((silent_number(), WRONG.to_owned(), false));
        }
        let is_wrong = turn % WRONG_EVERY == FOR_A_CALLER;
        let records = self.records.lock().unwrap();
        let good = records.calls.iter().filter(|call| {
            call.outcome == CallOutcome::Completed && !(is_wrong && guessed.contains(&call.number))
        });
        let good: Vec<&CallRecord> = good.collect();
        let CallRecord { number, password, .. } =
            *good.get(rand::random_range(0..good.len().max(1)))?;
        if is_wrong {
            guessed.insert(number.clone());
            return Some((number.clone(), WRONG.to_owned(), false));
        }
        Some((number.clone(), password.clone(), true))
    }
}
