//! Inputs of the dialog, in any order and at any time: more than a caller, a channel and a database
//! would produce.
//!
//! It uses `domain` alone. Its crate depends on the daemon too, since one program runs all targets.
//!
//! One byte for the caller, one for the unit in force, then one for each event: see
//! `ObservedCall::on_byte`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use domain::auth_unit::AuthUnit;
use domain::contract::{Contract, ContractLine};
use domain::dialog::prompt::Prompt;
use domain::dialog::{
    Call, ChannelCommand, Input, Key, Limits, LookupResult, NewTemporaryPassword, Outcome, Output,
    PlaybackEnd, PlaybackId, Press, StoreResult,
};
use domain::password::TemporaryPassword;
use domain::phone_number::PhoneNumber;
use domain::rules;

const CONTRACT: &str = "0312301230";
const ADDITIONAL: &str = "0312301231";
const WITHOUT_SERVICE: &str = "0312301232";
/// Whole entries: the bytes that select them, and their keys.
const ENTRIES: [(u8, &str); 7] = [
    (b'p', "45678910"),
    (b'q', "45678911"),
    (b'w', "4567#"),
    (b'c', "0312301230#"),
    (b'a', "0312301231#"),
    (b'o', "0312301232#"),
    (b'g', "1456789104567891"),
];
/// No state lasts longer, with the limits of `P11`.
const MAX_STATE_DURATION: Duration = Duration::from_mins(1);
/// No input has more outputs.
const MAX_OUTPUTS: usize = 16;
/// No call has more playbacks that it has not stopped and whose end it does not know.
const MAX_PLAYBACKS: usize = 64;
/// The length of each sound on the simulated channel.
const SOUND: Duration = Duration::from_secs(4);
/// The time from one key to the next.
const BETWEEN_KEYS: Duration = Duration::from_millis(150);
/// Longer inputs find nothing new.
const MAX_INPUTS: usize = 1000;

/// Feeds all inputs to one call, and then only time-outs until it is over.
pub fn run(bytes: &[u8]) {
    let [who, unit, bytes @ ..] = bytes else { return };
    let caller =
        [None, Some(CONTRACT), Some(ADDITIONAL), Some(WITHOUT_SERVICE)][usize::from(who % 4)];
    let unit = [None, Some(AuthUnit::Line), Some(AuthUnit::Number), Some(AuthUnit::AdminUser)]
        [usize::from(unit % 4)];
    let mut observed = ObservedCall::ring(caller.map(number), unit);
    let mut bytes = bytes.iter().take(MAX_INPUTS).copied();
    while let Some(what) = bytes.next() {
        observed.on_byte(what, &mut bytes);
    }
    observed.run_to_end();
}

/// A call, with its state as seen from outside.
#[expect(clippy::struct_excessive_bools, reason = "each holds or not, whatever the others do")]
struct ObservedCall {
    call: Call,
    caller: Option<PhoneNumber>,
    unit: Option<AuthUnit>,
    began: Instant,
    now: Instant,
    answered: bool,
    over: bool,
    /// Every id that was played, in order.
    played: Vec<PlaybackId>,
    /// The rest of the channel's queue, and when its first playback started.
    queue: VecDeque<(PlaybackId, usize)>,
    started: Option<Instant>,
    connected: bool,
    keyed: String,
    /// When the last key was released; if keys arrive at once, the last one's time is in the
    /// future.
    released: Instant,
    hash_ahead: Option<TemporaryPassword>,
    stored: StoreProgress,
    held: bool,
}

/// The progress of the call's single storing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoreProgress {
    Nothing,
    Asked,
    /// Refused, failed or abandoned.
    Not,
    Committed,
}

impl ObservedCall {
    fn ring(caller: Option<PhoneNumber>, unit: Option<AuthUnit>) -> Self {
        let limits = Limits {
            first_digit: rules::FIRST_DIGIT_TIMEOUT,
            inter_digit: rules::INTER_DIGIT_TIMEOUT,
            call: rules::MAX_CALL_DURATION,
        };
        let now = Instant::now();
        let (call, outputs) = Call::start(caller, limits, now);
        let mut observed = Self {
            call,
            caller,
            unit,
            began: now,
            now,
            answered: false,
            over: false,
            played: Vec::new(),
            queue: VecDeque::new(),
            started: None,
            connected: true,
            keyed: String::new(),
            released: now,
            hash_ahead: None,
            stored: StoreProgress::Nothing,
            held: false,
        };
        observed.carry_out(outputs);
        observed
    }

