//! The settings site's pages over HTTP, as a browser without script would use them.

pub mod browser;
mod errors;
mod forms;
mod log_in;
mod passwords;
mod sessions;
mod units;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::world::World;

/// Every trial of this area.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let areas = [
        log_in::trials(world),
        passwords::trials(world),
        units::trials(world),
        forms::trials(world),
        sessions::trials(world),
        errors::trials(world),
    ];
    areas.into_iter().flatten().collect()
}
