//! The state machine of a call: which input means what in which state, and until when each lasts.
//!
//! ```text
//! LookingUp ──▶ Asking (menu, number, password, confirmation) ──▶ Storing ──▶ Closing ──▶ Ended
//!     └────────────┴──────────── not-available, redial, trouble ────┴────────────▲
//! ```
//!
//! Every live state is entered through [`Call::enter`], which sets its limit.

mod transitions;

use std::time::{Duration, Instant};

use super::digits::Completion;
use super::player::{PlaybackResult, Player};
use super::prompt::Prompt;
use super::repeat_filter::RepeatFilter;
use super::step::{Admission, Step, Subscriber};
use super::step_state::{KeyMode, StepState};
use super::{
    Input, Key, Limits, LookupResult, Outcome, Output, PlaybackEnd, PlaybackId, Press, StoreResult,
};
use crate::phone_number::PhoneNumber;
use crate::rules;

/// How long the store may take, so that `trouble` is heard in time (`P15`).
const STORE_TIMEOUT: Duration = rules::TROUBLE_TIMEOUT.saturating_sub(Duration::from_secs(2));

/// One call's dialog.
#[derive(Debug)]
pub struct Call {
    limits: Limits,
    too_long: Instant,
    line: Player,
    state: State,
    limit: Instant,
    /// The PBX does not do as it is told, or tells nothing.
    cut_off: bool,
    /// The caller has put the call on hold.
    held: bool,
    presses: RepeatFilter,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
enum State {
    /// The store is asked for the caller's contract while the call still rings.
    LookingUp { caller: PhoneNumber },
    /// The caller is asked, and heard.
    Asking(Box<StepState>),
    /// The store is about to commit a password for this login number.
    Storing { login: PhoneNumber },
    /// The last guidance plays; if it cannot, `trouble` may do instead.
    Closing { last: Prompt, or_trouble: bool },
    /// Nothing happens any more.
    Ended,
}

impl Call {
    /// A call that rings now, from a trusted caller number or from `None` (`P2`), and what to do first.
    #[must_use]
    pub fn start(caller: Option<PhoneNumber>, limits: Limits, now: Instant) -> (Self, Vec<Output>) {
        let mut call = Self {
            limits,
            too_long: now + limits.call,
            line: Player::new(limits.first_digit.max(limits.inter_digit).max(STORE_TIMEOUT)),
            state: State::Ended,
            limit: now,
            cut_off: false,
            held: false,
            presses: RepeatFilter::default(),
            outcome: None,
        };
        if let Some(caller) = caller {
            call.line.emit(Output::LookUpContract(caller));
            call.enter(State::LookingUp { caller }, now + STORE_TIMEOUT);
        } else {
            call.line.emit(Output::Answer);
            call.not_available(now);
        }
        let outputs = call.line.take_outputs();
        (call, outputs)
    }

    /// Takes what happened at `now`, and says what to do about it, in this order.
    #[must_use]
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Output> {
        if let State::Ended = self.state {
            return Vec::new();
        }
        match input {
            // Nobody knows what plays, or whether all keys are told.
            Input::Key(_) | Input::Started(_) | Input::Finished(..) if self.cut_off => {}
            // A telephone's keys are for whoever it has turned to.
            Input::Key(_) if self.held => {}
            Input::Key(press) => self.pressed(press, now),
            Input::Started(id) => self.started(id, now),
            Input::Finished(id, end) => self.finished(id, end, now),
            Input::LookedUp(found) => self.looked_up(found, now),
            Input::Stored(reply) => self.stored(reply, now),
            Input::Timeout => self.time_out(now),
            Input::Disconnected => self.suspend(),
            Input::Reconnected => self.resume(now),
            Input::Held => self.hold(now),
            Input::Unheld => self.unhold(now),
            Input::HangUp => self.end(Outcome::HungUp),
        }
        self.line.take_outputs()
    }

