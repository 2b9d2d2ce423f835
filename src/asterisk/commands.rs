//! The commands of one call: one request to Asterisk at a time, in order, whatever fails.
//!
//! # When a call and Asterisk lose touch
//! - **Out of sync**: a command got no answer, or an unexpected one. What plays now is unknown.
//! - **Disconnected**: the WebSocket is down. Neither keys nor the ends of playbacks arrive.
//!
//! Both are handled alike. The queue drops the commands that it has not sent, and stops every
//! playback that the channel may have, again and again until Asterisk obeys. Only then is the state
//! known again: nothing plays. The queue reports [`Input::Reconnected`], and the dialog plays its
//! prompt from the start.
//!
//! While the WebSocket is down the queue stops nothing. The silence and the fallback behind it are
//! then all that the caller hears.

use std::collections::VecDeque;
use std::future::pending;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::{info, warn};

use super::events::{CallEvent, EndReason, Slot, wire_id};
use super::handle::AsteriskHandle;
use super::media::Media;
use super::playback_queue::PlaybackQueue;
use super::rest::{ErrorChain, RestError};
use crate::metrics::DTMF_REACTION_DURATION;
use crate::{backoff, clock};
use domain::dialog::prompt::Prompt;
use domain::dialog::{ChannelCommand, Input, PlaybackEnd, PlaybackId};

/// Between the first two attempts to reach Asterisk.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(4);

/// How long to wait before the next attempt to reach Asterisk: twice as long each time.
pub(super) fn retry_delay(retries: u32) -> Duration {
    backoff::exponential(RETRY_INTERVAL, retries, MAX_RETRY_INTERVAL)
}

/// A future under way, or none.
pub(super) type Pending<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// The next input of the dialog, or why the call has ended.
pub(super) type Next = Result<Input, EndReason>;

/// The commands of one call.
pub(super) struct CommandQueue {
    asterisk: Arc<AsteriskHandle>,
    channel: Arc<str>,
    queue: VecDeque<Queued>,
    /// The request of the queue's first item.
    in_flight: Pending<Result<Media, RestError>>,
    /// When a command's request was sent.
    sent_at: Option<Instant>,
    playbacks: PlaybackQueue,
    /// A playback that has started and has not been reported.
    started: Option<PlaybackId>,
    /// The call has been answered, or is going to be.
    answered: bool,
    /// The WebSocket is up.
    connected: bool,
    /// Out of sync: Asterisk has not carried out a command.
    out_of_sync: bool,
    /// Attempts since Asterisk last obeyed.
    retries: u32,
}

struct Queued {
    request: QueuedRequest,
    /// The time of the key press that led to it.
    keyed: Option<Instant>,
}

enum QueuedRequest {
    Command(ChannelCommand),
    /// Stops every playback that the channel may have.
    StopAll {
        delay: Duration,
    },
}

impl CommandQueue {
    pub(super) fn new(asterisk: Arc<AsteriskHandle>, channel: Arc<str>) -> Self {
        Self {
            asterisk,
            channel,
            queue: VecDeque::new(),
            in_flight: None,
            sent_at: None,
            playbacks: PlaybackQueue::default(),
            started: None,
            answered: false,
            connected: true,
            out_of_sync: false,
            retries: 0,
        }
    }

    /// Queues a command; `keyed` is the time of the key press that led to it.
    pub(super) fn push(&mut self, command: ChannelCommand, keyed: Option<Instant>) {
        self.answered |= matches!(command, ChannelCommand::Answer);
        self.queue.push_back(Queued { request: QueuedRequest::Command(command), keyed });
    }

    /// Takes note of an event, and returns what it means for the dialog.
    pub(super) fn on_event(&mut self, event: CallEvent) -> Option<Next> {
        match event {
            CallEvent::PlaybackFinished(slot, end) => {
                let id = self.on_finished(slot)?;
                if end == PlaybackEnd::Failed {
                    warn!("Asterisk could not play a prompt to its end");
                }
                Some(Ok(Input::Finished(id, end)))
            }
            CallEvent::Dialog(Input::Reconnected) => {
                self.on_reconnected();
                None
            }
            CallEvent::Dialog(input) => {
                self.connected &= !matches!(input, Input::Disconnected);
                Some(Ok(input))
            }
            CallEvent::Ended(reason) => Some(Err(reason)),
        }
    }

