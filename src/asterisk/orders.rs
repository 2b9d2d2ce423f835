//! What a call has Asterisk do, one request after the other, over every gap.
//!
//! When an order gets no answer, or an odd one, nobody knows what plays any more: the orders that
//! follow are dropped, and all that may play is stopped, again and again until Asterisk has heard it.
//! Then the dialog says what is to be played from there on. The same goes for the time without the
//! WebSocket, when neither keys nor the ends of playbacks are told.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::{info, warn};

use super::Chain;
use super::event::{Slot, wire_id};
use super::media::Media;
use super::pbx::Pbx;
use super::playing::Playing;
use super::rest::RestError;
use crate::clock;
use crate::metrics::DTMF_REACTION_DURATION;
use domain::dialog::PlaybackId;
use domain::dialog::prompt::Prompt;

/// Between the first tries to reach Asterisk.
const AGAIN: Duration = Duration::from_millis(500);
/// Between later ones, at most.
const AGAIN_AT_MOST: Duration = Duration::from_secs(4);

/// How long to wait before the next of several tries to reach Asterisk: twice as long each time.
pub(super) fn back_off(tries: u32) -> Duration {
    AGAIN.saturating_mul(1_u32.checked_shl(tries).unwrap_or(u32::MAX)).min(AGAIN_AT_MOST)
}

/// A future under way, or none.
pub(crate) type Pending<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// Something for Asterisk to do.
pub(crate) enum What {
    /// Answer, and keep the call for as long as it may take.
    Answer,
    Play(PlaybackId, Vec<Prompt>),
    Stop(PlaybackId),
    /// Stop all that may play, after so long.
    Clear(Duration),
}

/// What the dialog has to know of its orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The channel is gone or going.
    Gone,
    /// Its media are not its trunk's.
    ForeignMedia,
    /// A playback that will not play.
    Failed(PlaybackId),
    /// A playback that has begun.
    Begun(PlaybackId),
    /// Asterisk does not do as it is told.
    CutOff,
    /// Asterisk does as it is told again, and nothing plays.
    Restored,
}

/// The orders of one call.
pub(crate) struct Orders {
    pbx: Arc<Pbx>,
    channel: Arc<str>,
    /// Each with the time of the key that led to it.
    queue: VecDeque<(What, Option<Instant>)>,
    sending: Pending<Result<Media, RestError>>,
    /// Since when, if it is no [`What::Clear`].
    since: Option<Instant>,
    playing: Playing,
    /// A playback that has begun and has not been reported.
    begun: Option<PlaybackId>,
    /// The call is to be answered, or has been.
    answered: bool,
    /// Asterisk tells what happens.
    told: bool,
    /// Asterisk did not do as it was told.
    lost: bool,
    /// How often since it did.
    tries: u32,
}

impl Orders {
    pub(crate) fn new(pbx: Arc<Pbx>, channel: Arc<str>) -> Self {
        Self {
            pbx,
            channel,
            queue: VecDeque::new(),
            sending: None,
            since: None,
            playing: Playing::default(),
            begun: None,
            answered: false,
            told: true,
            lost: false,
            tries: 0,
        }
    }

    /// Orders something, on account of a key if one was pressed at `keyed`.
    pub(crate) fn push(&mut self, what: What, keyed: Option<Instant>) {
        self.answered |= matches!(what, What::Answer);
        self.queue.push_back((what, keyed));
    }

    /// Asterisk tells a playback's end; gives whose, if it is one of ours that has not been cut short
    /// only to be played again.
    pub(crate) fn finished(&mut self, slot: Slot) -> Option<PlaybackId> {
        if let Some((What::Clear(_), _)) = self.queue.front() {
            return None;
        }
        let id = self.playing.in_slot(slot)?;
        self.begun = self.playing.finished(id);
        Some(id)
    }

    /// Asterisk tells nothing any more.
    pub(crate) fn is_cut_off(&mut self) {
        self.told = false;
    }

