//! What the callers heard, and how long after each entry.

use std::time::{Duration, Instant};

use karipass_lab::subscriber::hearing::{Heard, Hearing, Library};

use crate::calls::Call;
use crate::script::ENTRIES;

/// A caller whose packets are later than this shares an overloaded machine with the line: its call
/// says nothing about the line.
const LATE: Duration = Duration::from_millis(500);

/// What calls came to.
#[derive(Debug, Default)]
pub struct Reactions {
    /// Calls that did not go as they should.
    pub failed: usize,
    /// Calls that heard the apology at once.
    pub refused: usize,
    /// Calls that did not go as they should, and whose caller did not key as it should.
    pub disturbed: usize,
    /// From the release of an entry's last key to the next guidance's first packet, in
    /// milliseconds.
    pub next_guidance: Vec<f64>,
    /// The same from the confirmation to `completed`.
    pub completed: Vec<f64>,
}

impl Reactions {
    /// Of the calls that `callers` made.
    pub fn from_calls(calls: &[Call], callers: &[String]) -> Self {
        let mut reactions = Self::default();
        for (call, caller) in calls.iter().zip(callers) {
            let mut hearing = Hearing::new(Library::guidance());
            for (at, payload) in &call.heard {
                hearing.hear(*at, payload);
            }
            hearing.close();
            match beginnings(&hearing.heard, caller) {
                Some(beginnings) if call.ended && call.released.len() == ENTRIES => {
                    reactions.note(&call.released, beginnings);
                }
                Some(_) | None if is_refused(&hearing.heard) => reactions.refused += 1,
                Some(_) | None if call.late > LATE => reactions.disturbed += 1,
                Some(_) | None => {
                    let names: Vec<String> =
                        hearing.heard.iter().map(|heard| heard.names.join("|")).collect();
                    eprintln!("a call failed: {:.0?} late, heard {}", call.late, names.join(", "));
                    reactions.failed += 1;
                }
            }
        }
        reactions
    }

    fn note(&mut self, released: &[Instant], beginnings: [Instant; ENTRIES]) {
        let mut milliseconds = released
            .iter()
            .zip(beginnings)
            .map(|(released, began)| began.duration_since(*released).as_secs_f64() * 1e3);
        self.next_guidance.extend(milliseconds.by_ref().take(ENTRIES - 1));
        self.completed.extend(milliseconds);
    }
}

/// Whether nothing was heard but the apology.
fn is_refused(heard: &[Heard]) -> bool {
    heard.last().is_some_and(|last| last.may_be("trouble"))
        && heard.iter().all(|heard| !heard.may_be("menu"))
}

/// When the guidance after each entry began, if all was heard as it should be: the menu, the
/// caller's number as far as the caller let it be read, the confirmation, the whole number and the
/// whole of `completed`.
fn beginnings(heard: &[Heard], caller: &str) -> Option<[Instant; ENTRIES]> {
    let confirmation = heard.iter().position(|heard| heard.may_be("confirm-password"))?;
    let (before, after) = heard.split_at(confirmation);
    let (menu, cut_short) = before.split_first()?;
    let (confirmation, after) = after.split_first()?;
    let (completed, number) = after.split_last()?;
    let reads = |heard: &[Heard]| {
        let digits = caller.chars().map(|digit| format!("digits/{digit}"));
        heard.iter().zip(digits).all(|(heard, digit)| heard.may_be(&digit))
    };
    let whole = number.len() == caller.len() && number.iter().all(|digit| digit.whole);
    let good = menu.may_be("menu") && reads(cut_short) && reads(number);
    (good && whole && completed.is("completed") && completed.whole).then_some([
        cut_short.first()?.started,
        confirmation.started,
        number.first()?.started,
    ])
}
