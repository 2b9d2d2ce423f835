//! The settings site's pages over HTTP, as a browser without script would use them.

mod browser;
mod errors;
mod forms;
mod log_in;
mod sessions;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::world::World;

/// Every trial of this area.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let areas = [
        log_in::trials(world),
        forms::trials(world),
        sessions::trials(world),
        errors::trials(world),
    ];
    areas.into_iter().flatten().collect()
}
