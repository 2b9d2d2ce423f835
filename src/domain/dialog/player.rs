//! What plays on the channel, as far as the dialog has ordered it.
//!
//! A guidance is played with the quiet queued behind it, and the next guidance is queued behind
//! the quiet before the quiet is stopped: the channel is never idle while digits may come, since
//! Asterisk repeats fast digits on an idle channel. Playbacks that go wrong are played again, within bounds.
//!
//! Behind the quiet comes `trouble`, for a caller whose line is no more. So a quiet that may run out
//! before the dialog's next word is exchanged for a fresh one. Behind the last guidance comes the same
//! once more before that.

use std::time::{Duration, Instant};

use super::prompt::Prompt;
use super::{Output, PlaybackEnd, PlaybackId};

/// A guidance that ends sooner than this was hit by the stop of what played before it; every
/// guidance is longer.
const CUT_SHORT_BELOW: Duration = Duration::from_millis(200);

/// How often the quiet is played again within one entry before it counts as unplayable.
const MAX_SILENCE_REPEATS: u8 = 10;

/// How much longer than its longest wait the quiet lasts: orders to the PBX take their time.
const MARGIN: Duration = Duration::from_secs(1);

/// The playbacks that still matter, and what the dialog has to say next.
#[derive(Debug)]
pub(super) struct Player {
    /// How long the dialog may wait without a word.
    wait: Duration,
    playbacks: u32,
    guidance: Option<Guidance>,
    quiet: Option<Silence>,
    /// What the quiet is, and what comes behind it by itself.
    behind: Vec<Prompt>,
    spoken: bool,
    outputs: Vec<Output>,
}

#[derive(Debug)]
struct Guidance {
    id: PlaybackId,
    prompts: Vec<Prompt>,
    started: Option<Instant>,
    repeated: bool,
}

#[derive(Debug)]
struct Silence {
    id: PlaybackId,
    started: Option<Instant>,
    again: u8,
}

/// What the end of a playback means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaybackResult {
    /// Nothing: it does not matter any more, or it plays again.
    Nothing,
    /// The guidance could not be played, and is to play again.
    Repeats,
    /// The guidance has been heard.
    Heard,
    /// The quiet cannot be kept playing.
    NoQuiet,
    /// The guidance cannot be played.
    Unplayable,
}

impl Player {
    /// A line that waits for `wait` at most without a word.
    pub(super) fn new(wait: Duration) -> Self {
        Self {
            wait,
            playbacks: 0,
            guidance: None,
            quiet: None,
            behind: vec![Prompt::silence_for(wait + MARGIN)],
            spoken: false,
            outputs: Vec::new(),
        }
    }

    /// Plays a guidance that the caller may key into, and the quiet behind it.
    pub(super) fn play(&mut self, prompts: Vec<Prompt>) {
        self.begin_guidance(prompts);
        self.stop_quiet();
        self.play_quiet(0);
    }

    /// Plays the last guidance of the call, and behind it the same again, for a caller who is not hung up
    /// on at its end.
    pub(super) fn play_final(&mut self, prompts: Vec<Prompt>) {
        self.behind = [&[Prompt::Pause], &prompts[..], &[Prompt::Silence(1)]].concat();
        self.play(prompts);
    }

    /// Stops the guidance, if one plays.
    pub(super) fn interrupt(&mut self) {
        if let Some(guidance) = self.guidance.take() {
            self.emit(Output::Stop(guidance.id));
        }
    }

    /// Whether a guidance plays or is to play.
    pub(super) fn is_playing_guidance(&self) -> bool {
        self.guidance.is_some()
    }

    /// Whatever played has been stopped.
    pub(super) fn reset(&mut self) {
        self.quiet = None;
        self.guidance = None;
    }

