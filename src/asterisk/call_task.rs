//! Runs one call: feeds its dialog with inputs and carries out the dialog's outputs.
//!
//! Each call is one task with one loop. It waits for the mailbox, the [`CommandQueue`], the reply
//! of database or hasher, and the dialog's deadline. So neither a slow database nor a slow Asterisk
//! keeps a key or a hang-up from the dialog. When the dialog has ended, the pending reply is
//! dropped, and what is not committed is never stored (`P13`).

use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tracing::{Instrument, info, instrument, warn};

use super::call_report::{CallReport, IncomingCall};
use super::capacity::Holder;
use super::commands::{CommandQueue, Next, Pending, wait_for};
use super::events::{CallerIdentity, Delivery, EndReason, IdentitySource, Slot};
use super::handle::AsteriskHandle;
use super::mailbox::Mailbox;
use super::media::Media;
use super::permit::CallPermit;
use super::release::{Release, decline, release};
use super::rest::{ErrorChain, RestError};
use crate::auth::HashAhead;
use crate::clock;
use domain::dialog::{
    Call, Input, LookupResult, NewTemporaryPassword, Output, Refusal, StoreResult,
};
use domain::phone_number::PhoneNumber;

struct CallTask {
    asterisk: Arc<AsteriskHandle>,
    channel: Arc<str>,
    mailbox: Mailbox,
    caller: Option<PhoneNumber>,
    /// The caller's contract, once it has been looked up.
    contract_number: Option<PhoneNumber>,
    /// The login number whose password is being stored.
    login_number: Option<PhoneNumber>,
    call: Call,
    commands: CommandQueue,
    /// The hash of a password that the caller has not confirmed yet.
    hash_ahead: Option<HashAhead>,
    /// The look-up or the storing that the dialog waits for.
    pending_reply: Pending<Next>,
    audit: Option<JoinHandle<()>>,
    end_reason: EndReason,
    permit: CallPermit,
    report: CallReport,
}

/// Runs a call to its end.
///
/// What happens at its beginning and at its end is on the heap, so that a call which waits keeps no
/// room for it. An `async fn` would keep room for its arguments.
pub(super) fn run(
    asterisk: Arc<AsteriskHandle>,
    permit: CallPermit,
    incoming: IncomingCall,
    mailbox: Mailbox,
) -> impl Future<Output = ()> + Send {
    let beginning = Box::pin(begin(asterisk, permit, incoming, mailbox));
    async move {
        let Some(mut task) = beginning.await else { return };
        while let Some(deadline) = task.call.deadline() {
            let (next, now) = task.next(deadline).await;
            let input = task.resolve(next);
            let keyed = matches!(input, Input::Key(_)).then_some(now);
            let outputs = task.call.handle(input, now);
            task.perform(outputs, keyed);
            task.update(now);
        }
        Box::pin(task.finish()).await;
    }
}

/// Learns who calls, and starts the dialog; `None` if the call was declined.
async fn begin(
    asterisk: Arc<AsteriskHandle>,
    mut permit: CallPermit,
    incoming: IncomingCall,
    mailbox: Mailbox,
) -> Option<Box<CallTask>> {
    let (channel, adopted) = (Arc::from(incoming.channel.as_str()), incoming.adopted);
    let identity = match prepare(&asterisk, &incoming).await {
        Ok(identity) => identity,
        Err(error) => {
            warn!(
                error = %ErrorChain(&error),
                "could not read the caller ID; continuing the call in the dialplan"
            );
            Box::pin(decline(&asterisk, &channel, adopted, mailbox)).await;
            return None;
        }
    };
    let (pbx, live_calls) = (asterisk.health.pbx(), &asterisk.services.live_calls);
    let report = CallReport::new(&incoming, &identity, pbx, live_calls);
    let caller = identity.number;
    let trunk = || incoming.endpoint.clone().unwrap_or_default();
    let holder = caller.map_or_else(|| Holder::WithoutNumber(trunk()), Holder::Caller);
    if !adopted && !permit.try_share(holder) {
        info!(event = "declined", "declined the call; its number or trunk has no share left");
        Box::pin(decline(&asterisk, &channel, adopted, mailbox)).await;
        return None;
    }
    let (call, outputs) = Call::start(caller, asterisk.services.limits, clock::now());
    let mut task = Box::new(CallTask {
        commands: CommandQueue::new(Arc::clone(&asterisk), Arc::clone(&channel)),
        asterisk,
        channel,
        mailbox,
        caller,
        contract_number: None,
        login_number: None,
        call,
        hash_ahead: None,
        pending_reply: None,
        audit: None,
        end_reason: EndReason::Dialog,
        permit,
        report,
    });
    task.perform(outputs, None);
    task.update(clock::now());
    Some(task)
}

/// Stops what another process may have left playing, and returns who calls.
async fn prepare(
    asterisk: &AsteriskHandle,
    incoming: &IncomingCall,
) -> Result<CallerIdentity, RestError> {
    let IncomingCall { channel, identity, adopted, .. } = incoming;
    if *adopted {
        asterisk.rest.stop_all(channel, Slot::all()).await?;
    }
    match identity {
        IdentitySource::InEvent(caller) => Ok(caller.clone()),
        IdentitySource::ChannelVariable => asterisk.rest.identity(channel).await,
    }
}

