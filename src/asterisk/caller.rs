//! Runs one call: feeds its dialog and carries out what the dialog says.
//!
//! One task a call, and in it one loop over the mailbox, the reports of its [`Orders`], the store's
//! reply and the dialog's deadline, so that a slow store or a slow Asterisk never keeps the dialog
//! from a key or a hang-up. When the dialog is over, what the store has not committed is dropped with
//! its future (`P13`).

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tracing::{Instrument, debug, info, warn};

use super::Chain;
use super::calls::News;
use super::ending::{End, decline, let_go};
use super::event::{Identity, Parting, Slot, Word};
use super::media::Media;
use super::orders::{Orders, Pending, Report, What, ready};
use super::pbx::Pbx;
use super::pbx_time::PbxTime;
use super::places::{Holder, Place};
use super::rest::RestError;
use crate::clock;
use crate::db::audit::{Event, Outcome, Record, Source};
use crate::metrics::{CALL_DURATION, CALLS_ENDED, CALLS_STARTED};
use domain::dialog::{
    Call, Input, LookupResult, NewTemporaryPassword, Output, PlaybackEnd, Press, Refusal,
    StoreResult,
};
use domain::phone_number::PhoneNumber;

/// A call as it comes to this daemon.
pub(crate) struct Arrival {
    pub(crate) channel: String,
    pub(crate) identity: Identity,
    /// Another process may have played something on it.
    pub(crate) adopted: bool,
    pub(crate) at: Instant,
}

struct Caller {
    pbx: Arc<Pbx>,
    channel: Arc<str>,
    number: Option<PhoneNumber>,
    contract: Option<PhoneNumber>,
    call: Call,
    orders: Orders,
    asking: Pending<Reply>,
    refusal: Option<JoinHandle<()>>,
    parting: Parting,
    time: PbxTime,
    place: Place,
}

/// What comes of something that the dialog waits for.
enum Reply {
    Input(Input),
    /// The call's media are not its trunk's.
    ForeignMedia,
}

/// Runs a call to its end.
pub(crate) async fn run(
    pbx: Arc<Pbx>,
    mut place: Place,
    arrival: Arrival,
    mut news: Receiver<News>,
) {
    metrics::counter!(CALLS_STARTED).increment(1);
    debug!(adopted = arrival.adopted, "a call has come in");
    let channel: Arc<str> = arrival.channel.into();
    let number = match ready_for_dialog(&pbx, &channel, arrival.identity, arrival.adopted).await {
        Ok(number) => number,
        Err(error) => {
            warn!(error = %Chain(&error), "a call is sent on: Asterisk does not tell whose it is");
            return decline(&pbx, &channel, arrival.adopted, &mut news).await;
        }
    };
    let holder = number.map(Holder::Caller).filter(|_| !arrival.adopted);
    if holder.is_some_and(|holder| !place.takes_share_of(holder)) {
        return decline(&pbx, &channel, arrival.adopted, &mut news).await;
    }
    let (call, first) = Call::start(number, pbx.line.limits, clock::now());
    let mut caller = Caller {
        orders: Orders::new(Arc::clone(&pbx), Arc::clone(&channel)),
        pbx,
        channel,
        number,
        contract: None,
        call,
        asking: None,
        refusal: None,
        parting: Parting::Ours,
        time: PbxTime::default(),
        place,
    };
    caller.carry_out(first, None);
    while let Some(deadline) = caller.call.deadline() {
        let (input, now) = caller.next(&mut news, deadline).await;
        let keyed = matches!(input, Input::Key(_)).then_some(now);
        let outputs = caller.call.handle(input, now);
        caller.carry_out(outputs, keyed);
    }
    caller.part(arrival.at, news).await;
}

/// Whose call it is, once nothing of another process plays on it.
async fn ready_for_dialog(
    pbx: &Pbx,
    channel: &str,
    identity: Identity,
    adopted: bool,
) -> Result<Option<PhoneNumber>, RestError> {
    if adopted {
        pbx.rest.clear(channel, Slot::all()).await?;
    }
    match identity {
        Identity::Told(number) => Ok(number),
        Identity::OnChannel => pbx.rest.identity(channel).await,
    }
}

/// Stores a temporary password, unless the call's media are not its trunk's, or nobody's yet.
async fn store(pbx: Arc<Pbx>, channel: Arc<str>, new: NewTemporaryPassword) -> Reply {
    match pbx.media(&channel).await {
        Ok(Media::Own) => Reply::Input(Input::Stored(Arc::clone(&pbx.line).store(new).await)),
        Ok(Media::Unknown | Media::Foreign) => Reply::ForeignMedia,
        Err(error) => {
            warn!(error = %Chain(&error), "could not read the media address of a call; storing nothing");
            Reply::Input(Input::Stored(StoreResult::Unreachable))
        }
    }
}

