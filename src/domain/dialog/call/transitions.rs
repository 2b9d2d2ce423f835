//! The transitions of a call: the next step, a wrong entry, faults and hold, the last guidance, the
//! end.

use std::time::{Duration, Instant};

use super::{Call, REPLY_TIMEOUT, State};
use crate::dialog::progress::{EntrySummary, Progress, WrongEntry};
use crate::dialog::prompt::Prompt;
use crate::dialog::step::Verdict;
use crate::dialog::step_state::StepState;
use crate::dialog::{Outcome, Output, Refusal};
use crate::rules;

/// From a guidance's command to its end. After that its end counts as lost; the longest guidance
/// takes half of this time.
const GUIDANCE_TIMEOUT: Duration = Duration::from_secs(40);

impl Call {
    /// Judges an entry that is complete, or that silence has ended.
    pub(super) fn judge(&mut self, mut asking: Box<StepState>, by_silence: bool, now: Instant) {
        let entry =
            EntrySummary { step: asking.step.name(), digits: asking.digits.count(), by_silence };
        match asking.step.judge(&asking.digits, &asking.subscriber) {
            Verdict::Next(step) => {
                self.progress.push(Progress::EntryAccepted(entry));
                self.unit = step.unit();
                let prompts = vec![step.guidance()];
                if !step.shares_wrong_entries() {
                    asking.wrong_entries = 0;
                }
                let unconfirmed = step.unconfirmed().cloned();
                asking.enter(step);
                if by_silence {
                    asking.drop_held_key(now);
                }
                self.ask(asking, prompts, now);
                if let Some(password) = unconfirmed {
                    self.player.emit(Output::HashAhead(password));
                }
            }
            Verdict::Wrong(reason) => {
                let again = by_silence.then(|| asking.step.guidance());
                let prompts = std::iter::once(Prompt::Invalid).chain(again).collect();
                self.reject_entry(asking, entry, reason, prompts, now);
            }
            Verdict::Differs(step) => {
                let prompts = vec![Prompt::Invalid, step.guidance()];
                asking.enter(step);
                self.player.emit(Output::DiscardHash);
                self.reject_entry(asking, entry, WrongEntry::Differs, prompts, now);
            }
            Verdict::Store(new) => {
                self.progress.push(Progress::EntryAccepted(entry));
                self.player.extend_silence(REPLY_TIMEOUT, now);
                self.enter(State::Storing { login_number: new.login_number }, now + REPLY_TIMEOUT);
                self.player.emit(Output::Store(new));
            }
            Verdict::NotAvailable => {
                self.progress.push(Progress::EntryAccepted(entry));
                self.end_not_available(now);
            }
        }
    }

    /// Asks again with these prompts, unless this was the last entry that the step allows (`P10`).
    fn reject_entry(
        &mut self,
        mut asking: Box<StepState>,
        entry: EntrySummary,
        reason: WrongEntry,
        prompts: Vec<Prompt>,
        now: Instant,
    ) {
        asking.wrong_entries += 1;
        let wrong_entries = asking.wrong_entries;
        self.progress.push(Progress::EntryRefused { entry, reason, wrong_entries });
        if wrong_entries >= rules::MAX_WRONG_ENTRIES_PER_STEP {
            self.close(Prompt::Redial, Outcome::WrongEntries, now);
            self.player.emit(Output::Audit(Refusal::WrongEntries));
            return;
        }
        asking.ignore_keys();
        self.ask(asking, prompts, now);
    }

    /// Asks for an entry with these prompts.
    pub(super) fn ask(&mut self, asking: Box<StepState>, prompts: Vec<Prompt>, now: Instant) {
        self.player.play(prompts);
        let deadline = if self.held { self.overall_deadline } else { now + GUIDANCE_TIMEOUT };
        self.enter(State::Asking(asking), deadline);
    }

    /// The guidance has ended, and the first-digit timeout runs (`P11`).
    pub(super) fn listen(&mut self, now: Instant) {
        if let Some(asking) = self.take_asking() {
            self.enter(State::Asking(asking), now + self.limits.first_digit);
            self.start_listening(now);
        }
    }

