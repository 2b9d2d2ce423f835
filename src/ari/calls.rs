//! Which call a piece of news is for: one bounded mailbox and one task a call.
//!
//! A call is known by its channel from its `StasisStart` until Asterisk's last word of the channel,
//! even if its task ends sooner, so that nothing that comes late or twice begins it again. Whoever
//! routes never waits: a mailbox that overflows ends its call, since a call that has lost news cannot go on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Sender};
use tracing::{Instrument, info_span, warn};

use super::caller;
use super::line::{Line, Live};
use crate::call::Input;
use crate::number::Number;

/// News that a call may be behind with.
pub(crate) const MAILBOX: usize = 64;

/// News of a call, and when it arrived.
pub(crate) type News = (Input, Instant);

/// The calls in the application.
pub(crate) struct Calls {
    line: Arc<Line>,
    /// No mailbox: the call has been ended, and Asterisk has not said its last word of it.
    known: HashMap<String, Option<Sender<News>>>,
}

impl Calls {
    pub(crate) fn new(line: Arc<Line>) -> Self {
        Self { line, known: HashMap::new() }
    }

    /// A call has come in; a channel that is known already is no new call.
    pub(crate) fn begin(&mut self, channel: String, caller: Option<Number>, now: Instant) {
        let Entry::Vacant(unknown) = self.known.entry(channel) else { return };
        let span = info_span!("call", channel = unknown.key(), caller = ?caller);
        let (mailbox, news) = mpsc::channel(MAILBOX);
        let task = caller::run(Live::new(&self.line), unknown.key().clone(), caller, news, now);
        tokio::spawn(task.instrument(span));
        unknown.insert(Some(mailbox));
    }

    /// Puts news into its call's mailbox; what is for no call of ours is dropped.
    pub(crate) fn tell(&mut self, channel: &str, news: Input, now: Instant) {
        let Some(mailbox) = self.known.get_mut(channel) else { return };
        let Some(sender) = mailbox else { return };
        match sender.try_send((news, now)) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => *mailbox = None,
            Err(TrySendError::Full(_)) => {
                *mailbox = None;
                metrics::counter!("karipass_call_mailbox_overflows_total").increment(1);
                warn!(channel, "a call is ended: it is {MAILBOX} events behind");
            }
        }
    }

    /// Asterisk's last word of a channel.
    pub(crate) fn end(&mut self, channel: &str, now: Instant) {
        self.tell(channel, Input::HangUp, now);
        self.known.remove(channel);
    }

    /// Every call is given up; each hangs its channel up.
    pub(crate) fn give_up(&mut self) {
        self.known.clear();
    }

    /// The channels that are known now.
    pub(crate) fn channels(&self) -> Vec<String> {
        self.known.keys().cloned().collect()
    }

    pub(crate) fn knows(&self, channel: &str) -> bool {
        self.known.contains_key(channel)
    }
}