/// Stores a temporary password, unless the call's media are not its trunk's or not known yet.
#[instrument(skip_all)]
async fn store(
    asterisk: Arc<AsteriskHandle>,
    channel: Arc<str>,
    password: NewTemporaryPassword,
    hash_ahead: Option<HashAhead>,
) -> Next {
    match asterisk.media(&channel).await {
        Ok(Media::Own) => {
            let services = Arc::clone(&asterisk.services);
            Ok(Input::Stored(services.store_password(password, hash_ahead).await))
        }
        Ok(Media::Unknown | Media::Foreign) => Err(EndReason::ForeignMedia),
        Err(error) => {
            let error = ErrorChain(&error);
            warn!(%error, "could not read the media address of a call; storing nothing");
            Ok(Input::Stored(StoreResult::Unreachable))
        }
    }
}

impl CallTask {
    /// Waits for what concerns the dialog next.
    async fn next(&mut self, deadline: Instant) -> (Next, Instant) {
        loop {
            tokio::select! {
                biased;
                delivery = self.mailbox.recv() => {
                    let Some(Delivery { event, at }) = delivery else {
                        return (Err(EndReason::Failed), clock::now());
                    };
                    if let Some(next) = self.commands.on_event(event) {
                        return (next, at);
                    }
                }
                next = self.commands.next() => return (next, clock::now()),
                reply = wait_for(&mut self.pending_reply) => {
                    self.pending_reply = None;
                    return (reply, clock::now());
                }
                () = tokio::time::sleep_until(deadline.into()) => {
                    return (Ok(Input::Timeout), clock::now());
                }
            }
        }
    }

    fn resolve(&mut self, next: Next) -> Input {
        match next {
            Ok(input) => {
                if let Input::LookedUp(LookupResult::Found(contract)) = &input {
                    self.contract_number = Some(contract.number);
                }
                if let (Input::Stored(result), Some(login_number)) = (&input, self.login_number) {
                    self.report.report_store_result(login_number, *result);
                }
                input
            }
            // After its last prompt a call is not continued: another daemon would begin it again.
            Err(EndReason::Continued) if self.call.outcome().is_some() => Input::HangUp,
            Err(reason) => {
                self.end_reason = reason;
                Input::HangUp
            }
        }
    }

    fn perform(&mut self, outputs: Vec<Output>, mut keyed: Option<Instant>) {
        for output in outputs {
            match output {
                Output::Channel(command) => self.commands.push(command, keyed.take()),
                Output::LookUpContract(caller) => {
                    // A block would keep room for the result's future twice.
                    let result = Arc::clone(&self.asterisk.services).look_up(caller);
                    let reply = result.map(|contract| Ok(Input::LookedUp(contract)));
                    self.pending_reply = Some(Box::pin(reply));
                }
                Output::HashAhead(password) => {
                    self.permit.mark_hash_requested();
                    self.hash_ahead = Some(self.asterisk.services.hash_ahead(password));
                }
                Output::DiscardHash => self.hash_ahead = None,
                Output::Store(password) => {
                    self.login_number = Some(password.login_number);
                    let (asterisk, channel) =
                        (Arc::clone(&self.asterisk), Arc::clone(&self.channel));
                    let stored = store(asterisk, channel, password, self.hash_ahead.take());
                    self.pending_reply = Some(Box::pin(stored));
                }
                Output::CancelPending => self.pending_reply = None,
                Output::Audit(refusal) => self.audit(refusal),
                // The dialog has ended with it, and `finish` hangs up.
                Output::HangUp => {}
            }
        }
    }

    /// Reports what the last input has led to. A call whose outcome is certain asks for no hash.
    fn update(&mut self, now: Instant) {
        if self.call.outcome().is_some() {
            self.permit.return_admission();
        }
        self.report.update(&mut self.call, now);
    }

    /// Writes an audit row (`D3`) while the call goes on.
    fn audit(&mut self, refusal: Refusal) {
        let services = Arc::clone(&self.asterisk.services);
        let row = services.record_refused_call(self.caller, self.contract_number, refusal);
        self.audit = Some(tokio::spawn(row.in_current_span()));
    }

    /// Cancels what is pending, wipes a hash that was not confirmed, and ends the call as its end
    /// reason says.
    async fn finish(mut self) {
        self.pending_reply = None;
        self.hash_ahead = None;
        let outcome = self.call.outcome().map_or("hung_up", domain::dialog::Outcome::as_str);
        let (outcome, how) = match self.end_reason {
            EndReason::Remote => (outcome, None),
            EndReason::TakenOver => ("taken_over", None),
            EndReason::Dialog => (outcome, Some(Release::HangUp)),
            EndReason::Failed => ("failed", Some(Release::HangUp)),
            EndReason::ForeignMedia => ("foreign_media", Some(Release::HangUp)),
            EndReason::Continued => ("continued", Some(Release::ContinueInDialplan)),
        };
        if let Some(how) = how {
            self.commands.drain().await;
            release(&self.asterisk, &self.channel, self.commands.slots(), how, self.mailbox).await;
        } else {
            drop(self.mailbox);
        }
        self.report.end(outcome);
        if let Some(audit) = self.audit {
            let _ = audit.await; // the permit is kept until the row is written
        }
    }
}
