//! Where a call goes from where it is: the next step, a wrong entry, the last guidance, the end.

use std::time::{Duration, Instant};

use super::{Call, STORE_TIMEOUT, State};
use crate::dialog::prompt::Prompt;
use crate::dialog::step::Verdict;
use crate::dialog::step_state::StepState;
use crate::dialog::{Outcome, Output, Refusal};
use crate::rules;

/// How long a guidance may take, from its queueing to its end, before its end counts as lost; the
/// longest takes half of it.
const GUIDANCE_TIMEOUT: Duration = Duration::from_secs(40);

impl Call {
    /// The entry is complete, or silence has ended it.
    pub(super) fn judge(&mut self, mut asking: Box<StepState>, silence: bool, now: Instant) {
        match asking.step.judge(&asking.entry, &asking.subscriber) {
            Verdict::Next(step) => {
                let prompts = vec![step.guidance()];
                if !step.completes_with_last_digit() {
                    asking.wrong = 0;
                }
                asking.enter(step);
                self.ask(asking, prompts, now);
            }
            Verdict::Wrong if silence => {
                let guidance = asking.step.guidance();
                self.wrong(asking, vec![Prompt::Invalid, guidance], now);
            }
            Verdict::Wrong => self.wrong(asking, vec![Prompt::Invalid], now),
            Verdict::Differs(step) => {
                let prompts = vec![Prompt::Invalid, step.guidance()];
                asking.enter(step);
                self.wrong(asking, prompts, now);
            }
            Verdict::Store(new) => {
                self.line.extend_silence(STORE_TIMEOUT, now);
                self.enter(State::Storing { login: new.login }, now + STORE_TIMEOUT);
                self.line.emit(Output::Store(new));
            }
            Verdict::NotAvailable => self.not_available(now),
        }
    }

    /// `P10`: asks again with these prompts, unless this was the last one that the step bears.
    pub(super) fn wrong(&mut self, mut asking: Box<StepState>, prompts: Vec<Prompt>, now: Instant) {
        asking.wrong += 1;
        if asking.wrong >= rules::MAX_WRONG_ENTRIES_PER_STEP {
            self.close(Prompt::Redial, Outcome::WrongEntries, now);
            self.line.emit(Output::Audit(Refusal::WrongEntries));
            return;
        }
        asking.ignore_keys();
        self.ask(asking, prompts, now);
    }

    /// Asks with these prompts.
    pub(super) fn ask(&mut self, asking: Box<StepState>, prompts: Vec<Prompt>, now: Instant) {
        self.line.play(prompts);
        let limit = if self.held { self.too_long } else { now + GUIDANCE_TIMEOUT };
        self.enter(State::Asking(asking), limit);
    }

    /// The guidance is over: the caller has until the first digit's limit (`P11`).
    pub(super) fn listen(&mut self, now: Instant) {
        if let Some(asking) = self.take_asking() {
            self.enter(State::Asking(asking), now + self.limits.first_digit);
            self.hear(now);
        }
    }

    /// Nobody can key, hear or be told anything: what the caller is asked or told waits. What was
    /// keyed of an entry is dropped, since nobody knows what else was.
    pub(super) fn suspend(&mut self) {
        self.cut_off = true;
        if let Some(mut asking) = self.take_asking() {
            asking.ignore_keys();
            asking.terminator_until = None;
            self.enter(State::Asking(asking), self.too_long);
        } else if let State::Closing { last, or_trouble } = self.state {
            self.enter(State::Closing { last, or_trouble }, self.too_long);
        }
    }

    /// The caller hears nothing: no silence counts, and what was keyed of an entry is dropped,
    /// since its guidance will be heard again from its start.
    pub(super) fn hold(&mut self, now: Instant) {
        self.held = true;
        if let Some(mut asking) = self.take_asking() {
            asking.ignore_keys();
            asking.terminator_until = None;
            self.enter(State::Asking(asking), self.too_long);
        } else if let State::Closing { last, or_trouble } = self.state {
            let limit = self.closing_limit(now);
            self.enter(State::Closing { last, or_trouble }, limit);
        }
    }

    /// The caller hears again: asks or says again what was asked or said.
    pub(super) fn unhold(&mut self, now: Instant) {
        let was_held = std::mem::take(&mut self.held);
        // While the PBX does not obey, that waits for it too.
        if was_held && !self.cut_off {
            self.line.interrupt();
            self.repeat_guidance(now);
        }
    }

    /// Asks or says again what was asked or said, from its start.
    pub(super) fn resume(&mut self, now: Instant) {
        self.cut_off = false;
        // That the call has been taken up may not have been told.
        self.held = false;
        self.line.reset();
        self.repeat_guidance(now);
        if let State::Storing { .. } = self.state {
            self.line.play_silence();
        }
    }

    fn repeat_guidance(&mut self, now: Instant) {
        if let Some(mut asking) = self.take_asking() {
            asking.ignore_keys();
            let guidance = asking.step.guidance();
            self.ask(asking, vec![guidance], now);
        } else if let State::Closing { last, or_trouble } = self.state {
            self.line.play_final(vec![last]);
            let limit = self.closing_limit(now);
            self.enter(State::Closing { last, or_trouble }, limit);
        }
    }

    /// By when the last guidance has been heard, or the call is over.
    fn closing_limit(&self, now: Instant) -> Instant {
        let limit = now + GUIDANCE_TIMEOUT;
        if self.held { limit.max(self.too_long) } else { limit }
    }

    pub(super) fn not_available(&mut self, now: Instant) {
        self.close(Prompt::NotAvailable, Outcome::NotAvailable, now);
        self.line.emit(Output::Audit(Refusal::NotAvailable));
    }

    pub(super) fn trouble(&mut self, now: Instant) {
        self.close(Prompt::Trouble, Outcome::Trouble, now);
    }

    pub(super) fn close(&mut self, last: Prompt, outcome: Outcome, now: Instant) {
        self.outcome.get_or_insert(outcome);
        self.line.interrupt();
        self.line.play_final(vec![last]);
        let or_trouble = match outcome {
            Outcome::NotAvailable | Outcome::WrongEntries => true,
            Outcome::Stored | Outcome::Trouble | Outcome::TooLong | Outcome::HungUp => false,
        };
        let limit = self.closing_limit(now);
        self.enter(State::Closing { last, or_trouble }, limit);
    }

    pub(super) fn hang_up(&mut self) {
        self.line.emit(Output::HangUp);
        self.end(Outcome::HungUp);
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        self.outcome.get_or_insert(outcome);
        self.state = State::Ended;
    }

    /// The only way into a live state; it lasts until `limit` at most.
    pub(super) fn enter(&mut self, state: State, limit: Instant) {
        self.state = state;
        self.limit = limit;
    }

    pub(super) fn take_asking(&mut self) -> Option<Box<StepState>> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Asking(asking) => Some(asking),
            other @ (State::LookingUp { .. }
            | State::Storing { .. }
            | State::Closing { .. }
            | State::Ended) => {
                self.state = other;
                None
            }
        }
    }
}
