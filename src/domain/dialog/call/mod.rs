//! The state machine of a call: the effect of each input in each state, and how long a state lasts.
//!
//! ```text
//! LookingUp ──▶ Asking (menu, number, password, confirmation) ──▶ Storing ──▶ Closing ──▶ Ended
//!     └────────────┴──────────── not-available, redial, trouble ────┴────────────▲
//! ```
//!
//! [`Call::enter`] is the only way into a live state, and sets its deadline.

mod transitions;

use std::time::{Duration, Instant};

use super::digits::Completion;
use super::player::{PlaybackResult, Player};
use super::progress::{Progress, StepName};
use super::prompt::Prompt;
use super::repeat_filter::RepeatFilter;
use super::step::{Eligibility, ServedCaller, Step};
use super::step_state::{KeyMode, StepState};
use super::{
    ChannelCommand, Input, Key, Limits, LookupResult, Outcome, Output, PlaybackEnd, PlaybackId,
    Press, StoreResult,
};
use crate::auth_unit::AuthUnit;
use crate::phone_number::PhoneNumber;
use crate::rules;

/// How long a look-up, or hashing and storing, may take, so that the caller hears `trouble` in time
/// (`P15`).
const REPLY_TIMEOUT: Duration = rules::TROUBLE_TIMEOUT.saturating_sub(Duration::from_secs(2));

/// One call's dialog.
///
/// The daemon carries out the outputs without waiting for them, and passes what happens next:
///
/// ```
/// # use std::time::{Duration, Instant};
/// # use karipass_domain::dialog::{Call, Input, Limits, Outcome, Output};
/// # let limit = Duration::from_secs(5);
/// # let limits = Limits { first_digit: limit, inter_digit: limit, call: limit };
/// let caller = None; // the number is withheld
/// let (mut call, mut outputs) = Call::start(caller, limits, Instant::now());
/// while let Some(deadline) = call.deadline() {
///     for output in outputs {
///         println!("{output:?}"); // answer, play, look up, store, …
///     }
///     // The daemon waits for a key, a playback or a reply. Here nothing happens until then.
///     let (input, now) = (Input::Timeout, deadline);
///     outputs = call.handle(input, now);
/// }
/// assert!(matches!(outputs[..], [Output::HangUp]));
/// assert_eq!(call.outcome(), Some(Outcome::NotAvailable));
/// ```
#[derive(Debug)]
pub struct Call {
    limits: Limits,
    overall_deadline: Instant,
    player: Player,
    state: State,
    state_deadline: Instant,
    /// Since [`Input::Disconnected`].
    disconnected: bool,
    /// The caller has put the call on hold.
    held: bool,
    repeats: RepeatFilter,
    outcome: Option<Outcome>,
    /// The unit that the caller has chosen.
    unit: Option<AuthUnit>,
    /// Progress that inputs have caused, until it is taken.
    progress: Vec<Progress>,
}

#[derive(Debug)]
enum State {
    /// The call rings while the caller's contract is looked up.
    LookingUp { caller: PhoneNumber },
    /// The line waits for an entry.
    Asking(Box<StepState>),
    /// A password for this login number is being stored.
    Storing { login_number: PhoneNumber },
    /// The last guidance plays. If it cannot, `trouble` may replace it.
    Closing { last: Prompt, or_trouble: bool },
    /// The call is over.
    Ended,
}

impl Call {
    /// A call that rings now, and its first outputs. `caller` is `None` if the number is withheld
    /// or not trusted (`P2`).
    #[must_use]
    pub fn start(caller: Option<PhoneNumber>, limits: Limits, now: Instant) -> (Self, Vec<Output>) {
        let mut call = Self {
            limits,
            overall_deadline: now + limits.call,
            player: Player::new(limits.first_digit.max(limits.inter_digit).max(REPLY_TIMEOUT)),
            state: State::Ended,
            state_deadline: now,
            disconnected: false,
            held: false,
            repeats: RepeatFilter::default(),
            outcome: None,
            unit: None,
            progress: Vec::new(),
        };
        if let Some(caller) = caller {
            call.player.emit(Output::LookUpContract(caller));
            call.enter(State::LookingUp { caller }, now + REPLY_TIMEOUT);
        } else {
            call.player.emit(ChannelCommand::Answer);
            call.end_not_available(now);
        }
        let outputs = call.player.take_outputs();
        (call, outputs)
    }