    /// When to send [`Input::Timeout`]; `None` once the call is over.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Asking(_) => Some(self.limit.min(self.too_long)),
            State::LookingUp { .. } | State::Storing { .. } | State::Closing { .. } => {
                Some(self.limit)
            }
            State::Ended => None,
        }
    }

    /// What became of the call, as soon as it is settled; always there once the call is over.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    fn pressed(&mut self, press: Press, now: Instant) {
        let is_late = match &self.state {
            State::Asking(asking) => asking.since.is_some_and(|since| press.pressed < since),
            State::LookingUp { .. }
            | State::Storing { .. }
            | State::Closing { .. }
            | State::Ended => true,
        };
        if self.presses.accepts(press) && !is_late {
            self.key(press.key, now);
        }
    }

    fn key(&mut self, key: Key, now: Instant) {
        match &mut self.state {
            State::Asking(asking) => {
                if asking.ahead.is_empty() && asking.consumes_as_terminator(key, now) {
                    return;
                }
                match asking.hearing {
                    KeyMode::Counts => self.accept_key(key, now),
                    KeyMode::Waits => asking.keep(key),
                    KeyMode::Drops => {}
                }
            }
            State::LookingUp { .. }
            | State::Storing { .. }
            | State::Closing { .. }
            | State::Ended => {}
        }
    }

    /// A key of the entry at hand.
    fn accept_key(&mut self, key: Key, now: Instant) {
        let Some(mut asking) = self.take_asking() else { return };
        self.line.interrupt();
        let shape = asking.step.completion();
        if asking.entry.key(key, shape) {
            let by_digit = shape == Completion::Password && key != Key::Hash;
            asking.terminator_until = by_digit.then(|| now + self.limits.inter_digit);
            self.judge(asking, false, now);
        } else {
            self.line.extend_silence(self.limits.inter_digit, now);
            self.enter(State::Asking(asking), now + self.limits.inter_digit);
        }
    }

    fn started(&mut self, id: PlaybackId, now: Instant) {
        if self.line.started(id, now) && !self.held {
            self.hear(now);
        }
    }

    /// The guidance plays or has played: keys count from now on, and so do those that were keyed
    /// ahead.
    fn hear(&mut self, now: Instant) {
        let State::Asking(asking) = &mut self.state else { return };
        asking.hear(now);
        let ahead = std::mem::take(&mut asking.ahead);
        for key in ahead.keys() {
            self.key(key, now);
        }
    }

    fn finished(&mut self, id: PlaybackId, end: PlaybackEnd, now: Instant) {
        let ending = self.line.finished(id, end, now);
        match ending {
            PlaybackResult::Nothing => {}
            PlaybackResult::Repeats => {
                if let State::Asking(asking) = &mut self.state {
                    asking.ignore_keys();
                }
            }
            PlaybackResult::Heard if self.held => {}
            PlaybackResult::Heard => match self.state {
                State::Asking(_) => self.listen(now),
                State::Closing { .. } => self.hang_up(),
                State::LookingUp { .. } | State::Storing { .. } | State::Ended => {}
            },
            PlaybackResult::NoQuiet | PlaybackResult::Unplayable => match self.state {
                State::Asking(_) | State::Closing { or_trouble: true, .. } => self.trouble(now),
                State::Closing { or_trouble: false, .. } => self.hang_up(),
                State::LookingUp { .. } | State::Storing { .. } | State::Ended => {}
            },
        }
    }

    fn looked_up(&mut self, found: LookupResult, now: Instant) {
        let State::LookingUp { caller } = self.state else { return };
        self.line.emit(Output::Answer);
        match Subscriber::admit(caller, found) {
            Admission::Served(subscriber) => {
                let asking = StepState::new(subscriber);
                self.ask(Box::new(asking), vec![Step::Menu.guidance()], now);
            }
            Admission::NotAvailable => self.not_available(now),
            Admission::Unreachable => self.trouble(now),
        }
    }

    fn stored(&mut self, reply: StoreResult, now: Instant) {
        let State::Storing { login } = self.state else { return };
        match reply {
            StoreResult::Stored => self.close(Prompt::Completed(login), Outcome::Stored, now),
            StoreResult::Refused => self.not_available(now),
            StoreResult::Unreachable => self.trouble(now),
        }
    }

    fn time_out(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &self.state {
            State::LookingUp { .. } => {
                self.line.emit(Output::Answer);
                self.trouble(now);
                self.line.emit(Output::CancelPending);
            }
            State::Storing { .. } => {
                self.trouble(now);
                self.line.emit(Output::CancelPending);
            }
            State::Asking(_) if now >= self.too_long => {
                self.outcome = Some(Outcome::TooLong);
                self.hang_up();
            }
            State::Asking(asking) if self.line.is_playing_guidance() => match asking.hearing {
                KeyMode::Counts => {
                    self.line.interrupt();
                    self.listen(now);
                }
                KeyMode::Waits | KeyMode::Drops => self.trouble(now),
            },
            State::Asking(_) => {
                if let Some(asking) = self.take_asking() {
                    self.judge(asking, true, now);
                }
            }
            State::Closing { .. } => self.hang_up(),
            State::Ended => {}
        }
    }
}
