//! Compares what callers heard with what the database holds and who can log in.
//!
//! A caller who heard `completed` can log in, and has one stored password and one audit row. Nobody
//! else can log in, except a caller who had keyed the whole confirmation when a fault began that
//! may keep `completed` from being heard (P13).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::caller::{CallRecord, End};
use crate::held::Held;
use crate::load::Lived;
use crate::logins::{LoadBalancer, LoginRecord, LoginResult};
use crate::system::FaultSystem;

/// Concurrent logins while the ledger is closed.
const SIDE_BY_SIDE: usize = 4;
/// A caller who hears nothing for so long is left alone: only a fault takes as long, on any
/// machine. The table shows the real times.
pub const SILENCE: Duration = Duration::from_mins(1);

/// A fault, from its start to its end.
pub type Fault = (Instant, Instant);

/// Further effects that a row allows, because of the kind of its fault.
#[expect(clippy::struct_excessive_bools, reason = "each is borne or not, whatever the others are")]
#[derive(Debug, Clone, Copy, Default)]
pub struct Bears {
    /// Calls on a killed PBX end without a word, or never begin.
    pub lost_calls: bool,
    /// Logins during a fault may find no daemon, or get an answer 5xx or none.
    pub failed_logins: bool,
    /// Apologies to callers during a fault, or just after it.
    pub apologies: bool,
    /// A password may be lost although a caller heard that it is stored: asynchronous replication.
    pub lost_commits: bool,
}

/// The effects that most faults may have: failed logins and apologies.
pub const FAILING: Bears =
    Bears { failed_logins: true, apologies: true, lost_calls: false, lost_commits: false };

/// The result of a row.
#[derive(Debug, Default)]
pub struct Balance {
    pub calls: usize,
    pub completed: usize,
    pub logged_in: usize,
    /// Passwords that are stored although `completed` was not heard, confirmed before such a fault.
    pub unheard: usize,
    pub credentials: usize,
    pub apologies: usize,
    /// Those who heard nothing else, without a fault: the daemons must have refused their calls.
    pub refused: usize,
    pub lost_calls: usize,
    pub lost_commits: usize,
    pub longest_silence: Duration,
    pub logins: usize,
    pub failed_logins: usize,
    /// Wrong logins for numbers that have a password, and how many of them were counted.
    pub guesses: usize,
    pub counted: usize,
    /// Every breach, as text.
    pub breaches: Vec<String>,
}

/// After a fault: compares.
pub fn close(
    system: &FaultSystem,
    lived: &Lived,
    faults: &[Fault],
    bears: Bears,
) -> Result<Balance> {
    let begin = lived.calls.iter().map(|call| call.placed).min().context("no calls")?;
    let balancer = LoadBalancer::new(system)?;
    let logins = system.runtime.block_on(log_all_in(&balancer, &lived.calls));
    let numbers: Vec<&str> = lived.calls.iter().map(|call| call.number.as_str()).collect();
    let held = system.runtime.block_on(Held::of_each(system, &numbers))?;
    let mut balance =
        Balance { calls: lived.calls.len(), logins: lived.logins.len(), ..Balance::default() };
    for call in &lived.calls {
        let breach = |what: &str| format!("{what}: {}", call.describe(begin));
        let found = held.get(&call.number).copied().unwrap_or_default();
        let answer = logins.get(&call.number).cloned().unwrap_or(LoginResult::NobodyThere);
        balance.stored(call, found, &answer, faults, bears).into_iter().for_each(|what| {
            balance.breaches.push(breach(&what));
        });
        balance.lived(call, faults, bears).into_iter().for_each(|what| {
            balance.breaches.push(breach(&what));
        });
    }
    for login in &lived.logins {
        balance.login(login, begin, faults, bears);
        if let Some(held) = held.get(&login.number).filter(|_| !login.right) {
            balance.guess(login, *held, bears);
        }
    }
    let refused = system.fleet.refused_calls();
    let heard = balance.refused;
    if heard > refused {
        balance.breaches.push(format!("{heard} callers heard only an apology, {refused} refused"));
    }
    Ok(balance)
}

impl Balance {
    fn stored(
        &mut self,
        call: &CallRecord,
        held: Held,
        answer: &LoginResult,
        faults: &[Fault],
        bears: Bears,
    ) -> Option<String> {
        self.credentials += held.credentials;
        // After a line began again, earlier confirmations may have been stored too.
        let once_each = (1..=call.confirmed.len()).contains(&held.noted);
        let is_there = held.credentials == 1 && once_each && *answer == LoginResult::Status(200);
        let is_absent =
            held.credentials == 0 && held.noted == 0 && *answer == LoginResult::Status(401);
        let what = || format!("{held:?}, login {answer:?}");
        self.logged_in += usize::from(*answer == LoginResult::Status(200));
        if call.end == End::Completed {
            self.completed += 1;
            if is_absent && bears.lost_commits {
                self.lost_commits += 1;
                return None;
            }
            return (!is_there).then(|| format!("confirmed, but {}", what()));
        }
        if is_absent {
            return None;
        }
        let before_a_fault = |confirmed: &Instant| {
            faults.iter().any(|(from, _)| *confirmed <= *from && *from <= call.over)
        };
        let may_be_unheard = bears.apologies || bears.lost_calls;
        if is_there && may_be_unheard && call.confirmed.iter().any(before_a_fault) {
            self.unheard += 1;
            return None;
        }
        Some(format!("not confirmed, but {}", what()))
    }

