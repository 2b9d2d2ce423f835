//! Compares what callers heard with what the database holds and who can log in.
//!
//! A caller who heard `completed` can log in, and has one stored password and one audit row. Nobody
//! else can log in, except a caller who had keyed the whole confirmation when a fault began that
//! may keep `completed` from being heard (P13).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::caller::{CallOutcome, CallRecord};
use crate::load::LoadRecords;
use crate::logins::{LoadBalancer, LoginRecord, LoginResult};
use crate::stored::StoredState;
use crate::system::FaultSystem;

/// Concurrent logins while the ledger is closed.
const SIDE_BY_SIDE: usize = 4;
/// A caller who hears nothing for so long is left alone: only a fault takes as long, on any
/// machine. The table shows the real times.
pub const SILENCE: Duration = Duration::from_mins(1);

/// From its start to its end.
pub type TimeWindow = (Instant, Instant);

/// Effects that a row allows besides, because of the kind of its fault.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is allowed or not, whatever the others are"
)]
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowedEffects {
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
pub const USUAL_EFFECTS: AllowedEffects =
    AllowedEffects { failed_logins: true, apologies: true, lost_calls: false, lost_commits: false };

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
    records: &LoadRecords,
    faults: &[TimeWindow],
    allowed: AllowedEffects,
) -> Result<Balance> {
    let begin = records.calls.iter().map(|call| call.placed).min().context("no calls")?;
    let balancer = LoadBalancer::new(system)?;
    let logins = system.runtime.block_on(log_all_in(&balancer, &records.calls));
    let numbers: Vec<&str> = records.calls.iter().map(|call| call.number.as_str()).collect();
    let stored = system.runtime.block_on(StoredState::read_each(system, &numbers))?;
    let mut balance =
        Balance { calls: records.calls.len(), logins: records.logins.len(), ..Balance::default() };
    for call in &records.calls {
        let breach = |what: &str| format!("{what}: {}", call.describe(begin));
        let found = stored.get(&call.number).copied().unwrap_or_default();
        let answer = logins.get(&call.number).cloned().unwrap_or(LoginResult::NobodyThere);
        balance.check_stored(call, found, &answer, faults, allowed).into_iter().for_each(|what| {
            balance.breaches.push(breach(&what));
        });
        balance.check_call(call, faults, allowed).into_iter().for_each(|what| {
            balance.breaches.push(breach(&what));
        });
    }
    for login in &records.logins {
        balance.check_login(login, begin, faults, allowed);
        if let Some(stored) = stored.get(&login.number).filter(|_| !login.right) {
            balance.check_wrong_login(login, *stored, allowed);
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
    fn check_stored(
        &mut self,
        call: &CallRecord,
        stored: StoredState,
        answer: &LoginResult,
        faults: &[TimeWindow],
        allowed: AllowedEffects,
    ) -> Option<String> {
        self.credentials += stored.credentials;
        // After a line began again, earlier confirmations may have been stored too.
        let once_each = (1..=call.confirmed.len()).contains(&stored.audited);
        let is_there = stored.credentials == 1 && once_each && *answer == LoginResult::Status(200);
        let is_absent =
            stored.credentials == 0 && stored.audited == 0 && *answer == LoginResult::Status(401);
        let what = || format!("{stored:?}, login {answer:?}");
        self.logged_in += usize::from(*answer == LoginResult::Status(200));
        if call.outcome == CallOutcome::Completed {
            self.completed += 1;
            if is_absent && allowed.lost_commits {
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
        let may_be_unheard = allowed.apologies || allowed.lost_calls;
        if is_there && may_be_unheard && call.confirmed.iter().any(before_a_fault) {
            self.unheard += 1;
            return None;
        }
        Some(format!("not confirmed, but {}", what()))
    }

    fn check_call(
        &mut self,
        call: &CallRecord,
        faults: &[TimeWindow],
        allowed: AllowedEffects,
    ) -> Option<String> {
        let in_a_fault = meets(faults, call.placed, call.over);
        if allowed.lost_calls && in_a_fault && call.outcome != CallOutcome::Completed {
            self.lost_calls += 1;
            return None;
        }
        let (silence, since) = call.longest_silence();
        // A caller who heard it, and waits for the hang-up of a PBX that was killed.
        let on_a_dead_line = allowed.lost_calls && meets(faults, since, since + silence);
        if !on_a_dead_line {
            self.longest_silence = self.longest_silence.max(silence);
            if silence > SILENCE {
                return Some(format!("silence for {silence:.1?}"));
            }
        }
        if let Some(first) = call.first_heard_after().filter(|first| *first > SILENCE) {
            return Some(format!("nothing heard for {first:.1?} from the call on"));
        }
        match &call.outcome {
            CallOutcome::Completed | CallOutcome::ChangedMind => None,
            CallOutcome::Apology(guidance) => {
                self.apologies += 1;
                // A caller who keys on into a new menu hears `redial`.
                let apology = ["trouble", "redial"].contains(&guidance.as_str());
                if allowed.apologies && in_a_fault && apology {
                    return None;
                }
                if call.is_turned_away() {
                    self.refused += 1;
                    return None;
                }
                Some(format!("heard {guidance}"))
            }
            CallOutcome::GaveUp => Some("heard nothing more".to_owned()),
            CallOutcome::CutOff => Some("cut off".to_owned()),
            CallOutcome::NotAnswered(why) => Some(why.clone()),
        }
    }

    fn check_login(
        &mut self,
        login: &LoginRecord,
        begin: Instant,
        faults: &[TimeWindow],
        allowed: AllowedEffects,
    ) {
        let good = if login.right { 200 } else { 401 };
        if login.answer == LoginResult::Status(good) {
            return;
        }
        self.failed_logins += 1;
        let in_a_fault = meets(faults, login.asked, login.answered);
        // A fault never excuses a wrong verdict, only a missing one.
        let lost = allowed.lost_commits && login.right && login.answer == LoginResult::Status(401);
        if (allowed.failed_logins && in_a_fault && login.has_no_verdict()) || lost {
            return;
        }
        let at = login.asked.saturating_duration_since(begin).as_secs_f64();
        let LoginRecord { number, answer, .. } = login;
        self.breaches.push(format!("{at:.2} login of {number}, to be {good}: {answer:?}"));
    }

    /// The only wrong login for its number: a verdict is counted once, a missing one at most once
    /// (C2).
    fn check_wrong_login(
        &mut self,
        login: &LoginRecord,
        stored: StoredState,
        allowed: AllowedEffects,
    ) {
        self.guesses += 1;
        self.counted += stored.wrong_logins;
        let min_wrong =
            usize::from(login.answer == LoginResult::Status(401) && !allowed.lost_commits);
        let max_wrong = usize::from(login.answer != LoginResult::NobodyThere);
        if !(min_wrong..=max_wrong).contains(&stored.wrong_logins) {
            let LoginRecord { number, answer, .. } = login;
            self.breaches.push(format!("wrong login of {number}, {answer:?}, but {stored:?}"));
        }
    }
}

/// Whether this period overlaps with a fault.
pub fn meets(faults: &[TimeWindow], from: Instant, until: Instant) -> bool {
    faults.iter().any(|(begin, end)| from <= *end && *begin <= until)
}

/// The 99th percentile of the reactions to keys that were released in these periods.
pub fn reaction_p99(records: &LoadRecords, times: &[TimeWindow]) -> Option<Duration> {
    let all = records.calls.iter().flat_map(|call| &call.reactions);
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
