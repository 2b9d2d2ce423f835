//! One caller: somebody with a script, who reacts to what is heard.
//!
//! At the menu the unit is keyed, at the number's first digit the password, at the confirmation the
//! password again. A caller who hears the menu again starts again. One who is asked for the
//! password again hears it out, since the last key may have begun another try. One who hears an
//! apology, or nothing for long, is done. Every call is written down as its caller lived it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use karipass_lab::sounds;
use karipass_lab::subscriber::hearing::Heard;
use karipass_lab::subscriber::{Caller, Ending, Line, NextSound, Subscriber};

use crate::ledger::SILENCE;

/// From the beginning of one thing heard to that of the next, before the caller gives up: the
/// longest guidance and a silence that breaks every rule.
const PATIENCE: Duration = Duration::from_secs(30);
/// From hearing to keying.
const REACTION: Duration = Duration::from_millis(300);
/// How long a caller waits for the hang-up after the last prompt: a little longer than the longest
/// silence, so that a longer one is noticed.
const OVER_TIMEOUT: Duration = SILENCE.saturating_add(Duration::from_secs(3));
/// How long such a caller listens to whatever else begins.
const LISTENS_FOR: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A line that is dead does not answer; then the call is given up all the same.
const HANG_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// How a call ended for its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// `completed` was heard.
    Completed,
    /// An apology was heard: `trouble`, `not-available`, `redial`.
    Apology(String),
    /// The caller hung up before the confirmation, as planned.
    ChangedMind,
    /// The caller hung up, since nothing more was heard.
    GaveUp,
    /// The line hung up without a word.
    CutOff,
    /// Never answered.
    NotAnswered(String),
}

/// A call as its caller lived it.
#[derive(Debug, Clone)]
pub struct Call {
    pub number: String,
    pub password: String,
    pub placed: Instant,
    pub answered: Option<Instant>,
    /// All that was heard.
    pub heard: Vec<Heard>,
    /// What was keyed, and when the last key was released; a password as `•`.
    pub keyed: Vec<(&'static str, Instant)>,
    /// When the last digit of the confirmation was released: again for each time that the line
    /// began again.
    pub confirmed: Vec<Instant>,
    /// Each entry's last release but the confirmation's, and from it to the next guidance.
    pub reactions: Vec<(Instant, Duration)>,
    pub end: End,
    pub over: Instant,
}

impl Call {
    /// The longest time in which nothing was heard, and when it began: from the answer to the end.
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
        let trouble = Some(&self.end).filter(|end| **end == End::Apology("trouble".to_owned()));
        let heard = trouble.and_then(|_| self.heard.iter().find(|heard| heard.is("trouble")))?;
        let since = self.confirmed.iter().rfind(|at| **at < heard.started).unwrap_or(&self.placed);
        Some(heard.started.saturating_duration_since(*since))
    }

    /// From placing the call to the first thing heard.
    pub fn first_heard_after(&self) -> Option<Duration> {
        self.heard.first().map(|heard| heard.started.saturating_duration_since(self.placed))
    }

    /// For people to read: what was heard and keyed, in seconds of `begin`.
    pub fn describe(&self, begin: Instant) -> String {
        let mut news: Vec<(Instant, String)> =
            vec![(self.placed, format!("{} calls", self.number))];
        news.extend(self.answered.map(|at| (at, "answered".to_owned())));
        for heard in &self.heard {
            news.push((heard.started, heard.name()));
        }
        for (keys, at) in &self.keyed {
            news.push((*at, format!("keyed {keys}")));
        }
        news.push((self.over, format!("{:?}", self.end)));
        news.sort_by_key(|(at, _)| *at);
        let news = news.into_iter().map(|(at, what)| {
            format!("{:.2} {what}", at.saturating_duration_since(begin).as_secs_f64())
        });
        news.collect::<Vec<_>>().join(", ")
    }
}

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Menu,
    Password,
    Confirmation,
    Outcome,
}

/// A caller with a plan.
pub struct Person {
    pub number: String,
    pub password: String,
    pub plan: Plan,
}

/// What a caller means to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Sets a password and listens until the line hangs up.
    Listens,
    /// The same, but hangs up on hearing that it is done.
    HurriesOff,
    /// Hangs up in place of confirming.
    ChangesMind,
}

