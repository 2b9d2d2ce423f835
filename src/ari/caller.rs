//! Runs one call: feeds its dialog and carries out what the dialog says.
//!
//! One task a call, and in it one loop over the mailbox, Asterisk's answer to the command under
//! way, the store's reply and the dialog's deadline, so that a slow store or a slow Asterisk never
//! keeps the dialog from a key or a hang-up. Commands go out one after the other. When the dialog
//! is over, what the store has not committed is dropped with its future (`P13`).

use std::collections::VecDeque;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tracing::{Instrument, debug, info, warn};

use super::Chain;
use super::calls::News;
use super::event::wire_id;
use super::line::{Line, Live};
use super::playing::Playing;
use super::rest::RestError;
use crate::call::prompt::Prompt;
use crate::call::{Call, Input, LookUp, Output, PlaybackEnd, PlaybackId, Refusal};
use crate::clock;
use crate::number::Number;
use crate::store::audit::{Event, Outcome, Record, Source};

type Pending<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// Something for Asterisk to do, and when the key was pressed that led to it.
struct Command {
    what: What,
    keyed: Option<Instant>,
}

enum What {
    Answer,
    Play(PlaybackId, Vec<Prompt>),
    Stop(PlaybackId),
}

/// Who ended the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parting {
    /// The dialog, or nobody yet.
    Ours,
    /// The caller or Asterisk: the channel is gone or going.
    Theirs,
    /// Something broke: news were lost, or Asterisk does not do as it is told.
    Broken,
}

struct Caller {
    line: Arc<Line>,
    channel: Arc<str>,
    number: Option<Number>,
    contract: Option<Number>,
    call: Call,
    commands: VecDeque<Command>,
    sending: Pending<Result<(), RestError>>,
    playing: Playing,
    /// A playback that has begun, of which the dialog has yet to hear.
    begun: Option<PlaybackId>,
    asking: Pending<Input>,
    refusal: Option<JoinHandle<()>>,
    parting: Parting,
}

/// Runs the call of `channel`, which came in at `began`, to its end.
pub(crate) async fn run(
    counted: Live,
    channel: String,
    number: Option<Number>,
    mut news: Receiver<News>,
    began: Instant,
) {
    metrics::counter!("karipass_calls_started_total").increment(1);
    debug!("a call has come in");
    let line = Arc::clone(&counted.0);
    let (call, first) = Call::start(number, line.limits, began);
    let mut caller = Caller {
        line,
        channel: channel.into(),
        number,
        contract: None,
        call,
        commands: VecDeque::new(),
        sending: None,
        playing: Playing::default(),
        begun: None,
        asking: None,
        refusal: None,
        parting: Parting::Ours,
    };
    caller.carry_out(first, None);
    while let Some(deadline) = caller.call.deadline() {
        let (input, now) = caller.next(&mut news, deadline).await;
        let keyed = matches!(input, Input::Key(_)).then_some(now);
        let outputs = caller.call.handle(input, now);
        caller.carry_out(outputs, keyed);
    }
    drop(news);
    caller.part(began).await;
}

impl Caller {
    /// Waits for whatever concerns the dialog next.
    async fn next(&mut self, news: &mut Receiver<News>, deadline: Instant) -> News {
        loop {
            if let Some(begun) = self.begun.take() {
                return (Input::Started(begun), clock::now());
            }
            self.send_next();
            tokio::select! {
                biased;
                told = news.recv() => return self.told(told),
                answer = ready(&mut self.sending) => {
                    self.sending = None;
                    if let Some(input) = self.answered(answer) {
                        return (input, clock::now());
                    }
                }
                reply = ready(&mut self.asking) => {
                    self.asking = None;
                    return (self.replied(reply), clock::now());
                }
                () = tokio::time::sleep_until(deadline.into()) => {
                    return (Input::TimeOut, clock::now());
                }
            }
        }
    }

    fn told(&mut self, told: Option<News>) -> News {
        let Some((input, at)) = told else {
            self.parting = Parting::Broken;
            return (Input::HangUp, clock::now());
        };
        if let Input::HangUp = input {
            self.parting = Parting::Theirs;
        }
        if let Input::Finished(id, _) = input {
            self.begun = self.playing.finished(id);
        }
        (input, at)
    }