    fn on_byte(&mut self, what: u8, more: &mut impl Iterator<Item = u8>) {
        let mut playback = || PlaybackId(more.next().unwrap_or_default().into());
        match what {
            b'0'..=b'9' | b'*' | b'#' | b'A' => self.press(what),
            b's' => self.feed(Input::Started(playback())),
            b'd' => self.feed(Input::Finished(playback(), PlaybackEnd::Done)),
            b'f' => self.feed(Input::Finished(playback(), PlaybackEnd::Failed)),
            b'e' => self.channel(PlaybackEnd::Done),
            b'E' => self.channel(PlaybackEnd::Failed),
            b'l' => self.feed(Input::LookedUp(LookupResult::Found(Box::new(contract(self.unit))))),
            b'u' => self.feed(Input::LookedUp(LookupResult::Unknown)),
            b'x' => self.feed(Input::LookedUp(LookupResult::Unreachable)),
            b'S' => self.feed(Input::Stored(StoreResult::Stored)),
            b'R' => self.feed(Input::Stored(StoreResult::Refused)),
            b'X' => self.feed(Input::Stored(StoreResult::Unreachable)),
            b'T' => self.feed(Input::Timeout),
            b't' => self.reach_deadline(),
            b'k' => {
                self.connected = false;
                self.feed(Input::Disconnected);
            }
            b'K' => {
                self.connected = true;
                (self.queue, self.started) = (VecDeque::new(), None);
                self.feed(Input::Reconnected);
            }
            b'H' => {
                self.held = true;
                self.feed(Input::Held);
            }
            b'U' => {
                self.held = false;
                self.feed(Input::Unheld);
            }
            b'h' => self.feed(Input::HangUp),
            b' ' => self.wait(Duration::from_millis(100)),
            b'.' => self.wait(Duration::from_secs(1)),
            b'_' => self.wait(Duration::from_secs(9)),
            _ => {
                let entry = ENTRIES.iter().find(|(byte, _)| *byte == what);
                entry.iter().flat_map(|(_, keys)| keys.bytes()).for_each(|key| self.press(key));
            }
        }
    }

    fn press(&mut self, key: u8) {
        self.keyed.push(char::from(key));
        let key = match key {
            b'*' => Key::Star,
            b'#' => Key::Hash,
            b'A' => Key::Letter,
            digit => Key::Digit(digit),
        };
        let pressed = self.now.max(self.released + BETWEEN_KEYS / 3);
        self.released = pressed + BETWEEN_KEYS * 2 / 3;
        self.feed(Input::Key(Press { key, pressed, released: self.released }));
    }

    /// The next event that a channel would send by itself.
    fn channel(&mut self, end: PlaybackEnd) {
        let Some((head, sounds)) = self.queue.front().copied() else { return };
        match self.started {
            None if end == PlaybackEnd::Done => {
                self.started = Some(self.now);
                self.feed(Input::Started(head));
            }
            Some(_) | None => {
                let lasts = u32::try_from(sounds).unwrap() * SOUND;
                self.queue.pop_front();
                if let Some(started) = self.started.take() {
                    self.wait_until(started + lasts);
                }
                self.feed(Input::Finished(head, end));
            }
        }
    }

    fn reach_deadline(&mut self) {
        if let Some(deadline) = self.call.deadline() {
            self.now = self.now.max(deadline);
            self.feed(Input::Timeout);
            let next = self.call.deadline();
            assert!(next.is_none_or(|next| next > self.now), "a time-out leads on");
        }
    }

    /// Moves time, and reports a time-out that is due.
    fn wait(&mut self, time: Duration) {
        self.wait_until(self.now + time);
    }

    fn wait_until(&mut self, until: Instant) {
        while self.call.deadline().is_some_and(|deadline| deadline <= until) {
            self.reach_deadline();
        }
        self.now = self.now.max(until);
    }

    /// From here on only time-outs are reported, and the call ends soon, with an outcome.
    fn run_to_end(&mut self) {
        let longest = (rules::MAX_CALL_DURATION + MAX_STATE_DURATION).max(self.now - self.began);
        for _ in 0..100 {
            self.reach_deadline();
        }
        assert!(self.over, "left alone it ends");
        assert!(self.now - self.began <= longest + 3 * MAX_STATE_DURATION, "in time");
        let outcome = self.call.outcome();
        assert_eq!(
            outcome == Some(Outcome::Stored),
            self.stored == StoreProgress::Committed,
            "{outcome:?}"
        );
    }

