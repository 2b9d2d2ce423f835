//! The fake's channels: their playbacks, one after the other, and the events that report them.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::wire::Outgoing;
use super::{FakeAsterisk, FakeState, ReceivedRequest};

/// The destination of every channel's audio.
const MEDIA: &str = "127.0.0.2:40000";

/// A channel in the application.
#[derive(Default)]
pub(super) struct FakeChannel {
    queue: VecDeque<FakePlayback>,
    /// How many playbacks have been asked for.
    requested: usize,
    answered: bool,
    /// The identity that the dialplan has written on it, with the channel's id.
    identity: Option<String>,
}

struct FakePlayback {
    id: String,
    media: Vec<String>,
    stopped: bool,
}

impl FakePlayback {
    /// Whether its sounds include `sound`. What follows a silence by itself does not count.
    fn includes(&self, sound: &str) -> bool {
        let is_silent = self.media.first().is_some_and(|media| media.ends_with("/quiet"));
        let heard = if is_silent { 1 } else { self.media.len() };
        self.media.iter().take(heard).any(|media| media.ends_with(sound))
    }
}

impl FakeAsterisk {
    /// A call comes in; the arguments are `Stasis()`'s.
    pub fn call(&self, channel: &str, arguments: &[&str]) {
        self.call_through("PJSIP/carrier", channel, arguments);
    }

    /// A call comes in through this endpoint.
    pub fn call_through(&self, endpoint: &str, channel: &str, arguments: &[&str]) {
        self.state.change(|state| {
            let identity = Some(format!("{}/{channel}", arguments.join("/")));
            state
                .channels
                .insert(channel.to_owned(), FakeChannel { identity, ..FakeChannel::default() });
            let name = format!("{endpoint}-00000001");
            let channel = json!({ "id": channel, "name": name, "state": "Ring" });
            state.emit(&json!({ "type": "StasisStart", "args": arguments, "channel": channel }));
        });
    }

    /// A channel that no event reports, as after a gap, with the identity that the dialplan wrote
    /// on it.
    pub fn silent_call(&self, channel: &str, identity: &str) {
        self.state.change(|state| state.add(channel, identity));
    }

    /// A call is offered to several daemons, as by `StasisBroadcast`.
    pub fn offer(&self, channel: &str, identity: &str) {
        self.state.change(|state| {
            state.offered.insert(channel.to_owned(), identity.to_owned());
            state.emit(&json!({
                "type": "CallBroadcast",
                "channel": { "id": channel, "name": "PJSIP/carrier-00000001", "state": "Ring" }
            }));
        });
    }

    /// Another channel replaces one, with its variables and playbacks, as in an attended transfer.
    pub fn replace(&self, channel: &str, by: &str) {
        self.state.change(|state| {
            let replaced = state.channels.remove(channel).expect("a channel to replace");
            state.channels.insert(by.to_owned(), replaced);
            state.emit(&json!({
                "type": "StasisStart", "args": [], "channel": { "id": by, "state": "Up" },
                "replace_channel": { "id": channel, "state": "Up" }
            }));
            state.emit_channel_event("StasisEnd", channel);
        });
    }

    /// A playback on the channel that an earlier daemon has started.
    pub fn leave_playing(&self, channel: &str, playback: &str, media: &str) {
        self.state.change(|state| state.play(channel, playback, &format!("media=sound:{media}")));
    }

    /// The caller presses keys, one every 200 ms by Asterisk's clock from now on; all are reported
    /// at once. None is held, so that none was pressed before an earlier event.
    pub fn press(&self, channel: &str, keys: &str) {
        const BETWEEN_MS: u64 = 200;
        const LONG_AGO_MS: u64 = 1000;
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or_default();
        let now_ms = LONG_AGO_MS + now_ms;
        self.state.change(|state| {
            let last = state.keyed_ms.entry(channel.to_owned());
            // A call's first key is reported when it is released, later ones ahead of it.
            last.and_modify(|last| *last = now_ms.max(*last)).or_insert(now_ms - BETWEEN_MS);
            for key in keys.chars() {
                state.emit_key(channel, key, 0, BETWEEN_MS);
            }
        });
    }

    /// Reports a key that was held for `held_ms`, this much later by Asterisk's clock than the one
    /// before.
    pub fn emit_key(&self, channel: &str, key: char, held_ms: u32, after_ms: u64) {
        self.state.change(|state| state.emit_key(channel, key, held_ms, after_ms));
    }

    /// The caller hangs up.
    pub fn hang_up(&self, channel: &str) {
        self.state.change(|state| state.hang_up(channel));
    }

    /// The channel disappears without an event.
    pub fn vanish(&self, channel: &str) {
        self.state.change(|state| state.channels.remove(channel));
    }

    /// The current playback of the channel has ended, `done` or `failed`.
    pub fn finish(&self, channel: &str, end: &str) {
        self.state.change(|state| state.finish(channel, end));
    }

    /// Waits until something plays whose sounds include `sound`, and returns its playback's id. The
    /// silence's id is its own, whatever follows it by itself.
    pub async fn wait_for_playback(&self, channel: &str, sound: &str) -> String {
        self.playing_before(channel, sound, 0).await
    }

