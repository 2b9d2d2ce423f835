//! How many calls a second all succeed, and what becomes of those that are taken when one and a
//! half times and three times as many come.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use karipass_lab::asterisk::SET_UP_NUMBER;

use crate::figure::Figure;
use crate::reaction::Reactions;
use crate::system::{System, callers};

/// Calls a second, one rate after the other until not all succeed.
const RATES: [u32; 5] = [8, 10, 12, 16, 20];
/// For so long, longer than a call lasts: by then as many end as begin.
const LASTS_S: u32 = 20;
/// How soon all is as before after an overload, and with how many calls that is seen.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);
const USUAL_RATE: u32 = 2;
const USUAL_CALLS: u32 = 10;

/// The most calls that are placed in one go.
const MOST: usize = (RATES[RATES.len() - 1] * 3 * LASTS_S) as usize;
/// More calls at once than ever come: it is to be seen what the line makes of them by its reaction.
const NO_COUNT: &str = "10000";

/// The rate at which all succeed, what becomes of more, and what is left of it afterwards.
pub fn measure() -> Result<Vec<Figure>> {
    let callers = callers(MOST);
    let system = System::start(&callers, &[("KARIPASS_CALL_MAX_CONCURRENT", NO_COUNT)])?;
    let call = |calls: u32, rate| system.calls(SET_UP_NUMBER, &callers[..calls as usize], rate);
    let at = |rate: u32| {
        let reactions = call(rate * LASTS_S, rate)?;
        let Reactions { failed, refused, disturbed, .. } = &reactions;
        println!(
            "{rate} calls a second: {failed} failed, {refused} were refused, {disturbed} were called badly"
        );
        anyhow::Ok(reactions)
    };
    let mut good = 0;
    for rate in RATES {
        let reactions = at(rate)?;
        if reactions.failed + reactions.refused + reactions.disturbed > 0 {
            break;
        }
        good = rate;
    }
    let mut figures = vec![Figure::new("calls a second, all good", f64::from(good), "/s")];
    let first = RATES[0];
    let names = [
        ("failed of those taken, x 1.5", "calls taken a second, x 1.5"),
        ("failed of those taken, x 3", "calls taken a second, x 3"),
    ];
    for ((failed, taken), rate) in
        names.into_iter().zip([good.max(first) * 3 / 2, good.max(first) * 3])
    {
        let reactions = at(rate)?;
        figures.push(Figure::new(failed, count(reactions.failed), "").at_most(0.0));
        let all = f64::from(rate * LASTS_S) - count(reactions.refused);
        figures.push(Figure::new(taken, all / f64::from(LASTS_S), "/s").beside(f64::from(good)));
    }
    sleep(RECOVERY_TIMEOUT);
    let afterwards = call(USUAL_CALLS, USUAL_RATE)?;
    let failed = count(afterwards.failed + afterwards.refused);
    figures.push(Figure::new("failed 5 s after", failed, "").at_most(0.0));
    Ok(figures)
}

#[expect(clippy::cast_precision_loss, reason = "some hundred calls")]
fn count(calls: usize) -> f64 {
    calls as f64
}
