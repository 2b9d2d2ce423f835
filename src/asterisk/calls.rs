//! Which call a piece of news is for: one bounded mailbox and one task a call.
//!
//! A call is known by its channel from its `StasisStart` until Asterisk's last word of the channel,
//! taken or not, even if its task ends sooner, so that nothing that comes late or twice begins it again. Whoever
//! routes never waits: a mailbox that overflows ends its call, since a call that has lost news cannot go on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tracing::{Instrument, debug, info_span, warn};

use super::Chain;
use super::caller::{self, Arrival};
use super::ending::{decline, decline_replacement};
use super::event::{Channel, Identity, Parting, Word};
use super::pbx::Pbx;
use super::places::Place;
use crate::metrics::{CALL_MAILBOX_OVERFLOWS, CALLS_ADOPTED, CALLS_DECLINED};

/// News that a call may be behind with.
pub(crate) const MAILBOX: usize = 64;

/// How soon a call that was claimed comes in.
const COMES_IN_WITHIN: Duration = Duration::from_secs(3);

/// News of a call, and when it arrived.
pub(crate) type News = (Word, Instant);

/// The calls of one PBX in the application.
pub(crate) struct Calls {
    pbx: Arc<Pbx>,
    known: HashMap<String, Known>,
    /// The room that is kept for calls that are being claimed, each with the number of its claim.
    claims: Arc<Mutex<HashMap<String, (u64, Place)>>>,
    claimed: u64,
}

/// A call of which Asterisk has not said its last word.
struct Known {
    /// None if the call has been ended.
    mailbox: Option<Sender<News>>,
    task: AbortHandle,
}

impl Calls {
    pub(crate) fn new(pbx: Arc<Pbx>) -> Self {
        Self { pbx, known: HashMap::new(), claims: Arc::default(), claimed: 0 }
    }

    /// A call is offered to whoever claims it first.
    pub(crate) fn claim(&mut self, offered: Channel) {
        let Some(place) = Place::for_new_call(&self.pbx, offered.trunk.as_deref()) else { return };
        let channel = offered.id;
        self.claimed += 1;
        let number = self.claimed;
        locked(&self.claims).insert(channel.clone(), (number, place));
        let (pbx, claims) = (Arc::clone(&self.pbx), Arc::clone(&self.claims));
        tokio::spawn(async move {
            match pbx.rest.claim(&channel, &pbx.app).await {
                // Who hangs up at this moment never comes in.
                Ok(true) => sleep(COMES_IN_WITHIN).await,
                Ok(false) => debug!(channel, "another daemon has claimed a call"),
                Err(error) => warn!(error = %Chain(&error), "a call could not be claimed"),
            }
            // By now it may be offered, and claimed, anew.
            locked(&claims).retain(|_, (claim, _)| *claim != number);
        });
    }

    /// A call has come in; a channel that is known already is no new call.
    pub(crate) fn begin(&mut self, started: Channel, identity: Identity, now: Instant) {
        if self.knows(&started.id) {
            return;
        }
        let claimed = locked(&self.claims).remove(&started.id).map(|(_, place)| place);
        let place = claimed.or_else(|| Place::for_new_call(&self.pbx, started.trunk.as_deref()));
        let channel = started.id;
        self.take(Arrival { channel, identity, adopted: false, at: now }, place);
    }

    /// A channel has replaced one in the application: whose it is nobody knows, and it is no call
    /// of ours.
    pub(crate) fn refuse(&mut self, channel: String, replaced: String) {
        if self.knows(&channel) {
            return;
        }
        metrics::counter!(CALLS_DECLINED).increment(1);
        warn!(channel, replaced, "a call is ended: another channel has taken its place");
        let pbx = Arc::clone(&self.pbx);
        let (mailbox, mut news) = mpsc::channel(MAILBOX);
        let span = info_span!("call", pbx = pbx.status.pbx(), channel);
        let refused = {
            let channel = channel.clone();
            async move { decline_replacement(&pbx, &channel, &replaced, &mut news).await }
        };
        let task = tokio::spawn(refused.instrument(span)).abort_handle();
        self.known.insert(channel, Known { mailbox: Some(mailbox), task });
    }