    /// The same, with more queued behind it: the daemon knows that it plays.
    pub async fn wait_for_confirmed_playback(&self, channel: &str, sound: &str) -> String {
        self.playing_before(channel, sound, 1).await
    }

    /// A call from `caller` for the line's password that waits for its confirmation.
    pub async fn call_up_to_confirmation(&self, channel: &str, caller: &str) {
        self.call(channel, &["trusted", caller]);
        self.wait_for_playback(channel, "menu").await;
        self.press(channel, "1");
        self.wait_for_playback(channel, "set-password").await;
        self.press(channel, "12345678");
        self.wait_for_playback(channel, "confirm-password").await;
    }

    /// How many channels have been given this many prompts, each with the silence behind it.
    pub fn count_prompted(&self, prompts: usize) -> usize {
        let state = self.state.lock();
        state.channels.values().filter(|channel| channel.requested >= 2 * prompts).count()
    }

    /// How many channels play something whose sounds include `sound`, with more queued behind it:
    /// the daemon knows that it plays.
    pub fn count_playing(&self, sound: &str) -> usize {
        let state = self.state.lock();
        let queues = state.channels.values().map(|channel| &channel.queue);
        let playing = queues.filter(|queue| queue.len() > 1).filter_map(VecDeque::front);
        playing.filter(|playback| playback.includes(sound)).count()
    }

    async fn playing_before(&self, channel: &str, sound: &str, queued: usize) -> String {
        let what = format!("{sound} on {channel}");
        self.until(&what, |state| {
            let queue = &state.channels.get(channel)?.queue;
            let playback = queue.front().filter(|_| queue.len() > queued)?;
            playback.includes(sound).then(|| playback.id.clone())
        })
        .await
    }

    /// Whether the channel is gone.
    pub fn is_gone(&self, channel: &str) -> bool {
        !self.state.lock().channels.contains_key(channel)
    }
}

