//! One caller: a person with a script, who reacts to what is heard.
//!
//! The caller keys the unit at the menu, the password at the number's first digit, and the password
//! again at the confirmation. After another menu the caller starts again. If the line asks for the
//! password again, the caller hears it out, since the last key may have begun another attempt.
//! After an apology, or a long silence, the caller is done. Every call is recorded from its
//! caller's side.

use std::thread::sleep;
use std::time::{Duration, Instant};

use karipass_lab::sounds;
use karipass_lab::subscriber::hearing::Heard;
use karipass_lab::subscriber::{Caller, Ending, Line, NextSound, Subscriber};

/// Longer than any guidance.
const GUIDANCE: Duration = Duration::from_secs(20);
/// From hearing to keying.
const REACTION: Duration = Duration::from_millis(300);
/// How much longer than their patience callers wait for the hang-up after the last prompt, so that
/// the silence is noticed.
const MARGIN: Duration = Duration::from_secs(3);
/// How long such a caller listens to any further prompts.
const LISTENS_FOR: Duration = Duration::from_mins(2);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A dead line does not answer; the call is then given up.
const HANG_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// How a call ended for its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// `completed` was heard.
    Completed,
    /// An apology was heard: `trouble`, `not-available`, `redial`.
    Apology(String),
    /// The caller hung up before the confirmation, as planned.
    ChangedMind,
    /// The caller hung up after a long silence.
    GaveUp,
    /// The line hung up without a word.
    CutOff,
    /// Never answered.
    NotAnswered(String),
}

/// A call from its caller's side.
#[derive(Debug, Clone)]
pub struct CallRecord {
    pub number: String,
    pub password: String,
    pub placed: Instant,
    pub answered: Option<Instant>,
    /// All prompts heard.
    pub heard: Vec<Heard>,
    /// What was keyed, and when the last key was released; a password as `•`.
    pub keyed: Vec<(&'static str, Instant)>,
    /// When the last digit of the confirmation was released: again for each time that the line
    /// began again.
    pub confirmed: Vec<Instant>,
    /// The last release of each entry, except the confirmation, with the time to the next guidance.
    pub reactions: Vec<(Instant, Duration)>,
    pub outcome: CallOutcome,
    pub over: Instant,
}

impl CallRecord {
    /// The longest silence, and when it began: from the answer to the end.
    pub fn longest_silence(&self) -> (Duration, Instant) {
        let Some(mut silent_since) = self.answered else { return (Duration::ZERO, self.placed) };
        let mut longest = (Duration::ZERO, silent_since);
        for heard in &self.heard {
            let silence = heard.started.saturating_duration_since(silent_since);
            longest = longest.max((silence, silent_since));
            silent_since = silent_since.max(heard.ended.unwrap_or(self.over));
        }
        let silence = self.over.saturating_duration_since(silent_since);
        longest.max((silence, silent_since))
    }

    /// From the confirmation, or else from placing the call, to the `trouble` that ended it.
    pub fn apologised_after(&self) -> Option<Duration> {
        let trouble = Some(&self.outcome)
            .filter(|outcome| **outcome == CallOutcome::Apology("trouble".to_owned()));
        let heard = trouble.and_then(|_| self.heard.iter().find(|heard| heard.is("trouble")))?;
        let since = self.confirmed.iter().rfind(|at| **at < heard.started).unwrap_or(&self.placed);
        Some(heard.started.saturating_duration_since(*since))
    }

    /// Whether the first prompt was the apology.
    pub fn is_turned_away(&self) -> bool {
        self.heard.first().is_some_and(|heard| heard.is("trouble"))
    }

    /// From placing the call to the first prompt.
    pub fn first_heard_after(&self) -> Option<Duration> {
        self.heard.first().map(|heard| heard.started.saturating_duration_since(self.placed))
    }

    /// The prompts and keys with their times in seconds since `begin`, as text.
    pub fn describe(&self, begin: Instant) -> String {
        let mut events: Vec<(Instant, String)> =
            vec![(self.placed, format!("{} calls", self.number))];
        events.extend(self.answered.map(|at| (at, "answered".to_owned())));
        for heard in &self.heard {
            events.push((heard.started, heard.name()));
        }
        for (keys, at) in &self.keyed {
            events.push((*at, format!("keyed {keys}")));
        }
        events.push((self.over, format!("{:?}", self.outcome)));
        events.sort_by_key(|(at, _)| *at);
        let events = events.into_iter().map(|(at, what)| {
            format!("{:.2} {what}", at.saturating_duration_since(begin).as_secs_f64())
        });
        events.collect::<Vec<_>>().join(", ")
    }
}

/// The caller's next act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Menu,
    Password,
    Confirmation,
    Outcome,
}

/// A caller with all that the call needs.
pub struct Person {
    pub number: String,
    pub password: String,
    pub behaviour: Behaviour,
    /// The longest silence before the caller gives up.
    pub patience: Duration,
}

/// How a caller leaves the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Sets a password and listens until the line hangs up.
    Listens,
    /// The same, but hangs up on hearing that it is done.
    HurriesOff,
    /// Hangs up in place of confirming.
    ChangesMind,
}

impl Person {
    /// Places the call, and returns it after its end.
    pub fn call(self, line: &Line) -> CallRecord {
        let Self { number, password, behaviour, patience } = self;
        let placed = Instant::now();
        let called = Caller::asserted(&number).call(line);
        let mut call = CallRecord {
            number,
            password,
            placed,
            answered: None,
            heard: Vec::new(),
            keyed: Vec::new(),
            confirmed: Vec::new(),
            reactions: Vec::new(),
            outcome: CallOutcome::CutOff,
            over: placed,
        };
        match called {
            Ok(subscriber) => Talk::new(&mut call, subscriber, behaviour, patience).hold(),
            Err(error) => call.outcome = CallOutcome::NotAnswered(error.to_string()),
        }
        if let CallOutcome::NotAnswered(_) = call.outcome {
            call.over = Instant::now();
        }
        call
    }
}

