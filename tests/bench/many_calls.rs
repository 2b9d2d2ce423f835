//! Ten thousand calls at once, at a fake Asterisk: the memory of each, the reaction to a key of
//! every caller, and how they end.
//!
//! A part of the callers set a password; more would measure the hash. The others hang up, all at
//! once.

use std::collections::HashMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use karipass_fake_asterisk::ReceivedRequest;
use karipass_lab::child::memory_kib;

use crate::fake_system::{FakeCall, FakeSystem};
use crate::figure::{Figure, quantile};
use crate::system::callers;

const CALLS: usize = 10_000;
/// Callers who press a key, each second.
const PER_SECOND: u32 = 400;
/// Callers who set a password, in all and each second.
const SETTING: usize = 500;
const SETTING_PER_SECOND: u32 = 20;
/// Longer than the shortest guidance that counts as heard.
const HEARD: Duration = Duration::from_millis(300);
/// The most memory of a call, and its slowest reaction.
const MAX_KIB: f64 = 6.0;
const MAX_REACTION_MS: f64 = 20.0;

/// Memory, reaction and ends.
pub fn measure() -> Result<Vec<Figure>> {
    let numbers = callers(CALLS);
    let system = FakeSystem::start(&numbers)?;
    let process = system.daemon.child.id();
    let (first, others) = numbers.split_at(1);
    let first = system.adopt(first)?;
    let one = memory_kib(process, "VmRSS")?;
    let began = Instant::now();
    let mut calls = system.adopt(others)?;
    eprintln!("{CALLS} calls were adopted in {:.1} s", began.elapsed().as_secs_f64());
    let all = memory_kib(process, "VmRSS")?;
    let a_call = (f64::from(all) - f64::from(one)) / count(calls.len());
    let pressed = press_one_each(&system, &mut calls);
    // The first call has heard the menu twice, since its connection was cut. Calls that do not get
    // so far are counted below, here and later.
    let _ = system.wait_for_prompts(2, CALLS);
    let mut reactions = reactions(&pressed, &system.fake.requests());
    let unanswered = calls.len() - reactions.len();
    set_passwords(&system, &mut calls[..SETTING]);
    for call in first.iter().chain(&calls) {
        system.fake.hang_up(&call.channel);
    }
    system.wait_for_metric("karipass_calls ", 0)?;
    Ok(vec![
        Figure::new("memory of a call", a_call, "KiB").at_most(MAX_KIB),
        Figure::new("reaction p99, 10,000 calls", quantile(&mut reactions, 0.99), "ms")
            .at_most(MAX_REACTION_MS),
        Figure::new("reactions missing", count(unanswered), "").at_most(0.0),
        Figure::new("calls ended wrongly", count(ended_wrongly(&system)?), "").at_most(0.0),
    ])
}

/// Every caller chooses the line unit, one after the other; returns when, by channel.
fn press_one_each(system: &FakeSystem, calls: &mut [FakeCall]) -> HashMap<String, Instant> {
    let mut due = Instant::now();
    let press = |call: &mut FakeCall| {
        sleep(due.saturating_duration_since(Instant::now()));
        due += Duration::from_secs(1) / PER_SECOND;
        let pressed = Instant::now();
        system.press(call, '1');
        (call.channel.clone(), pressed)
    };
    calls.iter_mut().map(press).collect()
}

/// From each key to the first request about its channel, in milliseconds.
fn reactions(pressed: &HashMap<String, Instant>, requests: &[ReceivedRequest]) -> Vec<f64> {
    let mut waiting = pressed.clone();
    let mut reactions = Vec::new();
    for request in requests {
        let Some(channel) = channel_of(request) else { continue };
        if waiting.get(channel).is_some_and(|pressed| *pressed <= request.at)
            && let Some(pressed) = waiting.remove(channel)
        {
            reactions.push((request.at - pressed).as_secs_f64() * 1e3);
        }
    }
    reactions
}

/// The channel in `/channels/ID/…`, or in `/playbacks/ID-SLOT`.
fn channel_of(request: &ReceivedRequest) -> Option<&str> {
    let mut segments = request.path.split('/').skip(1);
    match (segments.next()?, segments.next()?) {
        ("channels", channel) => Some(channel),
        ("playbacks", playback) => Some(playback.rsplit_once('-')?.0),
        _ => None,
    }
}

/// These callers key a password and its confirmation, and hear that it is stored. Then the daemon
/// hangs up.
fn set_passwords(system: &FakeSystem, calls: &mut [FakeCall]) {
    for call in &mut *calls {
        for key in "2718281827182818".chars() {
            system.press(call, key);
        }
        sleep(Duration::from_secs(1) / SETTING_PER_SECOND);
    }
    let _ = system.wait_for_playing("completed", calls.len());
    sleep(HEARD);
    for call in &*calls {
        system.fake.finish(&call.channel, "done");
    }
}

/// The calls whose outcome is not what their callers did.
fn ended_wrongly(system: &FakeSystem) -> Result<usize> {
    let ended = |outcome: &str| {
        system.metric(&format!("karipass_calls_ended_total{{outcome=\"{outcome}\""))
    };
    let stored = usize::try_from(system.stored_passwords()?)?;
    Ok(SETTING.abs_diff(ended("stored"))
        + SETTING.abs_diff(stored)
        + (CALLS - SETTING).abs_diff(ended("hung_up")))
}

#[expect(clippy::cast_precision_loss, reason = "some thousand calls")]
fn count(calls: usize) -> f64 {
    calls as f64
}