    /// Which playback has ended, if it is ours and was not stopped only to be played again.
    fn on_finished(&mut self, slot: Slot) -> Option<PlaybackId> {
        if let Some(QueuedRequest::StopAll { .. }) = self.queue.front().map(|it| &it.request) {
            return None;
        }
        let id = self.playbacks.in_slot(slot)?;
        self.started = self.playbacks.mark_finished(id);
        Some(id)
    }

    fn on_reconnected(&mut self) {
        if !mem::replace(&mut self.connected, true) {
            self.reset(Duration::ZERO);
        }
    }

    /// The slots of all queued playbacks.
    pub(super) fn slots(&self) -> Vec<Slot> {
        self.playbacks.slots()
    }

    /// Waits for the request in flight, whatever its answer.
    pub(super) async fn drain(&mut self) {
        if let Some(in_flight) = self.in_flight.take() {
            let _ = in_flight.await; // the call is ending
        }
    }

    /// Sends requests until there is something for the dialog. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Next {
        loop {
            if let Some(started) = self.started.take() {
                return Ok(Input::Started(started));
            }
            self.send_next();
            let answer = wait_for(&mut self.in_flight).await;
            self.in_flight = None;
            if let Some(input) = self.on_answer(answer)? {
                return Ok(input);
            }
        }
    }

    fn on_answer(&mut self, answer: Result<Media, RestError>) -> Result<Option<Input>, EndReason> {
        let Some(Queued { request, keyed }) = self.queue.pop_front() else { return Ok(None) };
        let command = match request {
            QueuedRequest::Command(command) => command,
            QueuedRequest::StopAll { .. } => {
                return match answer {
                    Ok(_) => Ok(self.on_all_stopped()),
                    Err(RestError::NotFound) => Err(EndReason::Remote),
                    Err(error) => Ok(self.lose_sync(&error)),
                };
            }
        };
        self.measure(&command, keyed);
        if answer.is_ok() {
            self.retries = 0;
        }
        match (answer, command) {
            (Ok(Media::Foreign), _) => Err(EndReason::ForeignMedia),
            (Err(RestError::NotFound), _) => Err(EndReason::Remote),
            (Ok(_), ChannelCommand::Answer) => Ok(None),
            (Ok(_), ChannelCommand::Play(id, _)) => {
                self.started = self.playbacks.mark_accepted(id);
                Ok(None)
            }
            (Ok(_), ChannelCommand::Stop(id)) => {
                self.started = self.playbacks.remove(id);
                Ok(None)
            }
            (
                Err(error @ (RestError::Refused(_) | RestError::UnexpectedResponse(_))),
                ChannelCommand::Play(id, _),
            ) => {
                warn!(error = %ErrorChain(&error), "could not play a prompt");
                self.started = self.playbacks.remove(id);
                Ok(Some(Input::Finished(id, PlaybackEnd::Failed)))
            }
            (
                Err(error),
                ChannelCommand::Answer | ChannelCommand::Play(..) | ChannelCommand::Stop(_),
            ) => Ok(self.lose_sync(&error)),
        }
    }

    /// Measures how quickly Asterisk carries out commands, and the daemon reacts to keys.
    fn measure(&mut self, command: &ChannelCommand, keyed: Option<Instant>) {
        let now = clock::now();
        if let Some(sent_at) = self.sent_at.take() {
            let requests = match command {
                // The answer itself, the time limit, and the media if they are checked.
                ChannelCommand::Answer => {
                    2 + u32::from(!self.asterisk.services.media_networks.is_empty())
                }
                ChannelCommand::Play(..) | ChannelCommand::Stop(_) => 1,
            };
            let took = now.saturating_duration_since(sent_at) / requests;
            self.asterisk.record_command(took, now);
        }
        if let Some(keyed) = keyed {
            let reaction = now.saturating_duration_since(keyed);
            metrics::histogram!(DTMF_REACTION_DURATION).record(reaction.as_secs_f64());
        }
    }

    /// Nothing plays. The dialog goes on if events arrive.
    fn on_all_stopped(&mut self) -> Option<Input> {
        if mem::take(&mut self.out_of_sync) {
            info!("regained control of the call");
        }
        self.queue.clear();
        self.playbacks = PlaybackQueue::default();
        self.started = None;
        if self.answered {
            // Asterisk may not have heard the first one; a second one changes nothing.
            self.push(ChannelCommand::Answer, None);
        }
        self.connected.then_some(Input::Reconnected)
    }

    fn lose_sync(&mut self, error: &RestError) -> Option<Input> {
        let was_in_sync = !mem::replace(&mut self.out_of_sync, true);
        if was_in_sync {
            warn!(error = %ErrorChain(error), "lost control of the call; retrying");
        }
        self.reset(retry_delay(self.retries));
        self.retries = self.retries.saturating_add(1);
        was_in_sync.then_some(Input::Disconnected)
    }

    /// Drops the commands that have not been sent, and queues the stop of all playbacks.
    fn reset(&mut self, delay: Duration) {
        self.queue.truncate(usize::from(self.in_flight.is_some()));
        self.queue.push_back(Queued { request: QueuedRequest::StopAll { delay }, keyed: None });
    }

    /// Sends the first request, unless one is in flight.
    fn send_next(&mut self) {
        if self.in_flight.is_some() {
            return;
        }
        let Some(Queued { request, .. }) = self.queue.front() else { return };
        let (asterisk, channel) = (Arc::clone(&self.asterisk), Arc::clone(&self.channel));
        match request {
            // The fallback is all that the caller has until events arrive.
            QueuedRequest::StopAll { .. } if !self.connected => {}
            QueuedRequest::StopAll { delay } => {
                // A request without an answer may still be carried out, so every slot may be in
                // use.
                let all = self.out_of_sync.then(|| Slot::all().collect());
                let (delay, slots) = (*delay, all.unwrap_or_else(|| self.playbacks.slots()));
                self.in_flight = Some(Box::pin(async move {
                    sleep(delay).await;
                    asterisk.rest.stop_all(&channel, slots).await.map(|()| Media::Own)
                }));
            }
            QueuedRequest::Command(command) => {
                if let ChannelCommand::Play(id, _) = command {
                    self.playbacks.mark_requested(*id);
                }
                self.sent_at = Some(clock::now());
                self.in_flight = Some(send(asterisk, channel, command));
            }
        }
    }
}

