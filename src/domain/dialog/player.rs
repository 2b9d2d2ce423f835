//! The playbacks on the channel, as the dialog has ordered them.
//!
//! The player queues a silence behind each prompt, and the next prompt behind the silence before it
//! stops the silence. So the channel always plays while digits may come, because Asterisk repeats
//! fast digits on an idle channel. A playback that fails is played again, within bounds.
//!
//! Behind the silence comes a fallback for an abandoned call: `trouble`. So the player replaces a
//! silence that may end before the dialog's next output. Behind the last prompt of a call the
//! fallback repeats the prompt first.

use std::time::{Duration, Instant};

use super::prompt::Prompt;
use super::{ChannelCommand, Output, PlaybackEnd, PlaybackId};

/// A guidance that ends sooner was hit by the stop of what played before it, or its sound file is
/// empty; every guidance is longer.
const MIN_GUIDANCE_DURATION: Duration = Duration::from_millis(200);

/// How often the silence is played again within one entry before it counts as unplayable.
const MAX_SILENCE_REPEATS: u8 = 10;

/// How much longer the silence lasts than the wait that it covers: commands to the PBX take time.
const SILENCE_MARGIN: Duration = Duration::from_secs(1);

/// The playbacks that still matter, and the outputs that the dialog returns next.
#[derive(Debug)]
pub(super) struct Player {
    /// How long the dialog may wait without an output.
    max_wait: Duration,
    playbacks: u32,
    guidance: Option<Guidance>,
    silence: Option<Silence>,
    /// The silence, and the fallback that plays after it unless it is stopped.
    fallback: Vec<Prompt>,
    has_spoken: bool,
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
    repeats: u8,
}

/// The meaning of a playback's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaybackResult {
    /// Ignored, or played again.
    Ignored,
    /// The guidance could not be played, and plays again.
    Repeating,
    /// The guidance has been heard.
    Heard,
    /// The silence cannot be kept playing.
    SilenceLost,
    /// The guidance cannot be played.
    Unplayable,
}

impl Player {
    /// For a dialog that waits for `max_wait` at most without an output.
    pub(super) fn new(max_wait: Duration) -> Self {
        Self {
            max_wait,
            playbacks: 0,
            guidance: None,
            silence: None,
            fallback: vec![Prompt::silence_for(max_wait + SILENCE_MARGIN)],
            has_spoken: false,
            outputs: Vec::new(),
        }
    }

    /// Plays a guidance that a key may interrupt, and the silence behind it.
    pub(super) fn play(&mut self, prompts: Vec<Prompt>) {
        self.start_guidance(prompts);
        self.stop_silence();
        self.start_silence(0);
    }

    /// Plays the last guidance of the call. The fallback repeats it, in case nobody hangs up.
    pub(super) fn play_final(&mut self, prompts: Vec<Prompt>) {
        self.fallback = [&[Prompt::Pause], &prompts[..], &[Prompt::Silence(1)]].concat();
        self.play(prompts);
    }

    /// Stops the guidance.
    pub(super) fn interrupt(&mut self) {
        if let Some(guidance) = self.guidance.take() {
            self.emit(ChannelCommand::Stop(guidance.id));
        }
    }

    /// Whether a guidance plays or is queued.
    pub(super) fn is_playing_guidance(&self) -> bool {
        self.guidance.is_some()
    }

    /// The name of the guidance that plays or is queued.
    pub(super) fn guidance_name(&self) -> Option<&'static str> {
        let mut prompts = self.guidance.as_ref()?.prompts.iter();
        prompts.find(|prompt| **prompt != Prompt::LeadIn).map(Prompt::name)
    }

    /// Everything that played has been stopped.
    pub(super) fn reset(&mut self) {
        self.silence = None;
        self.guidance = None;
    }

    /// Makes the silence last for `wait` from `now` on, with a new one if need be.
    pub(super) fn extend_silence(&mut self, wait: Duration, now: Instant) {
        let duration = self.max_wait + SILENCE_MARGIN;
        let started = self.silence.as_ref().and_then(|silence| silence.started);
        if started.is_some_and(|started| started + duration < now + wait + SILENCE_MARGIN) {
            let old = self.silence.take();
            self.start_silence(0);
            self.stop_playback(old);
        }
    }

    /// Plays the silence without a guidance.
    pub(super) fn play_silence(&mut self) {
        self.start_silence(0);
    }

    /// Records that a playback has started; `true` if it is the guidance.
    pub(super) fn on_started(&mut self, id: PlaybackId, now: Instant) -> bool {
        if let Some(silence) = self.silence.as_mut().filter(|silence| silence.id == id) {
            silence.started.get_or_insert(now);
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

    pub(super) fn on_finished(
        &mut self,
        id: PlaybackId,
        end: PlaybackEnd,
        now: Instant,
    ) -> PlaybackResult {
        if let Some(silence) = self.silence.take_if(|silence| silence.id == id) {
            if silence.repeats == MAX_SILENCE_REPEATS {
                return PlaybackResult::SilenceLost;
            }
            self.start_silence(silence.repeats + 1);
            return PlaybackResult::Ignored;
        }
        let Some(guidance) = self.guidance.take_if(|guidance| guidance.id == id) else {
            return PlaybackResult::Ignored;
        };
        let is_heard = match end {
            PlaybackEnd::Done => !guidance.was_cut_short(now),
            PlaybackEnd::Failed => false,
        };
        if is_heard {
            PlaybackResult::Heard
        } else if guidance.repeated {
            PlaybackResult::Unplayable
        } else {
            self.repeat(guidance.prompts);
            PlaybackResult::Repeating
        }
    }

    /// Adds an output for the dialog to return.
    pub(super) fn emit(&mut self, output: impl Into<Output>) {
        self.outputs.push(output.into());
    }

    /// The outputs since the last call, in order.
    pub(super) fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    fn start_guidance(&mut self, mut prompts: Vec<Prompt>) {
        if !std::mem::replace(&mut self.has_spoken, true) {
            prompts.insert(0, Prompt::LeadIn);
        }
        self.play_guidance(prompts, false);
    }

    fn repeat(&mut self, prompts: Vec<Prompt>) {
        self.play_guidance(prompts, true);
        self.stop_silence();
        self.start_silence(0);
    }

    fn play_guidance(&mut self, prompts: Vec<Prompt>, repeated: bool) {
        let id = self.next_id();
        self.guidance = Some(Guidance { id, prompts: prompts.clone(), started: None, repeated });
        self.emit(ChannelCommand::Play(id, prompts));
    }

    fn start_silence(&mut self, repeats: u8) {
        let id = self.next_id();
        self.silence = Some(Silence { id, started: None, repeats });
        self.emit(ChannelCommand::Play(id, self.fallback.clone()));
    }

    fn stop_silence(&mut self) {
        let old = self.silence.take();
        self.stop_playback(old);
    }

    fn stop_playback(&mut self, silence: Option<Silence>) {
        if let Some(silence) = silence {
            self.emit(ChannelCommand::Stop(silence.id));
        }
    }

    fn next_id(&mut self) -> PlaybackId {
        self.playbacks += 1;
        PlaybackId(self.playbacks)
    }
}

impl Guidance {
    fn was_cut_short(&self, now: Instant) -> bool {
        self.started.is_some_and(|at| now.saturating_duration_since(at) < MIN_GUIDANCE_DURATION)
    }
}
