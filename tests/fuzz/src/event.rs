//! Frames of ARI's WebSocket.

use karipass::asterisk::events;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Reads one frame. The result shows no digit, and text that is not JSON is no event.
pub fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let read = events::parse(text);
    let shown = format!("{read:?}");
    if let Err(malformed) = &read {
        let text = format!("{malformed} {shown}");
        assert!(text.is_ascii() && text.len() < 300, "{text}");
    }
    // Unused fields are skipped, however deep they nest and however large their numbers are.
    assert!(read.is_err() || serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text}");
    let Ok(json) = serde_json::from_str::<Value>(text) else { return };
    if json["type"] == "ChannelDtmfReceived"
        && let Some(digit) = json["digit"].as_str()
        && read.is_ok()
    {
        assert_eq!(digit.len(), 1, "{digit}");
        assert!(shown.contains("key: Key(…), "), "{shown}");
    }
}