    /// Takes what happened at `now`, and returns what to do about it, in order.
    #[must_use]
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Output> {
        if let State::Ended = self.state {
            return Vec::new();
        }
        match input {
            // What plays is unknown, and keys may be missing.
            Input::Key(_) | Input::Started(_) | Input::Finished(..) if self.disconnected => {}
            // During a hold the keys are meant for somebody else.
            Input::Key(_) if self.held => {}
            Input::Key(press) => self.on_press(press, now),
            Input::Started(id) => self.on_started(id, now),
            Input::Finished(id, end) => self.on_finished(id, end, now),
            Input::LookedUp(result) => self.on_lookup(result, now),
            Input::Stored(result) => self.on_stored(result, now),
            Input::Timeout => self.on_timeout(now),
            Input::Disconnected => self.on_disconnected(),
            Input::Reconnected => self.on_reconnected(now),
            Input::Held => self.hold(now),
            Input::Unheld => self.unhold(now),
            Input::HangUp => self.end(Outcome::HungUp),
        }
        self.player.take_outputs()
    }

    /// When to pass [`Input::Timeout`]; `None` once the call is over.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Asking(_) => Some(self.state_deadline.min(self.overall_deadline)),
            State::LookingUp { .. } | State::Storing { .. } | State::Closing { .. } => {
                Some(self.state_deadline)
            }
            State::Ended => None,
        }
    }

    /// The call's outcome, as soon as it is certain; always `Some` once the call is over.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// The progress since the last call, in order.
    #[must_use]
    pub fn take_progress(&mut self) -> Vec<Progress> {
        std::mem::take(&mut self.progress)
    }

    /// Where the call is; `None` once it is over.
    #[must_use]
    pub fn step(&self) -> Option<StepName> {
        match &self.state {
            State::LookingUp { .. } => Some(StepName::LookUp),
            State::Asking(asking) => Some(asking.step.name()),
            State::Storing { .. } => Some(StepName::Storing),
            State::Closing { .. } => Some(StepName::Closing),
            State::Ended => None,
        }
    }

    /// How many wrong entries the step has had.
    #[must_use]
    pub fn wrong_entries(&self) -> u8 {
        match &self.state {
            State::Asking(asking) => asking.wrong_entries,
            State::LookingUp { .. }
            | State::Storing { .. }
            | State::Closing { .. }
            | State::Ended => 0,
        }
    }

    /// The unit that the caller has chosen, if any.
    #[must_use]
    pub fn unit(&self) -> Option<AuthUnit> {
        self.unit
    }

    fn is_stored(&self) -> bool {
        self.outcome == Some(Outcome::Stored)
    }

    fn on_press(&mut self, press: Press, now: Instant) {
        let is_too_early = match &self.state {
            State::Asking(asking) => {
                asking.accepts_since.is_some_and(|since| press.pressed < since)
            }
            State::LookingUp { .. }
            | State::Storing { .. }
            | State::Closing { .. }
            | State::Ended => true,
        };
        if self.repeats.accept(press) && !is_too_early {
            self.on_key(press.key, now);
        }
    }

    fn on_key(&mut self, key: Key, now: Instant) {
        match &mut self.state {
            State::Asking(asking) => {
                if asking.type_ahead.is_empty() && asking.consumes_as_terminator(key, now) {
                    return;
                }
                match asking.key_mode {
                    KeyMode::Accept => self.accept_key(key, now),
                    KeyMode::Keep => asking.keep(key),
                    KeyMode::Ignore => {}
                }
            }
            State::LookingUp { .. }
            | State::Storing { .. }
            | State::Closing { .. }
            | State::Ended => {}
        }
    }

    /// Adds a key to the entry.
    fn accept_key(&mut self, key: Key, now: Instant) {
        let Some(mut asking) = self.take_asking() else { return };
        if self.player.is_playing_guidance() {
            self.progress.push(Progress::BargeIn);
        }
        self.player.interrupt();
        let completion = asking.step.completion();
        if asking.digits.accept(key, completion) {
            let by_digit = completion == Completion::Password && key != Key::Hash;
            asking.terminator_until = by_digit.then(|| now + self.limits.inter_digit);
            self.judge(asking, false, now);
        } else {
            self.player.extend_silence(self.limits.inter_digit, now);
            self.enter(State::Asking(asking), now + self.limits.inter_digit);
        }
    }

    fn on_started(&mut self, id: PlaybackId, now: Instant) {
        if !self.player.on_started(id, now) {
            return;
        }
        self.progress.extend(self.player.guidance_name().map(Progress::GuidanceBegan));
        if !self.held {
            self.start_listening(now);
        }
    }

    /// Accepts keys from now on, because the guidance has started. Those that were typed ahead come
    /// first.
    fn start_listening(&mut self, now: Instant) {
        let State::Asking(asking) = &mut self.state else { return };
        asking.accept_keys(now);
        let type_ahead = std::mem::take(&mut asking.type_ahead);
        for key in type_ahead.keys() {
            self.on_key(key, now);
        }
    }

    fn on_finished(&mut self, id: PlaybackId, end: PlaybackEnd, now: Instant) {
        match self.player.on_finished(id, end, now) {
            PlaybackResult::Ignored => {}
            PlaybackResult::Repeating => {
                if let State::Asking(asking) = &mut self.state {
                    asking.ignore_keys();
                }
            }
            PlaybackResult::Heard => match self.state {
                State::Asking(_) if self.held => {}
                State::Asking(_) => self.listen(now),
                State::Closing { .. } if self.held && self.is_stored() => {}
                State::Closing { .. } => self.hang_up(),
                State::LookingUp { .. } | State::Storing { .. } | State::Ended => {}
            },
            PlaybackResult::SilenceLost | PlaybackResult::Unplayable => match self.state {
                State::Asking(_) | State::Closing { or_trouble: true, .. } => {
                    self.end_with_trouble(now);
                }
                State::Closing { or_trouble: false, .. } => self.hang_up(),
                State::LookingUp { .. } | State::Storing { .. } | State::Ended => {}
            },
        }
    }

    fn on_lookup(&mut self, result: LookupResult, now: Instant) {
        let State::LookingUp { caller } = self.state else { return };
        self.player.emit(ChannelCommand::Answer);
        match ServedCaller::admit(caller, result) {
            Eligibility::Served(subscriber) => {
                let asking = StepState::new(subscriber);
                self.ask(Box::new(asking), vec![Step::Menu.guidance()], now);
            }
            Eligibility::NotAvailable => self.end_not_available(now),
            Eligibility::Unreachable => self.end_with_trouble(now),
        }
    }

    fn on_stored(&mut self, result: StoreResult, now: Instant) {
        let State::Storing { login_number } = self.state else { return };
        match result {
            StoreResult::Stored => {
                self.close(Prompt::Completed(login_number), Outcome::Stored, now);
            }
            StoreResult::Refused => self.end_not_available(now),
            StoreResult::Unreachable => self.end_with_trouble(now),
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &self.state {
            State::LookingUp { .. } => {
                self.player.emit(ChannelCommand::Answer);
                self.end_with_trouble(now);
                self.player.emit(Output::CancelPending);
            }
            State::Storing { .. } => {
                self.end_with_trouble(now);
                self.player.emit(Output::CancelPending);
            }
            State::Asking(_) if now >= self.overall_deadline => {
                self.outcome = Some(Outcome::TooLong);
                self.hang_up();
            }
            State::Asking(asking) if self.player.is_playing_guidance() => match asking.key_mode {
                KeyMode::Accept => {
                    self.player.interrupt();
                    self.listen(now);
                }
                KeyMode::Keep | KeyMode::Ignore => self.end_with_trouble(now),
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