    fn lived(&mut self, call: &CallRecord, faults: &[Fault], bears: Bears) -> Option<String> {
        let in_a_fault = meets(faults, call.placed, call.over);
        if bears.lost_calls && in_a_fault && call.end != End::Completed {
            self.lost_calls += 1;
            return None;
        }
        let (silence, since) = call.longest_silence();
        // A caller who heard it, and waits for the hang-up of a PBX that was killed.
        let on_a_dead_line = bears.lost_calls && meets(faults, since, since + silence);
        if !on_a_dead_line {
            self.longest_silence = self.longest_silence.max(silence);
            if silence > SILENCE {
                return Some(format!("silence for {silence:.1?}"));
            }
        }
        if let Some(first) = call.first_heard_after().filter(|first| *first > SILENCE) {
            return Some(format!("nothing heard for {first:.1?} from the call on"));
        }
        match &call.end {
            End::Completed | End::ChangedMind => None,
            End::Apology(guidance) => {
                self.apologies += 1;
                // A caller who keys on into a new menu hears `redial`.
                let apology = ["trouble", "redial"].contains(&guidance.as_str());
                if bears.apologies && in_a_fault && apology {
                    return None;
                }
                if call.is_turned_away() {
                    self.refused += 1;
                    return None;
                }
                Some(format!("heard {guidance}"))
            }
            End::GaveUp => Some("heard nothing more".to_owned()),
            End::CutOff => Some("cut off".to_owned()),
            End::NotAnswered(why) => Some(why.clone()),
        }
    }

    fn login(&mut self, login: &LoginRecord, begin: Instant, faults: &[Fault], bears: Bears) {
        let good = if login.right { 200 } else { 401 };
        if login.answer == LoginResult::Status(good) {
            return;
        }
        self.failed_logins += 1;
        let in_a_fault = meets(faults, login.asked, login.answered);
        // A fault never excuses a wrong verdict, only a missing one.
        let lost = bears.lost_commits && login.right && login.answer == LoginResult::Status(401);
        if (bears.failed_logins && in_a_fault && login.has_no_verdict()) || lost {
            return;
        }
        let at = login.asked.saturating_duration_since(begin).as_secs_f64();
        let LoginRecord { number, answer, .. } = login;
        self.breaches.push(format!("{at:.2} login of {number}, to be {good}: {answer:?}"));
    }

    /// The only wrong login for its number: a verdict is counted once, a missing one at most once
    /// (C2).
    fn guess(&mut self, login: &LoginRecord, held: Held, bears: Bears) {
        self.guesses += 1;
        self.counted += held.wrong;
        let min_wrong =
            usize::from(login.answer == LoginResult::Status(401) && !bears.lost_commits);
        let max_wrong = usize::from(login.answer != LoginResult::NobodyThere);
        if !(min_wrong..=max_wrong).contains(&held.wrong) {
            let LoginRecord { number, answer, .. } = login;
            self.breaches.push(format!("wrong login of {number}, {answer:?}, but {held:?}"));
        }
    }
}

/// Whether this period overlaps with a fault.
pub fn meets(faults: &[Fault], from: Instant, until: Instant) -> bool {
    faults.iter().any(|(begin, end)| from <= *end && *begin <= until)
}

/// The 99th percentile of the reactions to keys that were released in these periods.
pub fn reaction_p99(lived: &Lived, times: &[Fault]) -> Option<Duration> {
    let all = lived.calls.iter().flat_map(|call| &call.reactions);
    let then = all.filter(|(at, _)| meets(times, *at, *at));
    let mut took: Vec<Duration> = then.map(|(_, took)| *took).collect();
    took.sort_unstable();
    took.get(took.len() * 99 / 100).copied()
}

async fn log_all_in(balancer: &LoadBalancer, calls: &[CallRecord]) -> HashMap<String, LoginResult> {
    let mut answers = HashMap::new();
    let mut asking = JoinSet::new();
    for (turn, call) in calls.iter().enumerate() {
        if asking.len() >= SIDE_BY_SIDE
            && let Some(Ok((number, answer))) = asking.join_next().await
        {
            answers.insert(number, answer);
        }
        let (balancer, number, password) =
            (balancer.clone(), call.number.clone(), call.password.clone());
        asking.spawn(async move {
            let login = balancer.log_in(turn, &number, &password, true).await;
            (number, login.answer)
        });
    }
    answers.extend(asking.join_all().await);
    answers
}
