//! What ARI tells over its WebSocket, as far as this daemon cares.
//!
//! A frame becomes one [`Event`]; what is not ours is [`Event::Other`]. A frame may hold a keyed
//! digit: neither an event's `Debug` nor an error repeats any of its text.

use std::borrow::Cow;

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use domain::dialog::{Key, PlaybackEnd, PlaybackId};
use domain::phone_number::PhoneNumber;

/// The events that are asked for; everything else is filtered out by Asterisk.
pub(crate) const WANTED: [&str; 10] = [
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

/// The first Stasis argument of a call whose caller number the dialplan vouches for (`P1`).
const TRUSTED: &str = "trusted";

/// Something that happened in Asterisk.
#[derive(Debug)]
pub enum Event {
    /// A call is offered to several daemons, of which the first to claim it gets it.
    Offered(Channel),
    /// A call has come into the application.
    Started(Channel, Identity),
    /// A channel has taken the place of another, as at an attended transfer: it inherits what the
    /// dialplan has written there, and nobody knows whose it is (`P1`).
    ChannelReplaced(String, String),
    /// Something happened to a call.
    Happened(String, Word),
    /// A channel has left the application or is no more: the last that is heard of it.
    Ended(String),
    /// Another program has taken the application over.
    Replaced,
    /// Nothing of ours.
    Other,
}

/// A channel, as an event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its id, unique in all of Asterisk.
    pub id: String,
    /// Where it comes from: `PJSIP/carrier` of the name `PJSIP/carrier-00000001`.
    pub trunk: Option<String>,
}

/// Where the caller's number stands; there is none if it is withheld or not trusted (`P1`, `P2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// In the event.
    Told(Option<PhoneNumber>),
    /// In a variable of the channel: `StasisBroadcast` has no arguments to give.
    OnChannel,
}

/// What a call is told.
#[derive(Debug, Clone, Copy)]
pub enum Word {
    /// A key was pressed, held for so long, and let go, by Asterisk's clock if it has told the
    /// time.
    Key(Key, Duration, Option<Timestamp>),
    /// The caller has put the call on hold.
    Held,
    /// The caller has taken the call up again.
    Unheld,
    /// A playback is over.
    Finished(Slot, PlaybackEnd),
    /// Nothing will be told until [`Word::Restored`].
    CutOff,
    /// Whatever happens is told again; what has happened meanwhile is not.
    Restored,
    /// It is no call of ours any more.
    Over(Parting),
}

/// How a call and this daemon part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// The dialog hangs up.
    Ours,
    /// The caller or Asterisk has: the channel is gone or going.
    Theirs,
    /// Something broke, such as that news were lost: it is hung up.
    Broken,
    /// The dialplan goes on with it.
    SentOn,
    /// It has media that are not its trunk's: it is hung up.
    ForeignMedia,
    /// Another process serves it.
    Left,
}

/// The place of a playback's id among the few that a channel's playbacks take turns with, so that a
/// daemon can stop all that an earlier one may have left there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(u32);

/// More than are ever queued at once.
const SLOTS: u32 = 8;

impl Slot {
    pub(crate) fn of(id: PlaybackId) -> Self {
        Self(id.0 % SLOTS)
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..SLOTS).map(Self)
    }
}

/// A frame that is not an event of ARI's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ARI event (line {line}, column {column} of {bytes} bytes)")]
pub struct Malformed {
    line: usize,
    column: usize,
    bytes: usize,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    channel: Option<Named<'a>>,
    #[serde(borrow)]
    playback: Option<Playback<'a>>,
    #[serde(borrow)]
    digit: Option<Cow<'a, str>>,
    #[serde(default)]
    duration_ms: i64,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    args: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    replace_channel: Option<Named<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

impl Named<'_> {
    fn channel(self) -> Channel {
        let trunk = self.name.rsplit_once('-').map(|(endpoint, _)| endpoint.to_owned());
        Channel { id: self.id.into_owned(), trunk }
    }
}

