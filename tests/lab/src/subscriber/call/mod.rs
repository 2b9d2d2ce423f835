//! One call of a subscriber, with the methods of a story.

mod sending;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::handset::Handset;
use super::hearing::Heard;
use super::sipp::{self, Ending, Line, Sipp};
use super::state::CallState;
use crate::asterisk::Phone;

/// A cue of the scenario.
const HANG_UP: &str = "Cue: hang-up";
/// The time-out of an answer, a prompt, a hang-up: only a fault takes as long, on any machine.
const HEARING_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a call may take to end after a failed story's hang-up.
const HANG_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// The next thing that a subscriber hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextSound {
    /// Something has begun.
    Begins(Heard),
    /// The call is over.
    Over,
    /// Silence until the time-out.
    Nothing,
}

/// A subscriber in a call.
pub struct Subscriber {
    handset: Handset,
    sipp: Sipp,
    shared: Arc<CallState>,
    line: Line,
    begin: Instant,
    /// What was keyed, as shown, with the time of its first press and last release.
    keyed: Vec<(String, Instant, Instant)>,
    /// How many of the prompts heard the test has passed.
    position: usize,
    /// The rest of a number's reading that the story does not wait for.
    interrupted: VecDeque<String>,
}

/// The identity of a caller.
#[derive(Debug, Clone)]
pub struct Caller {
    number: String,
    telephone: Option<Phone>,
}

impl Caller {
    /// A caller whom the carrier asserts, with the number written like this.
    pub fn asserted(number: &str) -> Self {
        Self { number: number.to_owned(), telephone: None }
    }

    /// A telephone that registers first, and claims the number `number`.
    pub fn telephone(phone: &Phone, number: &str) -> Self {
        Self { number: number.to_owned(), telephone: Some(phone.clone()) }
    }

    /// Places a call; returns after its answer or refusal.
    pub fn call(&self, line: &Line) -> Result<Subscriber> {
        let telephone = self.telephone.as_ref();
        let shared = Arc::new(CallState::new());
        let ear = Arc::clone(&shared);
        let handset = Handset::new(sipp::address(telephone), move |at, what| {
            ear.lock().on_received(at, &what);
            ear.changed.notify_all();
        })?;
        let begin = Instant::now();
        let (callers, media) = ([self.number.clone()], handset.address.port());
        let signals = Arc::clone(&shared);
        let sipp = Sipp::place(line, telephone, &callers, media, 10, move |_, news| {
            signals.lock().on_signal(Instant::now(), news);
            signals.changed.notify_all();
        })?;
        let mut subscriber = Subscriber {
            handset,
            sipp,
            shared,
            line: line.clone(),
            begin,
            keyed: Vec::new(),
            position: 0,
            interrupted: VecDeque::new(),
        };
        let answered_or_over = subscriber.shared.wait(HEARING_TIMEOUT, |state| {
            (state.answered.is_some() || state.ending.is_some()).then_some(state.answered)
        });
        let answered = answered_or_over.ok_or_else(|| subscriber.failure("it is not answered"))?;
        if let Some((peer, _)) = answered {
            subscriber.handset.speak_to(peer);
        }
        Ok(subscriber)
    }
}

impl Subscriber {
    /// Listens to the next prompt to its end; `None` once the call is over.
    pub fn listen(&mut self) -> Result<Option<String>> {
        match self.listen_until(HEARING_TIMEOUT, |heard| heard.ended.is_some()) {
            NextSound::Begins(heard) => Ok(Some(heard.name())),
            NextSound::Over => Ok(None),
            NextSound::Nothing => Err(self.failure("nothing is heard")),
        }
    }

    /// Listens until the next prompt has begun and is certain, or for `within`.
    pub fn listen_for(&mut self, within: Duration) -> NextSound {
        self.listen_until(within, |heard| heard.names.len() == 1 || heard.ended.is_some())
    }