impl Person {
    /// Calls, and returns what came of it.
    pub fn call(self, line: &Line) -> Call {
        let Self { number, password, plan } = self;
        let placed = Instant::now();
        let called = Caller::asserted(&number).call(line);
        let mut call = Call {
            number,
            password,
            placed,
            answered: None,
            heard: Vec::new(),
            keyed: Vec::new(),
            confirmed: Vec::new(),
            reactions: Vec::new(),
            end: End::CutOff,
            over: placed,
        };
        match called {
            Ok(subscriber) => Talk::new(&mut call, subscriber, plan).hold(),
            Err(error) => call.end = End::NotAnswered(error.to_string()),
        }
        if let End::NotAnswered(_) = call.end {
            call.over = Instant::now();
        }
        call
    }
}

struct Talk<'a> {
    call: &'a mut Call,
    subscriber: Subscriber,
    plan: Plan,
    stage: Stage,
    /// Whole passwords keyed since the menu was last heard.
    passwords: usize,
    /// The key's release whose answer is still to be heard.
    waiting: Option<Instant>,
}

impl<'a> Talk<'a> {
    fn new(call: &'a mut Call, subscriber: Subscriber, plan: Plan) -> Self {
        let stage = Stage::Menu;
        Self { call, subscriber, plan, stage, passwords: 0, waiting: None }
    }

    fn hold(mut self) {
        let mut end = self.talk();
        let hung_up = Instant::now();
        if self.subscriber.ending().is_none() {
            drop(self.subscriber.hang_up_within(HANG_UP_TIMEOUT));
            // What was cut short has an end only once the call is over.
            while let NextSound::Begins(_) = self.subscriber.listen_for(HANG_UP_TIMEOUT) {}
        }
        let (answered, over) = self.subscriber.times();
        if self.subscriber.ending() == Some(Ending::Refused) {
            end = End::NotAnswered("refused".to_owned());
        }
        self.call.answered = answered;
        self.call.over = over.unwrap_or(hung_up);
        self.call.heard = self.subscriber.heard();
        self.call.end = end;
    }

    /// Until the call is over for the caller.
    fn talk(&mut self) -> End {
        loop {
            let heard = match self.subscriber.listen_for(PATIENCE) {
                NextSound::Begins(heard) => heard,
                NextSound::Over => return End::CutOff,
                NextSound::Nothing => return End::GaveUp,
            };
            self.note_reaction(&heard);
            let name = heard.name();
            match name.as_str() {
                "completed" if self.plan == Plan::HurriesOff => return End::Completed,
                "completed" => return self.listen_to_the_end(End::Completed),
                "trouble" | "not-available" | "redial" => {
                    return self.listen_to_the_end(End::Apology(name));
                }
                // The guidance comes again; until then nobody knows what is asked for.
                "invalid" => {}
                _ if self.is_left_over(&heard, &name) => {}
                "confirm-password"
                    if self.plan == Plan::ChangesMind && self.stage == Stage::Confirmation =>
                {
                    return End::ChangedMind;
                }
                _ => self.react(&name),
            }
        }
    }

    /// What began while its answer was being keyed already.
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
            // What follows is the database's time, not the dialog's.
            self.waiting = None;
        }
        self.stage = next;
    }

    fn key(&mut self, keys: &str, shown: &'static str) {
        sleep(REACTION);
        // A caller who is hung up on meanwhile notices by listening on.
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

    /// Whatever else begins: the same again, an apology, or all of it from another daemon.
    fn listen_to_the_end(&mut self, end: End) -> End {
        let until = Instant::now() + LISTENS_FOR;
        while Instant::now() < until && !self.is_silent_for(OVER_TIMEOUT) {
            if self.subscriber.listen_for(POLL_INTERVAL) == NextSound::Over {
                break;
            }
        }
        end
    }

    /// Whether what was last heard ended so long ago.
    fn is_silent_for(&self, long: Duration) -> bool {
        let heard = self.subscriber.heard();
        let last = heard.last().filter(|last| last.started.elapsed() >= long);
        last.is_some_and(|last| {
            // If no packet follows, none is known to have been the last.
            let ended = last.ended.unwrap_or_else(|| last.started + length(last.names[0]));
            ended.elapsed() >= long
        })
    }
}

fn length(sound: &str) -> Duration {
    let samples = sounds::samples(sound).expect("the sound that was heard").len();
    Duration::from_secs(samples as u64) / sounds::RATE
}
