//! A channel that plays one playback after the other, in made-up time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::dialog::prompt::{Prompt, SILENCE_LENGTH};
use crate::dialog::{Input, PlaybackEnd, PlaybackId};

/// Heard when nobody has stopped the silence in time.
pub(super) const BY_ITSELF: &str = "trouble-by-itself";

/// The fate of a playback that starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Plays,
    /// Cannot be played.
    Fails,
    /// Is stopped, as it starts, by the stop of the playback before it.
    Stopped,
    /// Plays, but its start is never reported.
    StartIsLost,
    /// Plays, but its end is never reported.
    EndIsLost,
}

#[derive(Debug)]
struct Playback {
    id: PlaybackId,
    prompts: Vec<Prompt>,
    started: Option<Instant>,
    fate: Fate,
}

#[derive(Debug, Default)]
pub(super) struct ChannelModel {
    queue: VecDeque<Playback>,
    heard: Vec<String>,
    /// Every id that was queued.
    pub(super) known: Vec<PlaybackId>,
    /// Every id that has ended and was reported.
    pub(super) over: Vec<PlaybackId>,
    /// Playbacks that have started, except silence.
    pub(super) guidances: usize,
}

impl ChannelModel {
    pub(super) fn play(&mut self, id: PlaybackId, prompts: Vec<Prompt>) {
        assert!(!self.known.contains(&id), "an id names one playback");
        self.known.push(id);
        self.queue.push_back(Playback { id, prompts, started: None, fate: Fate::Plays });
    }

    /// Everything is stopped without an event.
    pub(super) fn clear(&mut self, now: Instant) {
        for playback in std::mem::take(&mut self.queue) {
            self.heard.extend(playback.heard(now));
            self.over.push(playback.id);
        }
    }

    /// What Asterisk reports of a stopped playback.
    pub(super) fn stop(&mut self, id: PlaybackId, now: Instant) -> Option<Input> {
        let at = self.queue.iter().position(|playback| playback.id == id)?;
        let playback = self.queue.remove(at)?;
        self.heard.extend(playback.heard(now));
        self.over.push(id);
        Some(Input::Finished(id, PlaybackEnd::Done))
    }

    /// The next event that the channel produces by itself at `now`.
    pub(super) fn event(
        &mut self,
        now: Instant,
        fate: impl Fn(&[Prompt], usize) -> Fate,
    ) -> Option<Input> {
        let head = self.queue.front_mut()?;
        if head.started.is_none() {
            head.started = Some(now);
            head.fate = fate(&head.prompts, self.guidances);
            self.guidances += usize::from(!head.is_silent());
            if head.fate != Fate::Fails && head.fate != Fate::StartIsLost {
                return Some(Input::Started(head.id));
            }
        }
        if head.ends().is_none_or(|end| now < end) {
            return None;
        }
        let playback = self.queue.pop_front()?;
        self.heard.extend(playback.heard(now));
        if playback.fate != Fate::EndIsLost {
            self.over.push(playback.id);
        }
        match playback.fate {
            Fate::Plays | Fate::StartIsLost | Fate::Stopped => {
                Some(Input::Finished(playback.id, PlaybackEnd::Done))
            }
            Fate::Fails => Some(Input::Finished(playback.id, PlaybackEnd::Failed)),
            Fate::EndIsLost => self.event(now, fate),
        }
    }

    pub(super) fn next_end(&self) -> Option<Instant> {
        self.queue.front()?.ends()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the caller hears an apology if nobody serves the call.
    pub(super) fn reports_by_itself(&self) -> bool {
        let last = |playback: &Playback| playback.prompts.last().copied();
        self.queue.iter().filter_map(last).any(|last| matches!(last, Prompt::Silence(_)))
    }

    /// Whether only silence plays or is queued.
    pub(super) fn is_silent(&self) -> bool {
        self.queue.iter().all(Playback::is_silent)
    }

    /// Everything heard, except silence, in order; an interrupted prompt ends in `…`.
    pub(super) fn heard(&self, now: Instant) -> String {
        let playing = self.queue.front().map(|head| head.heard(now)).unwrap_or_default();
        let heard: Vec<&str> = self
            .heard
            .iter()
            .map(String::as_str)
            .chain(playing.iter().map(String::as_str))
            .collect();
        heard.join(" ")
    }
}

impl Playback {
    fn is_silent(&self) -> bool {
        is_silent(&self.prompts)
    }

    fn ends(&self) -> Option<Instant> {
        match self.fate {
            Fate::Plays | Fate::StartIsLost | Fate::EndIsLost => {
                Some(self.started? + self.prompts.iter().map(duration).sum::<Duration>())
            }
            Fate::Fails | Fate::Stopped => self.started,
        }
    }

    fn heard(&self, now: Instant) -> Vec<String> {
        let Some(started) = self.started else { return Vec::new() };
        let mut at = started;
        let mut heard = Vec::new();
        for prompt in &self.prompts {
            let end = at + duration(prompt);
            if at < now && !prompt.is_silence() && *prompt != Prompt::LeadIn {
                heard.push(name(prompt) + if now < end { "…" } else { "" });
            }
            if let Prompt::Silence(times) = prompt
                && at + SILENCE_LENGTH * u32::from(*times) < now
            {
                heard.push(BY_ITSELF.to_owned());
            }
            at = end;
        }
        heard
    }
}

/// Whether it begins with silence, whatever follows that by itself.
pub(super) fn is_silent(prompts: &[Prompt]) -> bool {
    prompts.first().is_some_and(Prompt::is_silence)
}

/// The duration of a guidance, of the same magnitude as the real ones.
pub(super) fn duration(prompt: &Prompt) -> Duration {
    Duration::from_millis(match prompt {
        Prompt::LeadIn => 100,
        Prompt::Menu => 15_000,
        Prompt::EnterNumber | Prompt::Redial => 6_000,
        Prompt::SetPassword(_) | Prompt::RegisterPassword(_) | Prompt::Completed(_) => 12_000,
        Prompt::ConfirmPassword | Prompt::Invalid => 4_000,
        Prompt::NotAvailable | Prompt::Trouble => 5_000,
        Prompt::Silence(_) => 100_000,
        Prompt::Pause => 5_500,
    })
}

fn name(prompt: &Prompt) -> String {
    let words = prompt.media().pop().unwrap().trim_start_matches("karipass/");
    match prompt {
        Prompt::SetPassword(number)
        | Prompt::RegisterPassword(number)
        | Prompt::Completed(number) => format!("{words}({})", number.as_str()),
        Prompt::Menu
        | Prompt::EnterNumber
        | Prompt::ConfirmPassword
        | Prompt::Invalid
        | Prompt::Redial
        | Prompt::NotAvailable
        | Prompt::Trouble
        | Prompt::LeadIn
        | Prompt::Silence(_)
        | Prompt::Pause => words.to_owned(),
    }
}
