//! A caller at the telephone: keys, listens, hangs up. The channel and the database answer as the
//! test says.
//!
//! In every test the phone checks what holds for every call. The channel is never idle while keys
//! count, a live call has a deadline, and a dead one has no outputs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::channel::{ChannelModel, is_silent};
use super::surroundings::{World, contract, now, number};
use crate::dialog::prompt::Prompt;
use crate::dialog::{
    Call, ChannelCommand, Input, Key, Limits, NewTemporaryPassword, Outcome, Output, Press, Refusal,
};
use crate::password::TemporaryPassword;
use crate::rules;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const BETWEEN_KEYS: Duration = Duration::from_millis(150);
/// How long a key is held.
const HELD: Duration = Duration::from_millis(100);
/// No state has a limit beyond this.
const MAX_STATE_DURATION: Duration = Duration::from_secs(40);
/// More events at one moment mean that two parts answer each other without end.
const STORM: usize = 200;

/// Whether the PBX reports and obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pbx {
    Obeys,
    /// It reports keys and nothing else, and obeys no command.
    Refuses,
    Disconnected,
}

pub(super) struct PhoneModel {
    world: World,
    pub(super) call: Call,
    pub(super) now: Instant,
    pub(super) channel: ChannelModel,
    events: VecDeque<Input>,
    replies: Vec<(Instant, Input)>,
    /// Every output, as its `Debug` shows it.
    pub(super) outputs: Vec<String>,
    /// The password whose hash is being made.
    pub(super) hash_ahead: Option<TemporaryPassword>,
    pub(super) stored: Vec<NewTemporaryPassword>,
    pub(super) refused: Vec<Refusal>,
    /// Every guidance, as it was queued.
    pub(super) said: Vec<Vec<Prompt>>,
    /// Every key pressed.
    pub(super) keyed: String,
    /// When the last key was released. It is reported at once or, in a burst, earlier.
    released: Instant,
    /// Whether a look-up or a storing is pending.
    pub(super) asks: bool,
    pbx: Pbx,
    held: bool,
    over: bool,
}

impl PhoneModel {
    pub(super) fn calls(world: World) -> Self {
        Self::calls_at(world, now())
    }

    pub(super) fn calls_at(world: World, now: Instant) -> Self {
        let limits = Limits {
            first_digit: rules::FIRST_DIGIT_TIMEOUT,
            inter_digit: rules::INTER_DIGIT_TIMEOUT,
            call: rules::MAX_CALL_DURATION,
        };
        let (call, outputs) = Call::start(world.caller.map(number), limits, now);
        let mut phone = Self {
            world,
            call,
            now,
            channel: ChannelModel::default(),
            events: VecDeque::new(),
            replies: Vec::new(),
            outputs: Vec::new(),
            hash_ahead: None,
            stored: Vec::new(),
            refused: Vec::new(),
            said: Vec::new(),
            keyed: String::new(),
            released: now,
            asks: false,
            pbx: Pbx::Obeys,
            held: false,
            over: false,
        };
        phone.carry_out(outputs);
        phone.wait(Duration::ZERO);
        phone
    }

    /// Presses these keys, one after the other: digits, `*`, `#`, `A`.
    pub(super) fn keys(&mut self, keys: &str) {
        for key in keys.chars() {
            self.wait(BETWEEN_KEYS);
            self.press(key);
            self.run_until_idle();
        }
    }

    /// The PBX reports a key that was held for this long until now.
    pub(super) fn report_key(&mut self, key: char, held: Duration) {
        let (pressed, released) = (self.now.checked_sub(held).unwrap(), self.now);
        self.feed(Input::Key(Press { key: key_of(key), pressed, released }));
        self.run_until_idle();
    }

    /// Presses these keys before any event of the channel arrives.
    pub(super) fn burst(&mut self, keys: &str) {
        for key in keys.chars() {
            self.press(key);
        }
        self.run_until_idle();
    }

    /// No event comes from the PBX, and no command reaches it.
    pub(super) fn disconnect(&mut self) {
        if !self.over {
            self.pbx = Pbx::Disconnected;
            self.feed(Input::Disconnected);
        }
    }

