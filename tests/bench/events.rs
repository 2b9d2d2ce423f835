//! Events a second on one core: keys that callers press take the way through the WebSocket, the
//! mailbox of their call and its dialog.
//!
//! All keys belong to a number that never ends, so that no request to Asterisk follows. The core is
//! counted by the processor time of the line's only thread. The other side is `serde_json` alone,
//! which reads the same frames into the daemon's own types.

use std::hint::black_box;
use std::thread;

use anyhow::{Result, anyhow};
use karipass::asterisk::events::Frame;
use rustix::process::getpid;

use crate::fake_system::{FakeCall, FakeSystem};
use crate::figure::Figure;
use crate::system::callers;
use crate::usage::Process;

const CALLS: usize = 250;
/// A burst is this many keys of every call.
const KEYS: usize = 80;
const BURSTS: usize = 15;
/// How often the other side reads a burst.
const READINGS: usize = 75;
/// The daemon's thread.
const LINE: &str = "line";
/// The thread of the other side.
const READER: &str = "reader";
/// The least part of the other side's rate.
const MIN_RATIO: f64 = 0.5;

/// The metric that counts keys.
const RECEIVED: &str = "karipass_ari_events_total{type=\"dtmf\"}";
const OVERFLOWS: &str = "karipass_call_mailbox_overflows_total";
const MALFORMED: &str = "karipass_ari_malformed_events_total";

/// The rate, and the events that were lost.
pub fn measure() -> Result<Vec<Figure>> {
    let numbers = callers(CALLS);
    let system = FakeSystem::start(&numbers)?;
    let mut calls = system.adopt(&numbers)?;
    let mut sent = press_all(&system, &mut calls, "2");
    system.wait_for_playing("enter-number", CALLS)?;
    // The first digit stops the guidance.
    sent += press_all(&system, &mut calls, "0");
    system.wait_for_playing("enter-number", 0)?;
    system.wait_for_metric(RECEIVED, sent)?;
    let line = Process(system.daemon.child.id());
    let before = line.time_of(LINE)?;
    let mut frames = Vec::new();
    for _ in 0..BURSTS {
        frames = burst(&system, &mut calls);
        for frame in &frames {
            system.fake.send(frame);
        }
        sent += frames.len();
        system.wait_for_metric(RECEIVED, sent)?;
    }
    let used = line.time_of(LINE)?.saturating_sub(before);
    let rate = count(frames.len() * BURSTS) / used.as_secs_f64();
    let read = rate_of_reader(&frames)?;
    let lost = lost(&system, &mut calls, sent);
    Ok(vec![
        Figure::new("events a second on one core", rate, "/s")
            .with_baseline(read)
            .ratio_at_least(MIN_RATIO),
        Figure::new("events lost", count(lost), "").at_most(0.0),
    ])
}

/// Every caller presses these keys; returns their number.
fn press_all(system: &FakeSystem, calls: &mut [FakeCall], keys: &str) -> usize {
    for call in &mut *calls {
        for key in keys.chars() {
            system.press(call, key);
        }
    }
    calls.len() * keys.len()
}

/// The frames of a burst: the callers take turns.
fn burst(system: &FakeSystem, calls: &mut [FakeCall]) -> Vec<String> {
    let keys = ('0'..='9').cycle().take(KEYS);
    keys.flat_map(|key| calls.iter_mut().map(|call| system.frame(call, key)).collect::<Vec<_>>())
        .collect()
}

/// Frames a second that `serde_json` reads on one core.
fn rate_of_reader(frames: &[String]) -> Result<f64> {
    let read = || {
        for frame in (0..READINGS).flat_map(|_| frames) {
            black_box(serde_json::from_str::<Frame<'_>>(black_box(frame))?);
        }
        let spent = Process(getpid()).time_of(READER)?;
        anyhow::Ok(count(READINGS * frames.len()) / spent.as_secs_f64())
    };
    thread::scope(|scope| {
        let reader = thread::Builder::new().name(READER.to_owned()).spawn_scoped(scope, read)?;
        reader.join().map_err(|_| anyhow!("the reader has panicked"))?
    })
}

/// The keys that were not received, and the calls whose dialogs have missed one. Each call must
/// refuse the endless number at its `#`, and then understand the caller's own number.
fn lost(system: &FakeSystem, calls: &mut [FakeCall], mut sent: usize) -> usize {
    sent += press_all(system, calls, "#");
    let mut missing = missing(system, "invalid");
    for call in &mut *calls {
        let number = format!("{}#", call.number());
        sent += number.len();
        for key in number.chars() {
            system.press(call, key);
        }
    }
    missing += self::missing(system, "set-password");
    missing += sent.abs_diff(system.metric(RECEIVED));
    missing + system.metric(OVERFLOWS) + system.metric(MALFORMED)
}

/// The calls that never hear this sound.
fn missing(system: &FakeSystem, sound: &str) -> usize {
    // What is missing by then is the result.
    let _ = system.wait_for_playing(sound, CALLS);
    CALLS - system.fake.count_playing(sound)
}

#[expect(clippy::cast_precision_loss, reason = "some million events")]
fn count(events: usize) -> f64 {
    events as f64
}