    /// The quiet is to last for `wait` from `now` on: plays a fresh one if this one may not.
    pub(super) fn extend_silence(&mut self, wait: Duration, now: Instant) {
        let needed = wait + MARGIN;
        let lasting = self.wait + MARGIN;
        let ends = self.quiet.as_ref().and_then(|quiet| quiet.started).map(|at| at + lasting);
        if ends.is_some_and(|end| end < now + needed) {
            let old = self.quiet.take();
            self.play_quiet(0);
            self.emit_all(old.map(|quiet| Output::Stop(quiet.id)));
        }
    }

    /// Plays the quiet and nothing else.
    pub(super) fn play_silence(&mut self) {
        self.play_quiet(0);
    }

    /// Whether `id` is the guidance, which has started now.
    pub(super) fn started(&mut self, id: PlaybackId, now: Instant) -> bool {
        if let Some(quiet) = self.quiet.as_mut().filter(|quiet| quiet.id == id) {
            quiet.started.get_or_insert(now);
            return false;
        }
        match &mut self.guidance {
            Some(guidance) if guidance.id == id => {
                guidance.started.get_or_insert(now);
                true
            }
            Some(_) | None => false,
        }
    }

    pub(super) fn finished(
        &mut self,
        id: PlaybackId,
        end: PlaybackEnd,
        now: Instant,
    ) -> PlaybackResult {
        if let Some(quiet) = self.quiet.take_if(|quiet| quiet.id == id) {
            if quiet.again == MAX_SILENCE_REPEATS {
                return PlaybackResult::NoQuiet;
            }
            self.play_quiet(quiet.again + 1);
            return PlaybackResult::Nothing;
        }
        let Some(guidance) = self.guidance.take_if(|guidance| guidance.id == id) else {
            return PlaybackResult::Nothing;
        };
        match end {
            PlaybackEnd::Failed if guidance.repeated => PlaybackResult::Unplayable,
            PlaybackEnd::Done if guidance.repeated || !guidance.was_cut_short(now) => {
                PlaybackResult::Heard
            }
            PlaybackEnd::Failed => {
                self.repeat(guidance.prompts);
                PlaybackResult::Repeats
            }
            PlaybackEnd::Done => {
                self.repeat(guidance.prompts);
                PlaybackResult::Nothing
            }
        }
    }

    /// Whatever is to be done for the call besides playing.
    pub(super) fn emit(&mut self, output: Output) {
        self.outputs.push(output);
    }

    fn emit_all(&mut self, outputs: impl IntoIterator<Item = Output>) {
        self.outputs.extend(outputs);
    }

    /// What is to be done now, in this order.
    pub(super) fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    fn begin_guidance(&mut self, mut prompts: Vec<Prompt>) {
        if !self.spoken {
            self.spoken = true;
            prompts.insert(0, Prompt::LeadIn);
        }
        self.play_guidance(prompts, false);
    }

    fn repeat(&mut self, prompts: Vec<Prompt>) {
        self.play_guidance(prompts, true);
        self.stop_quiet();
        self.play_quiet(0);
    }

    fn play_guidance(&mut self, prompts: Vec<Prompt>, repeated: bool) {
        let id = self.next_id();
        self.guidance = Some(Guidance { id, prompts: prompts.clone(), started: None, repeated });
        self.emit(Output::Play(id, prompts));
    }

    fn play_quiet(&mut self, again: u8) {
        let id = self.next_id();
        self.quiet = Some(Silence { id, started: None, again });
        self.emit(Output::Play(id, self.behind.clone()));
    }

    fn stop_quiet(&mut self) {
        let quiet = self.quiet.take();
        self.emit_all(quiet.map(|quiet| Output::Stop(quiet.id)));
    }

    fn next_id(&mut self) -> PlaybackId {
        self.playbacks += 1;
        PlaybackId(self.playbacks)
    }
}

impl Guidance {
    fn was_cut_short(&self, now: Instant) -> bool {
        self.started.is_some_and(|started| now.saturating_duration_since(started) < CUT_SHORT_BELOW)
    }
}
