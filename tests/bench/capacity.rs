//! The highest rate of calls without a failure, and the results at one and a half times and three
//! times that rate.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use karipass_lab::asterisk::SET_UP_NUMBER;

use crate::figure::Figure;
use crate::reaction::Reactions;
use crate::system::{BenchSystem, YARDSTICK, callers};

/// Calls a second, one rate after the other until a call fails.
const RATES: [u32; 7] = [8, 10, 12, 14, 16, 20, 24];
/// The duration of each rate: longer than a call, so that as many end as begin.
const LASTS_S: u32 = 20;
/// How soon everything is normal after an overload, and how many calls show it.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);
const USUAL_RATE: u32 = 2;
const USUAL_CALLS: usize = 10;

/// The most calls that are placed at one rate.
const MAX_CALLERS: usize = (RATES[RATES.len() - 1] * 3 * LASTS_S) as usize;
/// More calls at once than ever come: the line's reaction is measured, not this limit.
const NO_COUNT: &str = "10000";

/// The highest rate without a failure, the results above it, and the rate after recovery.
pub fn measure() -> Result<Vec<Figure>> {
    let callers = callers(MAX_CALLERS);
    let system = BenchSystem::start(&callers, &[("KARIPASS_CALL_MAX_CONCURRENT", NO_COUNT)])?;
    let at = |number: &str, rate: u32| {
        let reactions = system.calls(number, &callers[..(rate * LASTS_S) as usize], rate)?;
        let Reactions { failed, served_late, refused, disturbed, .. } = &reactions;
        eprintln!(
            "{rate} calls a second: {failed} failed, {served_late} heard no menu, {refused} were \
             refused, {disturbed} were called badly"
        );
        anyhow::Ok(reactions)
    };
    let all_good = |number: &str| {
        let mut good = 0;
        for rate in RATES {
            let Reactions { failed, served_late, refused, disturbed, .. } = at(number, rate)?;
            if failed + served_late + refused + disturbed > 0 {
                break;
            }
            good = rate;
        }
        anyhow::Ok(good)
    };
    eprintln!("plain dialplan…");
    let dialplan = all_good(YARDSTICK)?;
    eprintln!("karipass…");
    let good = all_good(SET_UP_NUMBER)?;
    let rate = Figure::new("calls a second, all good", f64::from(good), "/s");
    let mut figures = vec![rate.with_baseline(f64::from(dialplan)).ratio_at_least(0.85)];
    let first = RATES[0];
    let names = [
        ("failed of those taken, x 1.5", "calls taken a second, x 1.5"),
        ("failed of those taken, x 3", "calls taken a second, x 3"),
    ];
    for ((failed, taken), rate) in
        names.into_iter().zip([good.max(first) * 3 / 2, good.max(first) * 3])
    {
        let reactions = at(SET_UP_NUMBER, rate)?;
        figures.push(Figure::new(failed, count(reactions.failed), "").at_most(0.0));
        let all = f64::from(rate * LASTS_S) - count(reactions.refused);
        figures.push(
            Figure::new(taken, all / f64::from(LASTS_S), "/s").with_baseline(f64::from(good)),
        );
    }
    sleep(RECOVERY_TIMEOUT);
    let afterwards = system.calls(SET_UP_NUMBER, &callers[..USUAL_CALLS], USUAL_RATE)?;
    let failed = count(afterwards.failed + afterwards.refused);
    figures.push(Figure::new("failed 5 s after", failed, "").at_most(0.0));
    Ok(figures)
}

#[expect(clippy::cast_precision_loss, reason = "some hundred calls")]
fn count(calls: usize) -> f64 {
    calls as f64
}