    /// Puts the call on hold.
    pub(super) fn hold(&mut self) {
        self.held = true;
        self.feed(Input::Held);
        self.run_until_idle();
    }

    /// Takes the call off hold.
    pub(super) fn unhold(&mut self) {
        self.held = false;
        self.feed(Input::Unheld);
        self.run_until_idle();
    }

    /// The PBX obeys nothing from now on, and the call does not know it yet.
    pub(super) fn refuse(&mut self) {
        self.pbx = Pbx::Refuses;
    }

    /// The call learns that the PBX obeys nothing.
    pub(super) fn notice_refusal(&mut self) {
        self.feed(Input::Disconnected);
    }

    /// The PBX is back, and all playbacks have been stopped.
    pub(super) fn reconnect(&mut self) {
        if !self.over {
            self.pbx = Pbx::Obeys;
            self.channel.clear(self.now);
            self.events.clear();
            self.feed(Input::Reconnected);
            self.run_until_idle();
        }
    }

    /// The PBX obeys just once: it stops all playbacks.
    pub(super) fn obey_once(&mut self) {
        self.channel.clear(self.now);
        self.events.clear();
        self.feed(Input::Reconnected);
    }

    /// Listens until the guidance is over.
    pub(super) fn listen(&mut self) {
        let limit = self.now + 2 * MAX_STATE_DURATION;
        while !self.over && !self.channel.is_silent() {
            assert!(self.now < limit, "no guidance lasts for ever");
            let end = self.channel.next_end().unwrap();
            self.wait(end.saturating_duration_since(self.now));
        }
    }

    /// Listens, and then presses nothing until the line's next output.
    pub(super) fn stay_silent(&mut self) {
        self.listen();
        self.wait(rules::FIRST_DIGIT_TIMEOUT);
    }

    pub(super) fn hang_up(&mut self) {
        self.feed(Input::HangUp);
        self.run_until_idle();
    }

