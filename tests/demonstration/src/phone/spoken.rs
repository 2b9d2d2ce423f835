//! What the line says, sentence by sentence, from Asterisk's events about playbacks.
//!
//! A sentence has begun when the sound of its words begins; the digits before it are the number
//! that it is about.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use karipass_lab::asterisk::{ARI_USER, AsteriskSetup};
use karipass_lab::sounds;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;

/// The sounds' folder in Asterisk.
const PREFIX: &str = "sound:karipass/";
const DIGITS: &str = "digits/";

/// Sends each sentence of every call from now on, as `{"call", "name", "number", "words"}`. Its
/// `call` is the SIP Call-ID.
pub(super) async fn follow(
    asterisk: &AsteriskSetup,
    sentences: broadcast::Sender<Value>,
) -> Result<JoinHandle<()>> {
    let AsteriskSetup { ari, ari_password, .. } = asterisk;
    // An application that receives the events of all others, and takes no call.
    let url = format!(
        "ws://{ari}/ari/events?app=phone&subscribeAll=true&api_key={ARI_USER}:{ari_password}"
    );
    let (mut events, _) = connect_async(url).await.context("Asterisk's events")?;
    let mut calls = SpokenCalls::default();
    Ok(tokio::spawn(async move {
        while let Some(Ok(event)) = events.next().await {
            let event = event.to_text().ok().and_then(|text| serde_json::from_str(text).ok());
            if let Some(sentence) = event.and_then(|event| calls.handle(&event)) {
                // An error means that no page is open.
                drop(sentences.send(sentence));
            }
        }
    }))
}

/// The calls under way, by their channels.
#[derive(Debug, Default)]
struct SpokenCalls(HashMap<String, SpokenCall>);

#[derive(Debug, Default)]
struct SpokenCall {
    /// The SIP Call-ID.
    id: String,
    /// The current playback. A key may have stopped the one before.
    playback: String,
    /// The digits that it has begun.
    number: String,
}

impl SpokenCalls {
    /// The sentence that an event begins.
    fn handle(&mut self, event: &Value) -> Option<Value> {
        let channel = &event["channel"];
        if let (Some(channel), Some(id)) = (channel["id"].as_str(), channel["protocol_id"].as_str())
        {
            let call = self.0.entry(channel.to_owned()).or_default();
            id.clone_into(&mut call.id);
        }
        if event["type"] == "ChannelDestroyed" {
            self.0.remove(channel["id"].as_str()?);
        }
        if event["type"] != "PlaybackStarted" {
            return None;
        }
        let playback = &event["playback"];
        let call = self.0.get_mut(playback["target_uri"].as_str()?.strip_prefix("channel:")?)?;
        let id = playback["id"].as_str()?;
        if call.playback != id {
            id.clone_into(&mut call.playback);
            call.number.clear();
        }
        let name = playback["media_uri"].as_str()?.strip_prefix(PREFIX)?;
        if let Some(digit) = name.strip_prefix(DIGITS) {
            call.number += digit;
            return None;
        }
        let (_, words) = sounds::words().find(|(sound, _)| *sound == name)?;
        let number = std::mem::take(&mut call.number);
        Some(json!({ "call": call.id, "name": name, "number": number, "words": words }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: &str = r#"{"type": "ChannelCreated",
        "channel": {"id": "1795356271.3", "name": "PJSIP/browser-0612345600-1", "protocol_id": "abc"}}"#;

    fn begun(playback: u8, media: &str) -> String {
        format!(
            r#"{{"type": "PlaybackStarted", "playback": {{"id": "1795356271.3-{playback}",
            "media_uri": "sound:karipass/{media}", "target_uri": "channel:1795356271.3"}}}}"#
        )
    }

    fn sentences(events: &[String]) -> Vec<Value> {
        let mut calls = SpokenCalls::default();
        let events = events.iter().map(|event| serde_json::from_str(event).unwrap());
        events.filter_map(|event| calls.handle(&event)).collect()
    }

    #[test]
    fn a_sentence_has_its_call_its_number_and_its_words() {
        let mut events = vec![CHANNEL.to_owned(), begun(1, "lead-in"), begun(2, "menu")];
        events.extend("066".chars().map(|digit| begun(3, &format!("digits/{digit}"))));
        events.extend([begun(3, "breath"), begun(3, "completed"), begun(4, "quiet")]);
        let said = sentences(&events);
        let names = said.iter().map(|sentence| [&sentence["name"], &sentence["number"]]);
        let names: Vec<_> = names.collect();
        assert_eq!(names, [["menu", ""], ["completed", "066"]]);
        assert!(said.iter().all(|sentence| sentence["call"] == "abc"));
        assert!(said[1]["words"].as_str().unwrap().starts_with("番の仮パスワードの設定が完了"));
    }

    #[test]
    fn digits_that_a_key_has_stopped_belong_to_no_sentence() {
        let events = [CHANNEL.to_owned(), begun(1, "digits/0"), begun(2, "confirm-password")];
        assert_eq!(sentences(&events)[0]["number"], "");
    }

    #[test]
    fn a_call_that_is_over_says_nothing() {
        let over = CHANNEL.replace("Created", "Destroyed");
        assert!(sentences(&[CHANNEL.to_owned(), over, begun(1, "menu")]).is_empty());
    }
}
