//! Logging in over the API on a real PostgreSQL: the rules C1–C3, W1–W3, W5.

mod concurrency;
mod daemon;
pub mod equality;
mod rules;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::world::World;

/// Every trial of this area.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let areas = [
        rules::trials(world),
        concurrency::trials(world),
        equality::trials(world),
        daemon::trials(world),
    ];
    areas.into_iter().flatten().collect()
}