    /// What the dialog has to know of Asterisk's answer to the command that was under way.
    fn answered(&mut self, answer: Result<(), RestError>) -> Option<Input> {
        let Command { what, keyed } = self.commands.pop_front()?;
        if let Some(keyed) = keyed {
            let reaction = clock::now().saturating_duration_since(keyed);
            metrics::histogram!("karipass_key_reaction_seconds").record(reaction.as_secs_f64());
        }
        match (answer, what) {
            (Ok(()), What::Answer) => None,
            (Ok(()), What::Play(id, _)) => {
                self.begun = self.playing.accepted(id);
                None
            }
            (Ok(()), What::Stop(id)) => {
                self.begun = self.playing.removed(id);
                None
            }
            (Err(RestError::Gone), _) => {
                self.parting = Parting::Theirs;
                Some(Input::HangUp)
            }
            (Err(error), What::Play(id, _)) => {
                warn!(error = %Chain(&error), "a guidance could not be played");
                self.begun = self.playing.removed(id);
                Some(Input::Finished(id, PlaybackEnd::Failed))
            }
            (Err(error), What::Answer | What::Stop(_)) => {
                warn!(error = %Chain(&error), "a call is ended: it cannot be steered");
                self.parting = Parting::Broken;
                Some(Input::HangUp)
            }
        }
    }

    fn replied(&mut self, reply: Input) -> Input {
        if let Input::LookedUp(LookUp::Found(contract)) = &reply {
            self.contract = Some(contract.number);
        }
        reply
    }

    fn carry_out(&mut self, outputs: Vec<Output>, mut keyed: Option<Instant>) {
        for output in outputs {
            let what = match output {
                Output::Answer => What::Answer,
                Output::Play(id, prompts) => What::Play(id, prompts),
                Output::Stop(id) => What::Stop(id),
                Output::LookUp(number) => {
                    let found = Arc::clone(&self.line).look_up(number);
                    self.asking = Some(Box::pin(async { Input::LookedUp(found.await) }));
                    continue;
                }
                Output::Store(new) => {
                    let stored = Arc::clone(&self.line).store(new);
                    self.asking = Some(Box::pin(async { Input::Stored(stored.await) }));
                    continue;
                }
                Output::Abandon => {
                    self.asking = None;
                    continue;
                }
                Output::Refused(refusal) => {
                    self.record(refusal);
                    continue;
                }
                // The dialog is over with it, and parting hangs up.
                Output::HangUp => continue,
            };
            self.commands.push_back(Command { what, keyed: keyed.take() });
        }
    }

    /// Makes the first command's request, unless one is under way.
    fn send_next(&mut self) {
        if self.sending.is_some() {
            return;
        }
        let Some(command) = self.commands.front() else { return };
        if let What::Play(id, _) = command.what {
            self.playing.requested(id);
        }
        let (line, channel) = (Arc::clone(&self.line), Arc::clone(&self.channel));
        self.sending = Some(match &command.what {
            What::Answer => Box::pin(async move { line.rest.answer(&channel).await }),
            What::Play(id, prompts) => {
                let playback = wire_id(&channel, *id);
                let sounds: Vec<&str> = prompts.iter().flat_map(Prompt::media).collect();
                Box::pin(async move { line.rest.play(&channel, &playback, &sounds).await })
            }
            What::Stop(id) => {
                let playback = wire_id(&channel, *id);
                Box::pin(async move { line.rest.stop(&playback).await })
            }
        });
    }

    /// Leaves an audit row (`D3`), without keeping the caller waiting for it.
    fn record(&mut self, refusal: Refusal) {
        let record = Record {
            source: Source::Phone(self.number),
            event: Event::Call,
            outcome: match refusal {
                Refusal::NotAvailable => Outcome::NotAvailable,
                Refusal::WrongEntries => Outcome::WrongEntries,
            },
            login: None,
            contract: self.contract,
            unit: None,
        };
        let row = Arc::clone(&self.line).record(record);
        self.refusal = Some(tokio::spawn(row.in_current_span()));
    }

    /// The dialog is over: gives up what is under way, and hangs up unless the caller has.
    async fn part(mut self, began: Instant) {
        self.asking = None;
        if self.parting != Parting::Theirs {
            if let Some(under_way) = self.sending.take() {
                let _does_not_matter_any_more = under_way.await;
            }
            if let Err(error) = self.line.rest.hang_up(&self.channel).await {
                warn!(error = %Chain(&error), "a call could not be hung up; Asterisk's own limit will end it");
            }
        }
        let outcome = match self.parting {
            Parting::Broken => "broken",
            Parting::Ours | Parting::Theirs => {
                self.call.outcome().map_or("hung_up", crate::call::Outcome::as_str)
            }
        };
        let lasted = clock::now().saturating_duration_since(began);
        metrics::counter!("karipass_calls_ended_total", "outcome" => outcome).increment(1);
        metrics::histogram!("karipass_call_seconds").record(lasted.as_secs_f64());
        info!(outcome, duration_ms = lasted.as_millis(), "a call is over");
        if let Some(refusal) = self.refusal {
            let _only_awaited = refusal.await;
        }
    }
}

/// Waits for a pending future; for ever if there is none.
async fn ready<T>(pending_future: &mut Pending<T>) -> T {
    match pending_future {
        Some(future) => future.as_mut().await,
        None => pending().await,
    }
}
