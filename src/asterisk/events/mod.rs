//! The events that Asterisk sends over its WebSocket, as far as this daemon uses them.
//!
//! A frame becomes one [`Event`]. A frame may hold a keyed digit, so neither an event's `Debug` nor
//! an error repeats any of its text.

mod identity;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Deserialize;

use domain::dialog::{Input, Key, PlaybackEnd, PlaybackId};

pub(super) use identity::parse_identity;
pub use identity::{CallerIdentity, CallerVerdict, Evidence, IdentitySource};

/// The events that the daemon subscribes to; Asterisk filters out all others.
pub(super) const SUBSCRIBED_EVENTS: [&str; 10] = [
    "ApplicationReplaced",
    "CallBroadcast",
    "StasisStart",
    "StasisEnd",
    "ChannelDestroyed",
    "ChannelHangupRequest",
    "ChannelDtmfReceived",
    "ChannelHold",
    "ChannelUnhold",
    "PlaybackFinished",
];

/// Something that happened in Asterisk.
#[derive(Debug)]
pub enum Event {
    /// Asterisk offers a call to several daemons; the first to claim it gets it.
    CallBroadcast(Channel),
    /// A call has entered the application.
    StasisStart(Channel, IdentitySource),
    /// A channel has replaced another, as in an attended transfer. It inherits the variables that
    /// the dialplan has set there, so its caller is unknown (`P1`).
    ChannelReplaced {
        /// The new channel's id.
        channel: String,
        /// The id of the channel that it replaces.
        replaced: String,
    },
    /// A key was pressed on this channel.
    KeyPressed(String, KeyEvent),
    /// Something else happened to the call on this channel.
    Call(String, CallEvent),
    /// This channel has left the application or is gone; no event about it follows.
    ChannelGone(String),
    /// Another program has connected for the same application.
    AppReplaced,
    /// Nothing that concerns this daemon.
    Other,
}

impl Event {
    /// Its name in metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::CallBroadcast(_) => "call_broadcast",
            Self::StasisStart(..) | Self::ChannelReplaced { .. } => "stasis_start",
            Self::KeyPressed(..) => "dtmf",
            Self::Call(_, CallEvent::PlaybackFinished(..)) => "playback_finished",
            Self::Call(_, CallEvent::Dialog(_)) => "hold",
            Self::Call(_, CallEvent::Ended(_)) => "hangup_request",
            Self::ChannelGone(_) => "channel_gone",
            Self::AppReplaced => "application_replaced",
            Self::Other => "other",
        }
    }
}

/// What a call's mailbox carries.
#[derive(Debug)]
pub enum CallEvent {
    /// Something for the dialog. [`Input::Disconnected`] means that the WebSocket is down, and
    /// [`Input::Reconnected`] that it is up again.
    Dialog(Input),
    /// The playback in this slot has ended.
    PlaybackFinished(Slot, PlaybackEnd),
    /// The call has ended for this daemon.
    Ended(EndReason),
}

/// One item of a call's mailbox.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) event: CallEvent,
    /// When it arrived.
    pub(super) at: Instant,
}

/// Why a call ended for this daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The dialog hangs up.
    Dialog,
    /// The caller or Asterisk has hung up: the channel is gone or going.
    Remote,
    /// The daemon cannot go on, for example because events were lost; it hangs up.
    Failed,
    /// The call continues in the dialplan.
    Continued,
    /// The media are not the trunk's (`P1`); the daemon hangs up.
    ForeignMedia,
    /// Another process serves the call.
    TakenOver,
}

/// A key press as Asterisk reports it.
#[derive(Debug, Clone, Copy)]
pub struct KeyEvent {
    /// The key; its `Debug` hides it.
    pub key: Key,
    /// For how long.
    pub held: Duration,
    /// When it came up, by Asterisk's clock.
    pub released_at: Option<Timestamp>,
}

/// A channel, as an event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its id, unique in all of Asterisk.
    pub id: String,
    /// Where it comes from: `PJSIP/carrier` of the name `PJSIP/carrier-00000001`.
    pub endpoint: Option<String>,
}

/// The last part of a playback's id. A channel's playbacks take turns with a few slots, so that a
/// daemon can stop all that an earlier one may have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(u32);

/// More than are ever queued at once.
const SLOT_COUNT: u32 = 8;

impl Slot {
    pub(super) fn for_playback(id: PlaybackId) -> Self {
        Self(id.0 % SLOT_COUNT)
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..SLOT_COUNT).map(Self)
    }
}

/// A frame that is not a well-formed ARI event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ARI event (line {line}, column {column} of {bytes} bytes)")]
pub struct MalformedEvent {
    line: usize,
    column: usize,
    bytes: usize,
}