    /// Waits while the PBX is disconnected. A part of an entry is dropped, because keys
    /// may be missing from it.
    pub(super) fn on_disconnected(&mut self) {
        self.disconnected = true;
        self.progress.push(Progress::Disconnected);
        if let Some(mut asking) = self.take_asking() {
            asking.ignore_keys();
            asking.terminator_until = None;
            self.enter(State::Asking(asking), self.overall_deadline);
        } else if let State::Closing { last, or_trouble } = self.state {
            self.enter(State::Closing { last, or_trouble }, self.overall_deadline);
        }
    }

    /// Puts the call on hold: the caller hears nothing, so no silence counts. A part of an entry is
    /// dropped, because its guidance will play again from the start. The end of a call waits for a
    /// caller on hold only if something is stored: others could fill the line.
    pub(super) fn hold(&mut self, now: Instant) {
        self.held = true;
        self.progress.push(Progress::Held);
        if let Some(mut asking) = self.take_asking() {
            asking.ignore_keys();
            asking.terminator_until = None;
            self.enter(State::Asking(asking), self.overall_deadline);
        } else if let State::Closing { last, or_trouble } = self.state
            && self.is_stored()
        {
            let deadline = self.closing_deadline(now);
            self.enter(State::Closing { last, or_trouble }, deadline);
        }
    }

    /// Takes the call off hold, and plays the guidance again.
    pub(super) fn unhold(&mut self, now: Instant) {
        let was_held = std::mem::take(&mut self.held);
        self.progress.push(Progress::Unheld);
        // While the PBX is disconnected, `on_reconnected` will play it.
        if was_held && !self.disconnected {
            self.player.interrupt();
            self.repeat_guidance(now);
        }
    }

    /// Goes on after [`Input::Reconnected`](crate::dialog::Input::Reconnected), from the start of
    /// the guidance.
    pub(super) fn on_reconnected(&mut self, now: Instant) {
        self.disconnected = false;
        self.progress.push(Progress::Reconnected);
        // The end of a hold may have been lost.
        self.held = false;
        self.player.reset();
        self.repeat_guidance(now);
        if let State::Storing { .. } = self.state {
            self.player.play_silence();
        }
    }

    fn repeat_guidance(&mut self, now: Instant) {
        if let Some(mut asking) = self.take_asking() {
            asking.ignore_keys();
            let guidance = asking.step.guidance();
            self.ask(asking, vec![guidance], now);
        } else if let State::Closing { last, or_trouble } = self.state {
            self.player.play_final(vec![last]);
            let mut deadline = self.closing_deadline(now);
            if !self.is_stored() {
                deadline = deadline.min(self.state_deadline);
            }
            self.enter(State::Closing { last, or_trouble }, deadline);
        }
    }

    /// By when the call ends, heard or not.
    fn closing_deadline(&self, now: Instant) -> Instant {
        let deadline = now + GUIDANCE_TIMEOUT;
        let waits = self.held && self.is_stored();
        if waits { deadline.max(self.overall_deadline) } else { deadline }
    }

    pub(super) fn end_not_available(&mut self, now: Instant) {
        self.close(Prompt::NotAvailable, Outcome::NotAvailable, now);
        self.player.emit(Output::Audit(Refusal::NotAvailable));
    }

    pub(super) fn end_with_trouble(&mut self, now: Instant) {
        self.close(Prompt::Trouble, Outcome::Trouble, now);
    }

    pub(super) fn close(&mut self, last: Prompt, outcome: Outcome, now: Instant) {
        self.outcome.get_or_insert(outcome);
        self.player.interrupt();
        self.player.play_final(vec![last]);
        let or_trouble = match outcome {
            Outcome::NotAvailable | Outcome::WrongEntries => true,
            Outcome::Stored | Outcome::Trouble | Outcome::TooLong | Outcome::HungUp => false,
        };
        let deadline = self.closing_deadline(now);
        self.enter(State::Closing { last, or_trouble }, deadline);
    }

    pub(super) fn hang_up(&mut self) {
        self.player.emit(Output::HangUp);
        self.end(Outcome::HungUp);
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        self.outcome.get_or_insert(outcome);
        self.state = State::Ended;
    }

    /// The only way into a live state, which lasts until `deadline` at most.
    pub(super) fn enter(&mut self, state: State, deadline: Instant) {
        self.state = state;
        self.state_deadline = deadline;
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