    fn listen_until(&mut self, within: Duration, enough: impl Fn(&Heard) -> bool) -> NextSound {
        let position = self.position;
        let next = self.shared.wait(within, |state| match state.hearing.heard.get(position) {
            Some(heard) => enough(heard).then(|| NextSound::Begins(heard.clone())),
            None => state.is_over().then_some(NextSound::Over),
        });
        self.position += usize::from(matches!(next, Some(NextSound::Begins(_))));
        next.unwrap_or(NextSound::Nothing)
    }

    /// Expects the beginning of `guidance` next.
    pub fn hear(&mut self, guidance: &str) -> Result<&mut Self> {
        self.next(guidance, |_| true)
    }

    /// Like [`Subscriber::hear`], to its end.
    pub fn hear_whole(&mut self, guidance: &str) -> Result<&mut Self> {
        self.next(guidance, |heard| heard.ended.is_some())?;
        let whole = self.last().is_some_and(|heard| heard.whole);
        if whole { Ok(self) } else { Err(self.failure(&format!("{guidance} is not whole"))) }
    }

    /// The next things heard are a number's digits, each whole.
    pub fn hear_number(&mut self, number: &str) -> Result<&mut Self> {
        for digit in number.chars() {
            self.hear_whole(&format!("digits/{digit}"))?;
        }
        Ok(self)
    }

    /// Expects the beginning of a number's first digit. Skips any part of the rest, and of
    /// `guidance` after it.
    pub fn begin_to_hear_number(&mut self, number: &str, guidance: &str) -> Result<&mut Self> {
        let (first, rest) = number.split_at(1);
        self.hear(&format!("digits/{first}"))?;
        Ok(self.allow_number(rest, guidance))
    }

