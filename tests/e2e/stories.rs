//! Stories of callers, each with numbers of its own on the shared system.

mod callers;
mod flows;
mod hang_up;
mod keys;
mod silence;
mod units;
mod wrong;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::world::System;

pub fn trials(system: &Arc<System>) -> Vec<Trial> {
    // The longest first, so that none is left to wait for at the end.
    let mut trials = silence::trials(system);
    trials.extend(keys::trials(system));
    trials.extend(wrong::trials(system));
    trials.extend(flows::trials(system));
    trials.extend(units::trials(system));
    trials.extend(hang_up::trials(system));
    trials.extend(callers::trials(system));
    trials
}