impl Caller {
    /// Waits for whatever concerns the dialog next.
    async fn next(&mut self, news: &mut Receiver<News>, deadline: Instant) -> (Input, Instant) {
        loop {
            let input = tokio::select! {
                biased;
                told = news.recv() => {
                    let broken = || (Word::Over(Parting::Broken), clock::now());
                    let (word, at) = told.unwrap_or_else(broken);
                    self.told(word, at).map(|input| (input, at))
                }
                report = self.orders.report() => Some((self.reported(report), clock::now())),
                reply = ready(&mut self.asking) => {
                    self.asking = None;
                    Some((self.replied(reply), clock::now()))
                }
                () = tokio::time::sleep_until(deadline.into()) => {
                    Some((Input::Timeout, clock::now()))
                }
            };
            if let Some(input) = input {
                return input;
            }
        }
    }

    /// What a word of Asterisk means for the dialog.
    fn told(&mut self, word: Word, at: Instant) -> Option<Input> {
        match word {
            Word::Key(key, held, told_at) => {
                let released = self.time.instant(told_at, at);
                let pressed = released.checked_sub(held).unwrap_or(released);
                Some(Input::Key(Press { key, pressed, released }))
            }
            Word::Held => Some(Input::Held),
            Word::Unheld => Some(Input::Unheld),
            Word::Finished(slot, end) => {
                self.orders.finished(slot).map(|id| Input::Finished(id, end))
            }
            Word::CutOff => {
                self.orders.is_cut_off();
                Some(Input::Disconnected)
            }
            Word::Restored => {
                self.orders.is_told();
                None
            }
            // What has been said last is not said again elsewhere.
            Word::Over(Parting::SentOn) if self.call.outcome().is_some() => Some(Input::HangUp),
            Word::Over(parting) => {
                self.parting = parting;
                Some(Input::HangUp)
            }
        }
    }

    fn reported(&mut self, report: Report) -> Input {
        match report {
            Report::Gone => {
                self.parting = Parting::Theirs;
                Input::HangUp
            }
            Report::ForeignMedia => self.foreign_media(),
            Report::Failed(id) => Input::Finished(id, PlaybackEnd::Failed),
            Report::Begun(id) => Input::Started(id),
            Report::CutOff => Input::Disconnected,
            Report::Restored => Input::Reconnected,
        }
    }

    fn replied(&mut self, reply: Reply) -> Input {
        match reply {
            Reply::Input(input) => {
                if let Input::LookedUp(LookupResult::Found(contract)) = &input {
                    self.contract = Some(contract.number);
                }
                input
            }
            Reply::ForeignMedia => self.foreign_media(),
        }
    }

    fn foreign_media(&mut self) -> Input {
        self.parting = Parting::ForeignMedia;
        Input::HangUp
    }

    fn carry_out(&mut self, outputs: Vec<Output>, mut keyed: Option<Instant>) {
        for output in outputs {
            match output {
                Output::Answer => self.orders.push(What::Answer, keyed.take()),
                Output::Play(id, prompts) => {
                    self.orders.push(What::Play(id, prompts), keyed.take());
                }
                Output::Stop(id) => self.orders.push(What::Stop(id), keyed.take()),
                Output::LookUpContract(number) => {
                    let found = Arc::clone(&self.pbx.line).look_up(number);
                    self.asking =
                        Some(Box::pin(async { Reply::Input(Input::LookedUp(found.await)) }));
                }
                Output::Store(new) => {
                    self.place.note_hash();
                    let (pbx, channel) = (Arc::clone(&self.pbx), Arc::clone(&self.channel));
                    self.asking = Some(Box::pin(store(pbx, channel, new)));
                }
                Output::CancelPending => self.asking = None,
                Output::Audit(refusal) => self.record(refusal),
                // The dialog is over with it, and parting hangs up.
                Output::HangUp => {}
            }
        }
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
        let row = Arc::clone(&self.pbx.line).record(record);
        self.refusal = Some(tokio::spawn(row.in_current_span()));
    }

    /// The dialog is over: gives up what is under way, and ends the call as it is to end.
    async fn part(mut self, began: Instant, mut news: Receiver<News>) {
        self.asking = None;
        let settled = self.call.outcome().map_or("hung_up", domain::dialog::Outcome::as_str);
        let (outcome, end) = match self.parting {
            Parting::Theirs => (settled, None),
            Parting::Left => ("left", None),
            Parting::Ours => (settled, Some(End::HungUp)),
            Parting::Broken => ("broken", Some(End::HungUp)),
            Parting::ForeignMedia => ("foreign_media", Some(End::HungUp)),
            Parting::SentOn => ("sent_on", Some(End::SentOn)),
        };
        if let Some(end) = end {
            self.orders.settle().await;
            let_go(&self.pbx, &self.channel, self.orders.slots(), end, &mut news).await;
        }
        drop(news);
        let lasted = clock::now().saturating_duration_since(began);
        metrics::counter!(CALLS_ENDED, "outcome" => outcome).increment(1);
        metrics::histogram!(CALL_DURATION).record(lasted.as_secs_f64());
        info!(outcome, duration_ms = lasted.as_millis(), "a call is over");
        if let Some(refusal) = self.refusal {
            let _only_awaited = refusal.await;
        }
    }
}