    /// Allows any part of this next, in this order, or nothing: keys ahead cut it short.
    pub fn allow<'a>(&mut self, guidance: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.interrupted.extend(guidance.into_iter().map(str::to_owned));
        self
    }

    /// Like [`Subscriber::allow`], for a number's digits and `guidance` after them.
    pub fn allow_number(&mut self, number: &str, guidance: &str) -> &mut Self {
        self.interrupted.extend(number.chars().map(|digit| format!("digits/{digit}")));
        self.allow([guidance])
    }

    pub fn key(&mut self, keys: &str) -> Result<&mut Self> {
        self.send_keys(keys, keys.to_owned())
    }

    /// Keys a password; the transcript shows only the number of digits.
    pub fn key_password(&mut self, password: &str) -> Result<&mut Self> {
        let shown = password.chars().map(|key| if key.is_ascii_digit() { '•' } else { key });
        self.send_keys(password, shown.collect())
    }

    pub fn hang_up(&mut self) -> Result<()> {
        self.hang_up_within(HEARING_TIMEOUT)
    }

    /// Like [`Subscriber::hang_up`]; an error if the other side does not accept it in time.
    pub fn hang_up_within(&mut self, within: Duration) -> Result<()> {
        self.sipp.cue(HANG_UP)?;
        let over = self.shared.wait(within, |state| state.ending);
        over.map(drop).ok_or_else(|| self.failure("cannot hang up"))
    }

    /// Expects a hang-up by the other side, without another prompt before it.
    pub fn expect_hangup(&mut self) -> Result<&mut Self> {
        let over =
            self.shared.wait(HEARING_TIMEOUT, |state| state.ending.filter(|_| state.is_over()));
        let (ending, _) = over.ok_or_else(|| self.failure("the other side does not hang up"))?;
        if ending != Ending::ByThem {
            return Err(self.failure(&format!("the call ended: {ending:?}")));
        }
        let heard = self.heard();
        pass_over(&heard, &mut self.position, &mut self.interrupted);
        let more = heard.get(self.position).map(Heard::name);
        more.map_or(Ok(()), |more| Err(self.failure(&format!("{more} was heard besides"))))?;
        Ok(self)
    }

    /// How the call ended, if it has.
    pub fn ending(&self) -> Option<Ending> {
        self.shared.lock().ending.map(|(ending, _)| ending)
    }

    /// When the call was answered, and when it ended, as far as it has.
    pub fn times(&self) -> (Option<Instant>, Option<Instant>) {
        let state = self.shared.lock();
        (state.answered.map(|(_, at)| at), state.ending.map(|(_, at)| at))
    }

    /// When the last key was released.
    pub fn released(&self) -> Option<Instant> {
        self.keyed.last().map(|(_, _, released)| *released)
    }

    /// From the last key's release to the first packet of the last expected prompt; on a busy
    /// machine more, and never less.
    pub fn waited(&self) -> Result<Duration> {
        let waited = self.released().zip(self.last());
        let waited = waited.map(|(at, heard)| heard.started.saturating_duration_since(at));
        waited.ok_or_else(|| self.failure("nothing was keyed, or nothing heard"))
    }

    /// All prompts heard, in order.
    pub fn heard(&self) -> Vec<Heard> {
        self.shared.lock().hearing.heard.clone()
    }

    fn next(&mut self, guidance: &str, enough: impl Fn(&Heard) -> bool) -> Result<&mut Self> {
        let (position, interrupted) = (&mut self.position, &mut self.interrupted);
        let found = self.shared.wait(HEARING_TIMEOUT, |state| {
            pass_over(&state.hearing.heard, position, interrupted);
            match state.hearing.heard.get(*position) {
                Some(heard) if heard.is(guidance) => enough(heard).then_some(Ok(())),
                Some(heard) if heard.may_be(guidance) && heard.ended.is_none() => None,
                Some(heard) => Some(Err(format!("{} is heard", heard.name()))),
                None => state.is_over().then(|| Err("the call is over".to_owned())),
            }
        });
        let found = found.unwrap_or_else(|| Err(format!("nothing within {HEARING_TIMEOUT:?}")));
        found.map_err(|why| self.failure(&format!("{guidance} was expected, {why}")))?;
        self.position += 1;
        self.interrupted.clear();
        Ok(self)
    }

    fn last(&self) -> Option<Heard> {
        self.shared.lock().hearing.heard.get(self.position.checked_sub(1)?).cloned()
    }

    /// An error with the call's transcript.
    fn failure(&self, why: &str) -> anyhow::Error {
        let state = self.shared.lock();
        let mut events: Vec<(Instant, String)> = Vec::new();
        events.extend(state.answered.map(|(_, at)| (at, "is answered".to_owned())));
        for heard in &state.hearing.heard {
            let extent = match heard.ended {
                None => " …",
                Some(_) if heard.whole => "",
                Some(_) => ", in part",
            };
            events.push((heard.started, format!("hears {}{extent}", heard.name())));
        }
        events.extend(self.keyed.iter().map(|(shown, begun, _)| (*begun, format!("keys {shown}"))));
        events.extend(state.ending.map(|(ending, at)| (at, format!("ends: {ending:?}"))));
        events.sort_by_key(|(at, _)| *at);
        let mut text = why.to_owned();
        for (at, event) in events {
            let after = at.saturating_duration_since(self.begin).as_secs_f64();
            let _ = write!(text, "\n  {after:7.2} s  {event}"); // a String takes all
        }
        anyhow!("{text}\n  SIPp: {}", self.sipp.errors())
    }
}

impl Drop for Subscriber {
    /// After a failed story, ends its call, so that the next one's server is free.
    fn drop(&mut self) {
        if self.ending().is_none() && self.sipp.cue(HANG_UP).is_ok() {
            self.shared.wait(HANG_UP_TIMEOUT, |state| state.ending);
        }
    }
}

/// Skips prompts that the test did not wait for; some may be missing.
fn pass_over(heard: &[Heard], position: &mut usize, interrupted: &mut VecDeque<String>) {
    while let Some(next) = heard.get(*position) {
        let Some(index) = interrupted.iter().position(|rest| next.may_be(rest)) else { break };
        interrupted.drain(..=index);
        *position += 1;
    }
}