    /// Asterisk tells again.
    pub(crate) fn is_told(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            self.begin_anew(Duration::ZERO);
        }
    }

    /// The slots of all that may be queued.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        self.playing.slots()
    }

    /// Waits for an order under way, whatever comes of it.
    pub(crate) async fn settle(&mut self) {
        if let Some(under_way) = self.sending.take() {
            let _does_not_matter_any_more = under_way.await;
        }
    }

    /// Sends orders until there is something to report; safe to drop and to ask again.
    pub(crate) async fn report(&mut self) -> Report {
        loop {
            if let Some(begun) = self.begun.take() {
                return Report::Begun(begun);
            }
            self.send_next();
            let answer = ready(&mut self.sending).await;
            self.sending = None;
            if let Some(report) = self.answered(answer) {
                return report;
            }
        }
    }

    fn answered(&mut self, answer: Result<Media, RestError>) -> Option<Report> {
        let (what, keyed) = self.queue.pop_front()?;
        if let Some(since) = self.since.take() {
            let now = clock::now();
            let requests = match what {
                // To answer, to keep the call, and whose media it has.
                What::Answer => 2 + u32::from(!self.pbx.line.media_networks.is_empty()),
                What::Play(..) | What::Stop(_) | What::Clear(_) => 1,
            };
            self.pbx.note_order(now.saturating_duration_since(since) / requests, now);
        }
        if let Some(keyed) = keyed {
            let reaction = clock::now().saturating_duration_since(keyed);
            metrics::histogram!(DTMF_REACTION_DURATION).record(reaction.as_secs_f64());
        }
        if answer.is_ok() && !matches!(what, What::Clear(_)) {
            self.tries = 0;
        }
        match (answer, what) {
            (Ok(Media::Foreign), _) => Some(Report::ForeignMedia),
            (Ok(_), What::Answer) => None,
            (Ok(_), What::Play(id, _)) => {
                self.begun = self.playing.accepted(id);
                None
            }
            (Ok(_), What::Stop(id)) => {
                self.begun = self.playing.removed(id);
                None
            }
            (Ok(_), What::Clear(_)) => self.cleared(),
            (Err(RestError::Gone), _) => Some(Report::Gone),
            (
                Err(error @ (RestError::Refused(_) | RestError::NotUnderstood(_))),
                What::Play(id, _),
            ) => {
                warn!(error = %Chain(&error), "a guidance could not be played");
                self.begun = self.playing.removed(id);
                Some(Report::Failed(id))
            }
            (Err(error), What::Answer | What::Play(..) | What::Stop(_) | What::Clear(_)) => {
                self.lose(&error)
            }
        }
    }

    /// Nothing plays now, and the dialog may go on if it is told what happens.
    fn cleared(&mut self) -> Option<Report> {
        if self.lost {
            info!("a call can be steered again");
        }
        self.lost = false;
        self.queue.clear();
        self.playing = Playing::default();
        self.begun = None;
        if self.answered {
            self.queue.push_back((What::Answer, None));
        }
        self.told.then_some(Report::Restored)
    }

    fn lose(&mut self, error: &RestError) -> Option<Report> {
        let is_news = !self.lost;
        if is_news {
            warn!(error = %Chain(error), "a call cannot be steered; trying until it can");
        }
        self.lost = true;
        self.begin_anew(back_off(self.tries));
        self.tries = self.tries.saturating_add(1);
        is_news.then_some(Report::CutOff)
    }

    /// Drops what has not been sent, and stops all that may play.
    fn begin_anew(&mut self, after: Duration) {
        self.queue.truncate(usize::from(self.sending.is_some()));
        self.queue.push_back((What::Clear(after), None));
    }

    /// Makes the first order's request, unless one is under way.
    fn send_next(&mut self) {
        if self.sending.is_some() {
            return;
        }
        let Some((what, _)) = self.queue.front() else { return };
        // As long as nobody tells, what plays by itself is all that the caller has.
        if matches!(what, What::Clear(_)) && !self.told {
            return;
        }
        if let What::Play(id, _) = what {
            self.playing.requested(*id);
        }
        self.since = (!matches!(what, What::Clear(_))).then(clock::now);
        let (pbx, channel) = (Arc::clone(&self.pbx), Arc::clone(&self.channel));
        self.sending = Some(match what {
            What::Answer => Box::pin(answer(pbx, channel)),
            What::Play(id, prompts) => {
                let playback = wire_id(&channel, Slot::of(*id));
                let sounds: Vec<&str> = prompts.iter().flat_map(Prompt::media).collect();
                Box::pin(async move {
                    let play = pbx.rest.play(&channel, &playback, &sounds);
                    let (media, played) = tokio::join!(pbx.media(&channel), play);
                    // The media are checked again before anything is stored.
                    played.map(|()| media.unwrap_or(Media::Unknown))
                })
            }
            What::Stop(id) => {
                let playback = wire_id(&channel, Slot::of(*id));
                Box::pin(async move { pbx.rest.stop(&playback).await.map(|()| Media::Own) })
            }
            What::Clear(after) => {
                // What got no answer may be done yet, and would keep Asterisk from the next order.
                let all = self.lost.then(|| Slot::all().collect());
                let (after, slots) = (*after, all.unwrap_or_else(|| self.playing.slots()));
                Box::pin(async move {
                    sleep(after).await;
                    pbx.rest.clear(&channel, slots).await.map(|()| Media::Own)
                })
            }
        });
    }
}

/// Answers, extends the channel's time limit, and checks the media, which Asterisk knows only now.
/// A limit that Asterisk refuses is logged, and the call goes on.
async fn answer(pbx: Arc<Pbx>, channel: Arc<str>) -> Result<Media, RestError> {
    pbx.rest.answer(&channel).await?;
    match pbx.rest.limit(&channel, pbx.line.limits.max_channel_lifetime()).await {
        Err(error @ RestError::Refused(_)) => {
            warn!(error = %Chain(&error), "a call's limit was not taken: is func_timeout loaded?");
        }
        other => other?,
    }
    pbx.media(&channel).await
}

/// Waits for a pending future; for ever if there is none.
pub(crate) async fn ready<T>(pending_future: &mut Pending<T>) -> T {
    match pending_future {
        Some(future) => future.as_mut().await,
        None => pending().await,
    }
}