    /// Does nothing until the call is over.
    pub(super) fn wait_for_the_end(&mut self) {
        let limit =
            self.now + rules::MAX_CALL_DURATION + rules::TROUBLE_TIMEOUT + 3 * MAX_STATE_DURATION;
        while !self.over {
            assert!(self.now < limit, "left alone it ends");
            self.wait(SECOND);
        }
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.run_until_idle();
            let reply = self.replies.iter().map(|(at, _)| *at).min();
            let next = [self.channel.next_end(), reply, self.call.deadline()];
            match next.into_iter().flatten().min().filter(|at| *at <= until && !self.over) {
                Some(at) => self.now = self.now.max(at),
                None => break,
            }
            self.run_until_idle();
            if self.call.deadline().is_some_and(|deadline| deadline <= self.now) {
                self.feed(Input::Timeout);
                let deadline = self.call.deadline();
                assert!(deadline.is_none_or(|at| at > self.now), "a time-out leads on");
            }
        }
        self.now = until;
    }

    pub(super) fn heard(&self) -> String {
        self.channel.heard(self.now)
    }

    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.call.outcome()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// The stored passwords, as `unit login password`.
    pub(super) fn stored(&self) -> String {
        let line = |new: &NewTemporaryPassword| {
            let password = str::from_utf8(new.password.expose()).unwrap();
            format!("{} {} {password}", new.unit, new.login_number.as_str())
        };
        self.stored.iter().map(line).collect::<Vec<_>>().join(", ")
    }

    /// Feeds one input and nothing else.
    pub(super) fn feed(&mut self, input: Input) {
        if let Input::HangUp = input {
            self.over = true;
            self.channel.clear(self.now);
        }
        self.asks &= !matches!(input, Input::LookedUp(_) | Input::Stored(_));
        let outputs = self.call.handle(input, self.now);
        self.carry_out(outputs);
        assert_eq!(self.call.deadline().is_none(), self.over, "a live call has a deadline");
        assert!(
            self.pbx != Pbx::Obeys
                || self.held
                || self
                    .call
                    .deadline()
                    .is_none_or(|deadline| deadline <= self.now + MAX_STATE_DURATION),
            "no state lasts for ever"
        );
        assert!(!self.over || self.call.outcome().is_some(), "a call that is over has an outcome");
    }

    /// Processes all events of this moment.
    fn run_until_idle(&mut self) {
        for _ in 0..STORM {
            if self.over {
                return;
            }
            let event = self.events.pop_front();
            let event = event.or_else(|| self.channel.event(self.now, self.world.fate));
            if self.pbx != Pbx::Obeys && event.is_some() {
                continue;
            }
            let Some(event) = event.or_else(|| self.due_reply()) else { return };
            self.feed(event);
        }
        panic!("no rest after {STORM} events");
    }

    fn press(&mut self, key: char) {
        if self.pbx == Pbx::Disconnected {
            return;
        }
        self.keyed.push(key);
        self.released = self.now.max(self.released + BETWEEN_KEYS);
        let (pressed, released) = (self.released.checked_sub(HELD).unwrap(), self.released);
        self.feed(Input::Key(Press { key: key_of(key), pressed, released }));
    }

    fn due_reply(&mut self) -> Option<Input> {
        let due = self.replies.iter().position(|(at, _)| *at <= self.now)?;
        Some(self.replies.remove(due).1)
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            assert!(!self.over, "nothing is asked of a call that is over: {output:?}");
            let answered = self.outputs.iter().any(|output| output == "Answer");
            self.outputs.push(if let Output::Channel(command) = &output {
                format!("{command:?}")
            } else {
                format!("{output:?}")
            });
            match output {
                Output::Channel(ChannelCommand::Answer) => {
                    assert!(!answered, "a call is answered once");
                }
                Output::Channel(ChannelCommand::Play(id, prompts)) => {
                    assert!(answered, "nothing plays before the answer");
                    if !is_silent(&prompts) {
                        self.said.push(prompts.clone());
                    }
                    if self.pbx == Pbx::Obeys {
                        self.channel.play(id, prompts);
                    }
                }
                Output::Channel(ChannelCommand::Stop(_)) if self.pbx != Pbx::Obeys => {}
                Output::Channel(ChannelCommand::Stop(id)) => {
                    self.events.extend(self.channel.stop(id, self.now));
                }
                Output::LookUpContract(_) => {
                    let found = (self.world.finds)(contract(self.world.unit));
                    self.reply(self.world.finds_in, Input::LookedUp(found));
                }
                Output::HashAhead(password) => self.hash_ahead = Some(password),
                Output::DiscardHash => self.hash_ahead = None,
                Output::Store(new) => {
                    let hash_ahead = self.hash_ahead.take();
                    let is_its_own = hash_ahead.is_some_and(|ahead| ahead.matches(&new.password));
                    assert!(is_its_own, "the hash that is stored was begun ahead");
                    self.stored.push(new);
                    self.reply(self.world.stores_in, Input::Stored(self.world.stores));
                }
                Output::CancelPending => {
                    self.replies.clear();
                    self.asks = false;
                }
                Output::Audit(refusal) => self.refused.push(refusal),
                Output::HangUp => self.over = true,
            }
            assert!(
                self.channel.known.is_empty()
                    || self.over
                    || self.pbx != Pbx::Obeys
                    || !self.channel.is_idle(),
                "the channel is never idle"
            );
        }
        assert!(
            self.channel.known.is_empty()
                || self.over
                || self.pbx != Pbx::Obeys
                || self.channel.reports_by_itself(),
            "a caller who is served no longer hears so"
        );
    }

    fn reply(&mut self, after: Option<Duration>, reply: Input) {
        self.asks = true;
        if let Some(after) = after {
            self.replies.push((self.now + after, reply));
        }
    }
}

pub(super) fn key_of(key: char) -> Key {
    match key {
        '*' => Key::Star,
        '#' => Key::Hash,
        'A' => Key::Letter,
        digit => Key::Digit(u8::try_from(digit).unwrap()),
    }
}