struct Talk<'a> {
    call: &'a mut CallRecord,
    subscriber: Subscriber,
    behaviour: Behaviour,
    patience: Duration,
    stage: Stage,
    /// Whole passwords keyed since the menu was last heard.
    passwords: usize,
    /// The release of the key whose answer has not been heard yet.
    waiting: Option<Instant>,
}

impl<'a> Talk<'a> {
    fn new(
        call: &'a mut CallRecord,
        subscriber: Subscriber,
        behaviour: Behaviour,
        patience: Duration,
    ) -> Self {
        let stage = Stage::Menu;
        Self { call, subscriber, behaviour, patience, stage, passwords: 0, waiting: None }
    }

    fn hold(mut self) {
        let mut outcome = self.talk();
        let hung_up = Instant::now();
        if self.subscriber.ending().is_none() {
            drop(self.subscriber.hang_up_within(HANG_UP_TIMEOUT));
            // An interrupted prompt has an end only once the call is over.
            while let NextSound::Begins(_) = self.subscriber.listen_for(HANG_UP_TIMEOUT) {}
        }
        let (answered, over) = self.subscriber.times();
        if self.subscriber.ending() == Some(Ending::Refused) {
            outcome = CallOutcome::NotAnswered("refused".to_owned());
        }
        self.call.answered = answered;
        self.call.over = over.unwrap_or(hung_up);
        self.call.heard = self.subscriber.heard();
        self.call.outcome = outcome;
    }

    /// Talks until the call is over for the caller.
    fn talk(&mut self) -> CallOutcome {
        loop {
            let heard = match self.subscriber.listen_for(GUIDANCE + self.patience) {
                NextSound::Begins(heard) => heard,
                NextSound::Over => return CallOutcome::CutOff,
                NextSound::Nothing => return CallOutcome::GaveUp,
            };
            self.note_reaction(&heard);
            let name = heard.name();
            match name.as_str() {
                "completed" if self.behaviour == Behaviour::HurriesOff => {
                    return CallOutcome::Completed;
                }
                "completed" => return self.listen_to_the_end(CallOutcome::Completed),
                "trouble" | "not-available" | "redial" => {
                    return self.listen_to_the_end(CallOutcome::Apology(name));
                }
                // The guidance is repeated; until then the next question is unknown.
                "invalid" => {}
                _ if self.is_left_over(&heard, &name) => {}
                "confirm-password"
                    if self.behaviour == Behaviour::ChangesMind
                        && self.stage == Stage::Confirmation =>
                {
                    return CallOutcome::ChangedMind;
                }
                _ => self.react(&name),
            }
        }
    }

    /// A prompt that began while its answer was already being keyed.
    fn is_left_over(&self, heard: &Heard, name: &str) -> bool {
        let reads = name.starts_with("digits/") || name.ends_with("-password");
        let keyed = self.subscriber.released().is_some_and(|released| heard.started < released);
        keyed
            && match self.stage {
                Stage::Menu | Stage::Password => name == "menu",
                Stage::Confirmation => reads && name != "confirm-password",
                Stage::Outcome => reads,
            }
    }

    fn react(&mut self, name: &str) {
        match (name, self.stage) {
            ("menu", _) => {
                self.passwords = 0;
                self.key("1", "1");
                self.stage = Stage::Password;
            }
            ("set-password" | "register-password", _) => self.key_password(Stage::Confirmation),
            ("confirm-password", _) => self.key_password(Stage::Outcome),
            (digit, Stage::Password) if digit.starts_with("digits/") => {
                self.key_password(Stage::Confirmation);
            }
            _ => {}
        }
    }

    fn key_password(&mut self, next: Stage) {
        let password = self.call.password.clone();
        self.key(&password, "••••••••");
        self.passwords += 1;
        if self.passwords > 1 {
            self.call.confirmed.extend(self.subscriber.released());
            // The next wait is the database's, not the dialog's.
            self.waiting = None;
        }
        self.stage = next;
    }

    fn key(&mut self, keys: &str, shown: &'static str) {
        sleep(REACTION);
        // A caller who is hung up on meanwhile notices it by listening on.
        drop(self.subscriber.key_password(keys).map(drop));
        if let Some(released) = self.subscriber.released() {
            self.call.keyed.push((shown, released));
            self.waiting = Some(released);
        }
    }

    fn note_reaction(&mut self, heard: &Heard) {
        if let Some(released) = self.waiting.filter(|released| heard.started > *released) {
            self.waiting = None;
            self.call.reactions.push((released, heard.started - released));
        }
    }

    /// Listens to anything else that begins: a repetition, an apology, or another daemon from the
    /// start.
    fn listen_to_the_end(&mut self, outcome: CallOutcome) -> CallOutcome {
        let until = Instant::now() + LISTENS_FOR;
        while Instant::now() < until && !self.is_silent_for(self.patience + MARGIN) {
            if self.subscriber.listen_for(POLL_INTERVAL) == NextSound::Over {
                break;
            }
        }
        outcome
    }

    /// Whether the last prompt ended this long ago.
    fn is_silent_for(&self, long: Duration) -> bool {
        let heard = self.subscriber.heard();
        let last = heard.last().filter(|last| last.started.elapsed() >= long);
        last.is_some_and(|last| {
            // Without a following packet, none is known to have been the last.
            let length = || sounds::length(last.names[0]).expect("the sound that was heard");
            let ended = last.ended.unwrap_or_else(|| last.started + length());
            ended.elapsed() >= long
        })
    }
}