#[derive(Deserialize)]
struct Playback<'a> {
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
/// [`Malformed`] if it is not JSON, or a known event lacks what it is about.
pub fn parse(text: &str) -> Result<Event, Malformed> {
    let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| Malformed {
        line: error.line(),
        column: error.column(),
        bytes: text.len(),
    })?;
    understand(frame).ok_or(Malformed { line: 0, column: 0, bytes: text.len() })
}

fn understand(frame: Frame<'_>) -> Option<Event> {
    Some(match frame.kind.as_ref() {
        "CallBroadcast" => Event::Offered(frame.channel?.channel()),
        "StasisStart" => match frame.replace_channel {
            Some(other) => {
                Event::ChannelReplaced(frame.channel?.id.into_owned(), other.id.into_owned())
            }
            None => Event::Started(frame.channel?.channel(), identity(&frame.args)),
        },
        "StasisEnd" | "ChannelDestroyed" => Event::Ended(frame.channel?.id.into_owned()),
        "ChannelHangupRequest" => {
            Event::Happened(frame.channel?.id.into_owned(), Word::Over(Parting::Theirs))
        }
        "ChannelDtmfReceived" => match key(frame.digit?.as_ref()) {
            Some(key) => {
                // Less than nothing if Asterisk's clock was set back meanwhile.
                let held = u64::try_from(frame.duration_ms).unwrap_or_default();
                let held = Duration::from_millis(held);
                let at = frame.timestamp.as_deref().and_then(time);
                Event::Happened(frame.channel?.id.into_owned(), Word::Key(key, held, at))
            }
            None => return None,
        },
        "ChannelHold" => Event::Happened(frame.channel?.id.into_owned(), Word::Held),
        "ChannelUnhold" => Event::Happened(frame.channel?.id.into_owned(), Word::Unheld),
        "PlaybackFinished" => finished(&frame.playback?),
        "ApplicationReplaced" => Event::Replaced,
        _ => Event::Other,
    })
}

fn identity(args: &[Cow<'_, str>]) -> Identity {
    match args {
        [] => Identity::OnChannel,
        [verdict, number] => Identity::Told(vouched_for(verdict, number)),
        _ => Identity::Told(None),
    }
}

/// The caller's number in `verdict/number/channel`; what names another channel was inherited or
/// copied.
pub(crate) fn written_identity(channel: &str, text: &str) -> Option<PhoneNumber> {
    let (verdict, rest) = text.split_once('/')?;
    let (number, written_on) = rest.split_once('/')?;
    if written_on == channel { vouched_for(verdict, number) } else { None }
}

/// The caller's number, if the dialplan says `trusted` and it is one (`P1`, `P2`).
fn vouched_for(verdict: &str, number: &str) -> Option<PhoneNumber> {
    if verdict == TRUSTED { number.parse().ok() } else { None }
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

/// Asterisk writes its time zone without a colon.
fn time(text: &str) -> Option<Timestamp> {
    Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()
}

fn finished(playback: &Playback<'_>) -> Event {
    let end = if playback.state == "done" { PlaybackEnd::Done } else { PlaybackEnd::Failed };
    let target = playback.target_uri.strip_prefix("channel:");
    let ours = target.and_then(|channel| Some((channel, slot_of(channel, &playback.id)?)));
    match ours {
        Some((channel, slot)) => Event::Happened(channel.to_owned(), Word::Finished(slot, end)),
        None => Event::Other,
    }
}

/// A playback's id on the wire: unique in all of Asterisk, since a channel's id is.
pub(crate) fn wire_id(channel: &str, slot: Slot) -> String {
    format!("{channel}-{}", slot.0)
}

/// The inverse of [`wire_id`]; none for a playback that someone else started.
fn slot_of(channel: &str, wire_id: &str) -> Option<Slot> {
    let slot = wire_id.strip_prefix(channel)?.strip_prefix('-')?.parse().ok()?;
    (slot < SLOTS).then_some(Slot(slot))
}

#[cfg(test)]
mod tests;
