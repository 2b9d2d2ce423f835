//! Delivers events to calls: one bounded mailbox and one task a call.
//!
//! An entry lives from a channel's `StasisStart` to Asterisk's last event about the channel, even
//! if the call was declined or its task has ended. So an event that comes late or twice starts no
//! second call. The router never waits. A mailbox that overflows ends its call, because a call that
//! has lost an event cannot go on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Histogram, counter, histogram};
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, info_span, warn};

use super::asterisk_clock::AsteriskClock;
use super::call_report::IncomingCall;
use super::call_task;
use super::events::{CallEvent, Channel, Delivery, EndReason, IdentitySource, KeyEvent};
use super::handle::AsteriskHandle;
use super::mailbox::{self, Mailbox, MailboxSender, SendError, mailbox};
use super::permit::CallPermit;
use super::release::{decline, decline_replacement};
use super::rest::ErrorChain;
use crate::metrics::{CALL_MAILBOX_DEPTH, CALL_MAILBOX_OVERFLOWS, CALLS_ADOPTED, CALLS_DECLINED};
use domain::dialog::Input;

/// How soon a claimed call enters the application.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(3);

/// The calls of one Asterisk.
pub(super) struct CallRouter {
    asterisk: Arc<AsteriskHandle>,
    entries: HashMap<String, ChannelEntry>,
    /// The permits of calls that are being claimed, each with the number of its claim.
    claims: Arc<Mutex<HashMap<String, (u64, CallPermit)>>>,
    last_claim: u64,
    /// How many events waited when another arrived.
    depths: Histogram,
}

/// A channel about which Asterisk may send more events.
struct ChannelEntry {
    /// `None` if the call has ended.
    mailbox: Option<MailboxSender>,
    task: AbortHandle,
    clock: AsteriskClock,
}

impl CallRouter {
    pub(super) fn new(asterisk: Arc<AsteriskHandle>) -> Self {
        let depths = histogram!(CALL_MAILBOX_DEPTH);
        Self { asterisk, entries: HashMap::new(), claims: Arc::default(), last_claim: 0, depths }
    }

    /// Tries to claim a call that Asterisk offers to several daemons.
    pub(super) fn claim(&mut self, offered: Channel) {
        let Some(permit) = CallPermit::for_new_call(&self.asterisk, offered.endpoint.as_deref())
        else {
            return;
        };
        let channel = offered.id;
        self.last_claim += 1;
        let number = self.last_claim;
        lock(&self.claims).insert(channel.clone(), (number, permit));
        let (asterisk, claims) = (Arc::clone(&self.asterisk), Arc::clone(&self.claims));
        tokio::spawn(async move {
            match asterisk.rest.claim(&channel, &asterisk.app).await {
                // A caller who hangs up now never enters the application.
                Ok(true) => sleep(CLAIM_TIMEOUT).await,
                Ok(false) => debug!(channel, "another daemon has claimed the call"),
                Err(error) => warn!(error = %ErrorChain(&error), "could not claim a call"),
            }
            // A later claim of the same channel keeps its permit.
            lock(&claims).retain(|_, (claim, _)| *claim != number);
        });
    }

    /// Starts a call that has entered the application.
    pub(super) fn start(&mut self, started: Channel, identity: IdentitySource, now: Instant) {
        if self.is_known(&started.id) {
            return;
        }
        let claimed = lock(&self.claims).remove(&started.id).map(|(_, permit)| permit);
        let endpoint = started.endpoint.as_deref();
        let permit = claimed.or_else(|| CallPermit::for_new_call(&self.asterisk, endpoint));
        let (channel, endpoint) = (started.id, started.endpoint);
        let call = IncomingCall { channel, endpoint, identity, adopted: false, at: now };
        self.spawn(call, permit);
    }

    /// Declines a channel that has replaced another: its caller is unknown.
    pub(super) fn refuse_replacement(&mut self, channel: String, replaced: String) {
        if self.is_known(&channel) {
            return;
        }
        counter!(CALLS_DECLINED).increment(1);
        warn!(channel, replaced, "another channel has replaced a call; declining it");
        let asterisk = Arc::clone(&self.asterisk);
        let span = info_span!("call", channel, pbx = asterisk.health.pbx());
        self.insert(channel.clone(), span, move |mailbox| async move {
            decline_replacement(&asterisk, &channel, &replaced, mailbox).await;
        });
    }

