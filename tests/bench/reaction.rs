//! What callers heard, and how soon after each entry.

use std::time::{Duration, Instant};

use karipass_lab::subscriber::hearing::{Heard, Hearing, Library, is_loud};

use crate::calls::CallTrace;
use crate::script::ENTRIES;

/// A caller whose packets are later than this shares an overloaded machine with the line: its call
/// does not count.
const LATE: Duration = Duration::from_millis(500);

/// The results of calls.
#[derive(Debug, Default)]
pub struct Reactions {
    /// Calls that failed.
    pub failed: usize,
    /// Calls whose caller keyed before the menu began, and that completed.
    pub served_late: usize,
    /// Calls that heard the apology at once.
    pub refused: usize,
    /// Calls that failed, and whose caller did not key in time.
    pub disturbed: usize,
    /// From the release of an entry's last key to the next guidance's first packet, in
    /// milliseconds.
    pub next_guidance: Vec<f64>,
    /// The same from the confirmation to `completed`.
    pub completed: Vec<f64>,
    /// From the release of an entry's first key to the last packet with sound of the guidance that
    /// it stops.
    pub silence: Vec<f64>,
}

impl Reactions {
    /// Of the calls that `callers` made.
    pub fn from_calls(calls: &[CallTrace], callers: &[String]) -> Self {
        let mut reactions = Self::default();
        for (call, caller) in calls.iter().zip(callers) {
            let heard = recognized(call);
            match guidance(call, &heard, caller) {
                Some(guidance) if call.ended && call.released.len() == ENTRIES => {
                    reactions.note(call, &guidance);
                }
                None if call.ended && is_served_late(&heard, caller) => {
                    reactions.served_late += 1;
                }
                Some(_) | None if is_refused(&heard) => reactions.refused += 1,
                Some(_) | None if call.late > LATE => reactions.disturbed += 1,
                Some(_) | None => {
                    let names: Vec<String> = heard.iter().map(Heard::name).collect();
                    eprintln!("a call failed: {:.0?} late, heard {}", call.late, names.join(", "));
                    reactions.failed += 1;
                }
            }
        }
        reactions
    }

    fn note(&mut self, call: &CallTrace, guidance: &GuidanceTimes) {
        let mut reactions = milliseconds(&call.released, &guidance.began);
        self.next_guidance.extend(reactions.by_ref().take(ENTRIES - 1));
        self.completed.extend(reactions);
        self.silence.extend(milliseconds(&call.interrupted, &guidance.stopped));
    }
}

/// From the release of each caller's last key to `completed`, in milliseconds, if it was heard.
pub fn completed_ahead(calls: &[CallTrace], callers: &[String]) -> Vec<f64> {
    let times = calls.iter().zip(callers).filter_map(|(call, caller)| {
        let heard = recognized(call);
        let end = &heard[heard.len().checked_sub(caller.len() + 1)?..];
        let started = is_completed(end, caller).then(|| end[0].started)?;
        Some(started.duration_since(*call.released.last()?).as_secs_f64() * 1e3)
    });
    times.collect()
}

fn recognized(call: &CallTrace) -> Vec<Heard> {
    let mut hearing = Hearing::new(Library::guidance());
    for (at, payload) in &call.heard {
        hearing.hear(*at, payload);
    }
    hearing.close();
    hearing.heard
}

/// Whether nothing was heard but the apology.
fn is_refused(heard: &[Heard]) -> bool {
    heard.last().is_some_and(|last| last.may_be("trouble"))
        && heard.iter().all(|heard| !heard.may_be("menu"))
}

/// The distances from each time to its counterpart.
fn milliseconds<'a>(from: &'a [Instant], to: &'a [Instant]) -> impl Iterator<Item = f64> + 'a {
    from.iter().zip(to).map(|(from, to)| to.duration_since(*from).as_secs_f64() * 1e3)
}

/// The guidance of a call, for each entry.
struct GuidanceTimes {
    /// The last packet with sound of what the entry stopped.
    stopped: [Instant; ENTRIES],
    /// The first packet of what followed the entry.
    began: [Instant; ENTRIES],
}

/// The guidance, if the call is as expected: the menu, the caller's number until the caller
/// interrupts it, the confirmation, the whole number and the whole of `completed`.
fn guidance(call: &CallTrace, heard: &[Heard], caller: &str) -> Option<GuidanceTimes> {
    let confirmation = heard.iter().position(|heard| heard.may_be("confirm-password"))?;
    let (before, after) = heard.split_at(confirmation);
    let (menu, cut_short) = before.split_first()?;
    let (confirmation, after) = after.split_first()?;
    let good = menu.may_be("menu") && is_read_out(cut_short, caller) && is_completed(after, caller);
    let last_sound = |heard: &Heard| {
        let times = heard.started..=heard.ended?;
        let mut packets = call.heard.iter().rev().filter(|(at, _)| times.contains(at));
        let is_loud = |payload: &[u8]| payload.iter().any(|code| is_loud(*code));
        packets.find(|(_, payload)| is_loud(payload)).map(|(at, _)| *at)
    };
    let stopped = [last_sound(menu)?, last_sound(cut_short.last()?)?, last_sound(confirmation)?];
    let began = [cut_short.first()?.started, confirmation.started, after.first()?.started];
    good.then_some(GuidanceTimes { stopped, began })
}

/// Whether a caller who keyed before the menu began was served to the end.
fn is_served_late(heard: &[Heard], caller: &str) -> bool {
    let confirmation = heard.iter().position(|heard| heard.may_be("confirm-password"));
    confirmation.is_some_and(|index| {
        let (before, after) = heard.split_at(index);
        is_read_out(before, caller) && is_completed(&after[1..], caller)
    })
}

/// Whether this is the number's beginning.
fn is_read_out(heard: &[Heard], caller: &str) -> bool {
    let digits = caller.chars().map(|digit| format!("digits/{digit}"));
    heard.iter().zip(digits).all(|(heard, digit)| heard.may_be(&digit))
}

/// Whether this is the whole number, and the whole of `completed`.
fn is_completed(heard: &[Heard], caller: &str) -> bool {
    let Some((completed, number)) = heard.split_last() else { return false };
    let is_whole = number.len() == caller.len() && number.iter().all(|digit| digit.whole);
    is_whole && is_read_out(number, caller) && completed.is("completed") && completed.whole
}