/// Makes a command's request; its result says whose media the call has, as far as the command asks.
fn send(
    asterisk: Arc<AsteriskHandle>,
    channel: Arc<str>,
    command: &ChannelCommand,
) -> Pin<Box<dyn Future<Output = Result<Media, RestError>> + Send>> {
    match command {
        ChannelCommand::Answer => Box::pin(answer(asterisk, channel)),
        ChannelCommand::Play(id, prompts) => {
            let playback = wire_id(&channel, Slot::for_playback(*id));
            let prompts = prompts.clone();
            // A silence follows the guidance that the media were checked for.
            let is_guidance = !prompts.first().is_some_and(Prompt::is_silence);
            Box::pin(async move {
                let play = asterisk.rest.play(&channel, &playback, &prompts);
                if !is_guidance {
                    return play.await.map(|()| Media::Own);
                }
                let (media, played) = tokio::join!(asterisk.media(&channel), play);
                // They are checked again before a password is stored.
                played.map(|()| media.unwrap_or(Media::Unknown))
            })
        }
        ChannelCommand::Stop(id) => {
            let playback = wire_id(&channel, Slot::for_playback(*id));
            Box::pin(async move { asterisk.rest.stop(&playback).await.map(|()| Media::Own) })
        }
    }
}

/// Answers, sets the channel's time limit, and checks the media, which Asterisk does not know
/// before. The call goes on even if Asterisk refuses the limit.
async fn answer(asterisk: Arc<AsteriskHandle>, channel: Arc<str>) -> Result<Media, RestError> {
    asterisk.rest.answer(&channel).await?;
    let limit = asterisk.services.limits.max_channel_lifetime();
    match asterisk.rest.set_time_limit(&channel, limit).await {
        Err(error @ RestError::Refused(_)) => {
            let error = ErrorChain(&error);
            warn!(%error, "Asterisk refused the call's time limit; is func_timeout loaded?");
        }
        other => other?,
    }
    asterisk.media(&channel).await
}

/// Waits for a future; for ever if there is none.
pub(super) async fn wait_for<T>(future: &mut Pending<T>) -> T {
    match future {
        Some(future) => future.as_mut().await,
        None => pending().await,
    }
}