    /// Adopts a channel that no task here serves: a former process has left it, or its
    /// `StasisStart` was lost.
    pub(super) fn adopt(&mut self, channel: String, now: Instant) {
        if !self.is_running(&channel) {
            counter!(CALLS_ADOPTED).increment(1);
            let permit = CallPermit::for_adopted_call(&self.asterisk);
            let identity = IdentitySource::ChannelVariable;
            let endpoint = None;
            let call = IncomingCall { channel, endpoint, identity, adopted: true, at: now };
            self.spawn(call, permit);
        }
    }

    /// Runs the call, or declines it without a permit.
    fn spawn(&mut self, call: IncomingCall, permit: Option<CallPermit>) {
        let asterisk = Arc::clone(&self.asterisk);
        let channel = call.channel.clone();
        let pbx = asterisk.health.pbx();
        let span = info_span!("call", channel, pbx, caller = Empty, outcome = Empty, unit = Empty);
        if let Some(permit) = permit {
            self.insert(channel, span, |mailbox| call_task::run(asterisk, permit, call, mailbox));
        } else {
            counter!(CALLS_DECLINED).increment(1);
            self.insert(channel, span, move |mailbox| async move {
                decline(&asterisk, &call.channel, call.adopted, mailbox).await;
            });
        }
    }

    fn insert<F>(&mut self, channel: String, span: Span, task: impl FnOnce(Mailbox) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, mailbox) = mailbox();
        let task = tokio::spawn(task(mailbox).instrument(span)).abort_handle();
        let clock = AsteriskClock::default();
        self.entries.insert(channel, ChannelEntry { mailbox: Some(sender), task, clock });
    }

    /// Puts an event into its call's mailbox; an event about an unknown channel is dropped.
    pub(super) fn deliver(&mut self, channel: &str, event: CallEvent, now: Instant) {
        if let Some(entry) = self.entries.get_mut(channel) {
            entry.try_send(channel, event, now, &self.depths);
        }
    }

    /// Delivers a key press, at the time at which Asterisk heard it.
    pub(super) fn deliver_key(&mut self, channel: &str, key: KeyEvent, now: Instant) {
        if let Some(entry) = self.entries.get_mut(channel) {
            let press = entry.clock.press(key, now);
            let event = CallEvent::Dialog(Input::Key(press));
            entry.try_send(channel, event, now, &self.depths);
        }
    }

    /// Ends the call of a channel about which no event follows.
    pub(super) fn end(&mut self, channel: &str, now: Instant) {
        self.deliver(channel, CallEvent::Ended(EndReason::Remote), now);
        self.entries.remove(channel);
    }

    /// Passes [`Input::Disconnected`] to every call.
    pub(super) fn disconnect_all(&mut self, now: Instant) {
        self.broadcast(|| CallEvent::Dialog(Input::Disconnected), now);
    }

    /// Passes [`Input::Reconnected`] to every call.
    pub(super) fn reconnect_all(&mut self, now: Instant) {
        self.broadcast(|| CallEvent::Dialog(Input::Reconnected), now);
    }

    /// Ends every call for this daemon.
    pub(super) fn end_all(&mut self, reason: EndReason, now: Instant) {
        self.broadcast(|| CallEvent::Ended(reason), now);
        self.entries.clear();
    }

    fn broadcast(&mut self, event: impl Fn() -> CallEvent, now: Instant) {
        for (channel, entry) in &mut self.entries {
            entry.try_send(channel, event(), now, &self.depths);
        }
    }

    /// Every known channel.
    pub(super) fn channels(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// The channels among these that no task here serves.
    pub(super) fn unserved(&self, channels: &[String]) -> Vec<String> {
        channels.iter().filter(|channel| !self.is_running(channel)).cloned().collect()
    }

    fn is_known(&self, channel: &str) -> bool {
        self.entries.contains_key(channel)
    }

    fn is_running(&self, channel: &str) -> bool {
        self.entries.get(channel).is_some_and(|entry| !entry.task.is_finished())
    }
}

impl ChannelEntry {
    fn try_send(&mut self, channel: &str, event: CallEvent, at: Instant, depths: &Histogram) {
        let Some(mailbox) = &self.mailbox else { return };
        match mailbox.send(Delivery { event, at }) {
            #[expect(clippy::cast_precision_loss, reason = "a mailbox is small")]
            Ok(depth) => depths.record(depth as f64),
            Err(SendError::Closed) => self.mailbox = None,
            Err(SendError::Full) => {
                self.mailbox = None;
                counter!(CALL_MAILBOX_OVERFLOWS).increment(1);
                warn!(channel, "a call is {} events behind; ending it", mailbox::CAPACITY);
            }
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