impl FakeState {
    /// Carries out a request, and returns Asterisk's answer.
    pub(super) fn obey(&mut self, request: &ReceivedRequest) -> (u16, Value) {
        let query = &request.query;
        let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["channels", channel, "answer"]) => self.answer(channel),
            ("POST", ["channels", channel, "variable"]) if self.channels.contains_key(*channel) => {
                done()
            }
            ("POST", ["channels", channel, "play", playback]) => {
                self.play(channel, playback, query)
            }
            ("GET", ["channels", channel, "variable"]) if query.contains("KARIPASS_IDENTITY") => {
                match self.channels.get(*channel).and_then(|channel| channel.identity.as_ref()) {
                    Some(identity) => (200, json!({ "value": identity })),
                    None => (404, json!({ "message": "Provided variable was not found" })),
                }
            }
            ("GET", ["channels", channel, "variable"])
                if query.contains("rtp%2Cdest") && self.channels.contains_key(*channel) =>
            {
                (200, json!({ "value": format!("carrier/{MEDIA}") }))
            }
            ("POST", ["events", "claim"]) => self.claim(query),
            ("DELETE", ["channels", channel]) | ("POST", ["channels", channel, "continue"])
                if self.channels.contains_key(*channel) =>
            {
                self.hang_up(channel);
                done()
            }
            ("DELETE", ["playbacks", playback]) => self.stop(playback),
            ("GET", ["playbacks", playback]) if self.channel_of(playback).is_some() => {
                (200, json!({ "id": playback }))
            }
            ("GET", ["applications", app])
                if !self.sockets.is_empty() || !self.channels.is_empty() =>
            {
                let channels: Vec<&String> = self.channels.keys().collect();
                (200, json!({ "name": app, "channel_ids": channels }))
            }
            ("PUT", ["applications", _, "eventFilter"]) => self.filter(&request.body),
            ("GET", ["asterisk", "modules", module]) => {
                (200, json!({ "name": module, "status": "Running" }))
            }
            ("GET", ["sounds"]) => {
                let sounds = self.sounds.iter().map(|id| json!({ "id": id, "formats": [] }));
                (200, sounds.collect())
            }
            _ => (404, json!({ "message": "not found" })),
        }
    }

    fn filter(&mut self, body: &[u8]) -> (u16, Value) {
        let filter: Value = serde_json::from_slice(body).unwrap_or_default();
        let allowed = filter["allowed"].as_array().into_iter().flatten();
        let types = allowed.filter_map(|event| event["type"].as_str().map(str::to_owned));
        self.wanted = Some(types.collect());
        (200, json!({}))
    }

    fn add(&mut self, channel: &str, identity: &str) {
        let identity = Some(format!("{identity}/{channel}"));
        self.channels
            .insert(channel.to_owned(), FakeChannel { identity, ..FakeChannel::default() });
    }

    fn claim(&mut self, query: &str) -> (u16, Value) {
        let mut parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
        let channel = parameters.find(|(name, _)| *name == "channelId").map_or("", |(_, id)| id);
        let Some(identity) = self.offered.remove(channel) else {
            return (409, json!({ "message": "already claimed" }));
        };
        self.add(channel, &identity);
        self.emit(&json!({
            "type": "StasisStart", "args": [], "channel": { "id": channel, "state": "Ring" }
        }));
        done()
    }

    fn answer(&mut self, channel: &str) -> (u16, Value) {
        let Some(channel) = self.channels.get_mut(channel) else { return gone() };
        channel.answered = true;
        done()
    }

    fn play(&mut self, channel: &str, playback: &str, query: &str) -> (u16, Value) {
        let Some(playing) = self.channels.get_mut(channel) else { return gone() };
        playing.requested += 1;
        let media = query.split_once("media=").map_or("", |(_, media)| media);
        playing.queue.push_back(FakePlayback {
            id: playback.to_owned(),
            media: media.split(',').map(str::to_owned).collect(),
            stopped: false,
        });
        if playing.queue.len() == 1 {
            self.begin(channel);
        }
        (201, json!({ "id": playback, "state": "queued" }))
    }

    fn stop(&mut self, playback: &str) -> (u16, Value) {
        let Some(channel) = self.channel_of(playback) else { return gone() };
        let queue = &mut self.channels.get_mut(&channel).expect("just found").queue;
        if queue.front().is_some_and(|first| first.id == playback) {
            self.finish(&channel, "done");
        } else {
            queue
                .iter_mut()
                .filter(|queued| queued.id == playback)
                .for_each(|queued| queued.stopped = true);
        }
        done()
    }

    /// The channel that has this playback: the one that it is named after, if there is one.
    fn channel_of(&self, playback: &str) -> Option<String> {
        let plays = |(_, channel): &(&String, &FakeChannel)| {
            channel.queue.iter().any(|queued| queued.id == playback)
        };
        let named = playback.rsplit_once('-');
        let named = named.and_then(|(channel, _)| self.channels.get_key_value(channel));
        let found = match named {
            Some(named) => Some(named).filter(plays),
            None => self.channels.iter().find(plays),
        };
        found.map(|(id, _)| id.clone())
    }

    fn finish(&mut self, channel: &str, end: &str) {
        let Some(playing) = self.channels.get_mut(channel) else { return };
        let Some(over) = playing.queue.pop_front() else { return };
        if !self.forgetful {
            self.emit_playback_event("PlaybackFinished", channel, &over, end);
        }
        self.begin(channel);
    }

    /// Reports that the first playback of the queue has begun; one that was stopped in the queue
    /// just ends.
    fn begin(&mut self, channel: &str) {
        loop {
            let Some(playing) = self.channels.get_mut(channel) else { return };
            let Some(first) = playing.queue.pop_front() else { return };
            if !first.stopped {
                self.emit_playback_event("PlaybackStarted", channel, &first, "playing");
                self.channels.entry(channel.to_owned()).or_default().queue.push_front(first);
                return;
            }
            self.emit_playback_event("PlaybackFinished", channel, &first, "done");
        }
    }

    fn hang_up(&mut self, channel: &str) {
        let Some(gone) = self.channels.remove(channel) else { return };
        self.emit_channel_event("ChannelHangupRequest", channel);
        for playback in &gone.queue {
            self.emit_playback_event("PlaybackFinished", channel, playback, "failed");
        }
        self.emit_channel_event("StasisEnd", channel);
        self.emit_channel_event("ChannelDestroyed", channel);
    }

    fn emit_key(&mut self, channel: &str, key: char, held_ms: u32, after_ms: u64) {
        let last = self.keyed_ms.entry(channel.to_owned()).or_default();
        let at_ms = *last + after_ms;
        *last = at_ms;
        let (second, ms) = (at_ms / 1000, at_ms % 1000);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        self.emit(&json!({
            "type": "ChannelDtmfReceived", "digit": key.to_string(), "duration_ms": held_ms,
            "timestamp": format!("2026-11-22T{hour:02}:{minute:02}:{second:02}.{ms:03}+0000"),
            "channel": { "id": channel }
        }));
    }

    fn emit_channel_event(&self, kind: &str, channel: &str) {
        self.emit(&json!({ "type": kind, "channel": { "id": channel } }));
    }

    fn emit_playback_event(&self, kind: &str, channel: &str, playback: &FakePlayback, state: &str) {
        self.emit(&json!({ "type": kind, "playback": {
            "id": playback.id, "media_uri": playback.media.first(),
            "target_uri": format!("channel:{channel}"), "state": state
        } }));
    }

    fn emit(&self, event: &Value) {
        self.emit_frame(&event.to_string());
    }

    /// Sends a frame, unless it is an event of a type that was filtered out.
    pub(super) fn emit_frame(&self, frame: &str) {
        let event: Value = serde_json::from_str(frame).unwrap_or_default();
        if let (Some(wanted), Some(kind)) = (&self.wanted, event["type"].as_str())
            && !wanted.iter().any(|wanted| wanted == kind)
        {
            return;
        }
        for socket in &self.sockets {
            let _ = socket.send(Outgoing(frame.to_owned())); // it may be closed
        }
    }
}

fn done() -> (u16, Value) {
    (204, Value::Null)
}

fn gone() -> (u16, Value) {
    (404, json!({ "message": "not found" }))
}