    fn feed(&mut self, input: Input) {
        let was_over = self.over;
        if let Input::Stored(reply) = &input
            && self.stored == StoreProgress::Asked
            && !was_over
        {
            let commits = *reply == StoreResult::Stored;
            self.stored = if commits { StoreProgress::Committed } else { StoreProgress::Not };
        }
        self.over |= matches!(input, Input::HangUp);
        let outputs = self.call.handle(input, self.now);
        assert!(outputs.len() <= MAX_OUTPUTS, "{outputs:?}");
        assert!(!was_over || outputs.is_empty(), "nothing is asked of a call that is over");
        self.carry_out(outputs);
        let deadline = self.call.deadline();
        assert_eq!(deadline.is_none(), self.over, "a live call has a deadline, and no other");
        let latest = if self.connected && !self.held {
            self.now + MAX_STATE_DURATION
        } else {
            self.now.max(self.began + rules::MAX_CALL_DURATION) + MAX_STATE_DURATION
        };
        assert!(deadline.is_none_or(|at| at <= latest), "no state lasts for ever");
        assert!(!self.over || self.call.outcome().is_some(), "what is over has an outcome");
        let shown = without_times(&format!("{:?}", self.call));
        assert!(!shown.contains("4567891"), "no digit of a password is shown: {shown}");
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Channel(ChannelCommand::Answer) => {
                    assert!(!self.answered, "a call is answered once");
                    self.answered = true;
                }
                Output::Channel(ChannelCommand::Play(id, prompts)) => self.on_play(id, &prompts),
                Output::Channel(ChannelCommand::Stop(id)) => {
                    assert!(self.played.contains(&id), "only what was played is stopped");
                    if self.queue.front().is_some_and(|(head, _)| *head == id) {
                        self.started = None;
                    }
                    self.queue.retain(|(queued, _)| *queued != id);
                }
                Output::LookUpContract(asked) => assert_eq!(Some(asked), self.caller),
                Output::HashAhead(password) => self.hash_ahead = Some(password),
                Output::DiscardHash => self.hash_ahead = None,
                Output::Store(new) => self.on_store(&new),
                Output::CancelPending if self.stored == StoreProgress::Asked => {
                    self.stored = StoreProgress::Not;
                }
                Output::CancelPending | Output::Audit(_) => {}
                Output::HangUp => self.over = true,
            }
        }
    }

    fn on_play(&mut self, id: PlaybackId, prompts: &[Prompt]) {
        assert!(self.answered && !self.over, "only a live, answered call is played to");
        assert!(!prompts.is_empty() && !self.played.contains(&id), "an id names one playback");
        let completed = prompts.iter().any(|prompt| matches!(prompt, Prompt::Completed(_)));
        assert!(
            !completed || self.stored == StoreProgress::Committed,
            "P9: never completed for what is not stored"
        );
        self.played.push(id);
        self.queue.push_back((id, prompts.len()));
        assert!(self.queue.len() <= MAX_PLAYBACKS, "playbacks pile up");
    }

    fn on_store(&mut self, new: &NewTemporaryPassword) {
        assert_eq!(self.stored, StoreProgress::Nothing, "a call stores once");
        self.stored = StoreProgress::Asked;
        let password = str::from_utf8(new.password.expose()).unwrap();
        assert!(self.keyed.matches(password).count() >= 2, "P8: keyed twice");
        let hash_ahead = self.hash_ahead.take();
        assert!(hash_ahead.is_some_and(|ahead| ahead.matches(&new.password)), "its own hash");
        let contract = contract(self.unit);
        assert_eq!((Some(new.caller), new.contract_number), (self.caller, contract.number));
        assert!(
            contract.may_set(new.caller, new.unit, new.login_number),
            "P4, P5, P6, P14: {new:?}"
        );
    }
}

fn number(text: &str) -> PhoneNumber {
    text.parse().unwrap()
}

fn contract(unit: Option<AuthUnit>) -> Contract {
    let row = |text, service| ContractLine { number: number(text), has_service: service };
    Contract {
        number: number(CONTRACT),
        lines: vec![row(CONTRACT, true), row(ADDITIONAL, true), row(WITHOUT_SERVICE, false)],
        unit,
        suspended: false,
        version: 0,
    }
}

/// The same without nanoseconds, whose digits are arbitrary.
fn without_times(shown: &str) -> String {
    let parts = shown.split("tv_nsec: ");
    parts.map(|part| part.trim_start_matches(|letter: char| letter.is_ascii_digit())).collect()
}