/// A frame as it comes: the parts that this daemon uses.
#[derive(Deserialize)]
pub struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    channel: Option<FrameChannel<'a>>,
    #[serde(borrow)]
    playback: Option<FramePlayback<'a>>,
    #[serde(borrow)]
    digit: Option<Cow<'a, str>>,
    #[serde(default)]
    duration_ms: i64,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    args: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    replace_channel: Option<FrameChannel<'a>>,
}

#[derive(Deserialize)]
struct FrameChannel<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

impl FrameChannel<'_> {
    fn into_id(self) -> String {
        self.id.into_owned()
    }

    fn into_channel(self) -> Channel {
        let endpoint = self.name.rsplit_once('-').map(|(name, _)| name.to_owned());
        Channel { id: self.into_id(), endpoint }
    }
}

#[derive(Deserialize)]
struct FramePlayback<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    target_uri: Cow<'a, str>,
    #[serde(borrow)]
    state: Cow<'a, str>,
}

/// Reads one frame.
///
/// # Errors
/// If the frame is not JSON, or a known event lacks a field.
pub fn parse(text: &str) -> Result<Event, MalformedEvent> {
    let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| MalformedEvent {
        line: error.line(),
        column: error.column(),
        bytes: text.len(),
    })?;
    to_event(frame).ok_or(MalformedEvent { line: 0, column: 0, bytes: text.len() })
}

fn to_event(frame: Frame<'_>) -> Option<Event> {
    let dialog =
        |channel: FrameChannel<'_>, input| Event::Call(channel.into_id(), CallEvent::Dialog(input));
    Some(match frame.kind.as_ref() {
        "CallBroadcast" => Event::CallBroadcast(frame.channel?.into_channel()),
        "StasisStart" => match frame.replace_channel {
            Some(replaced) => Event::ChannelReplaced {
                channel: frame.channel?.into_id(),
                replaced: replaced.into_id(),
            },
            None => Event::StasisStart(
                frame.channel?.into_channel(),
                identity::from_arguments(&frame.args),
            ),
        },
        "StasisEnd" | "ChannelDestroyed" => Event::ChannelGone(frame.channel?.into_id()),
        "ChannelHangupRequest" => {
            Event::Call(frame.channel?.into_id(), CallEvent::Ended(EndReason::Remote))
        }
        "ChannelDtmfReceived" => {
            let key = key(frame.digit?.as_ref())?;
            // Asterisk sends a negative duration when its clock was set back meanwhile.
            let held = Duration::from_millis(u64::try_from(frame.duration_ms).unwrap_or_default());
            let released_at = frame.timestamp.and_then(|text| text.parse().ok());
            Event::KeyPressed(frame.channel?.into_id(), KeyEvent { key, held, released_at })
        }
        "ChannelHold" => dialog(frame.channel?, Input::Held),
        "ChannelUnhold" => dialog(frame.channel?, Input::Unheld),
        "PlaybackFinished" => playback_finished(&frame.playback?),
        "ApplicationReplaced" => Event::AppReplaced,
        _ => Event::Other,
    })
}

fn key(digit: &str) -> Option<Key> {
    match digit.as_bytes() {
        [digit @ b'0'..=b'9'] => Some(Key::Digit(*digit)),
        b"*" => Some(Key::Star),
        b"#" => Some(Key::Hash),
        [b'A'..=b'D' | b'a'..=b'd'] => Some(Key::Letter),
        _ => None,
    }
}

fn playback_finished(playback: &FramePlayback<'_>) -> Event {
    let end = if playback.state == "done" { PlaybackEnd::Done } else { PlaybackEnd::Failed };
    let target = playback.target_uri.strip_prefix("channel:");
    let ours = target.and_then(|channel| Some((channel, slot_of(channel, &playback.id)?)));
    match ours {
        Some((channel, slot)) => {
            Event::Call(channel.to_owned(), CallEvent::PlaybackFinished(slot, end))
        }
        None => Event::Other,
    }
}

/// A playback's id on the wire; unique in all of Asterisk, because a channel's id is.
pub(super) fn wire_id(channel: &str, slot: Slot) -> String {
    format!("{channel}-{}", slot.0)
}

/// The inverse of [`wire_id`]; `None` for a playback that another program started.
fn slot_of(channel: &str, wire_id: &str) -> Option<Slot> {
    let slot = wire_id.strip_prefix(channel)?.strip_prefix('-')?.parse().ok()?;
    (slot < SLOT_COUNT).then_some(Slot(slot))
}

#[cfg(test)]
mod tests;