    /// A channel in the application that no call here is running for: an earlier daemon has left it,
    /// or its beginning was not heard of.
    pub(crate) fn adopt(&mut self, channel: String, now: Instant) {
        if !self.serves(&channel) {
            metrics::counter!(CALLS_ADOPTED).increment(1);
            let place = Place::for_one_under_way(&self.pbx);
            let identity = Identity::OnChannel;
            self.take(Arrival { channel, identity, adopted: true, at: now }, place);
        }
    }

    fn take(&mut self, arrival: Arrival, place: Option<Place>) {
        let Arrival { channel, adopted, .. } = &arrival;
        let pbx = Arc::clone(&self.pbx);
        let (host, identity) = (pbx.status.pbx(), arrival.identity);
        let span = info_span!("call", pbx = host, channel, ?identity);
        let (mailbox, mut news) = mpsc::channel(MAILBOX);
        let (channel, adopted) = (channel.clone(), *adopted);
        let task = if let Some(place) = place {
            tokio::spawn(caller::run(pbx, place, arrival, news).instrument(span))
        } else {
            metrics::counter!(CALLS_DECLINED).increment(1);
            let channel = channel.clone();
            let declined = async move { decline(&pbx, &channel, adopted, &mut news).await };
            tokio::spawn(declined.instrument(span))
        };
        let known = Known { mailbox: Some(mailbox), task: task.abort_handle() };
        self.known.insert(channel, known);
    }

    /// Puts news into its call's mailbox; what is for no call of ours is dropped.
    pub(crate) fn tell(&mut self, channel: &str, news: Word, now: Instant) {
        let Some(known) = self.known.get_mut(channel) else { return };
        put(channel, &mut known.mailbox, news, now);
    }

    /// Asterisk's last word of a channel.
    pub(crate) fn end(&mut self, channel: &str, now: Instant) {
        self.tell(channel, Word::Over(Parting::Theirs), now);
        self.known.remove(channel);
    }

    /// Asterisk tells nothing any more.
    pub(crate) fn are_cut_off(&mut self, now: Instant) {
        self.tell_all(|| Word::CutOff, now);
    }

    /// Asterisk tells again.
    pub(crate) fn are_restored(&mut self, now: Instant) {
        self.tell_all(|| Word::Restored, now);
    }

    /// Every call is over for this daemon.
    pub(crate) fn give_up(&mut self, parting: Parting, now: Instant) {
        self.tell_all(|| Word::Over(parting), now);
        self.known.clear();
    }

    fn tell_all(&mut self, word: impl Fn() -> Word, now: Instant) {
        for (channel, known) in &mut self.known {
            put(channel, &mut known.mailbox, word(), now);
        }
    }

    /// The channels that are known now.
    pub(crate) fn channels(&self) -> Vec<String> {
        self.known.keys().cloned().collect()
    }

    /// The channels among these that no call here is running for.
    pub(crate) fn strangers(&self, channels: &[String]) -> Vec<String> {
        channels.iter().filter(|channel| !self.serves(channel)).cloned().collect()
    }

    fn knows(&self, channel: &str) -> bool {
        self.known.contains_key(channel)
    }

    fn serves(&self, channel: &str) -> bool {
        self.known.get(channel).is_some_and(|known| !known.task.is_finished())
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(channel: &str, mailbox: &mut Option<Sender<News>>, news: Word, now: Instant) {
    let Some(sender) = mailbox else { return };
    match sender.try_send((news, now)) {
        Ok(()) => {}
        Err(TrySendError::Closed(_)) => *mailbox = None,
        Err(TrySendError::Full(_)) => {
            *mailbox = None;
            metrics::counter!(CALL_MAILBOX_OVERFLOWS).increment(1);
            warn!(channel, "a call is ended: it is {MAILBOX} events behind");
        }
    }
}
