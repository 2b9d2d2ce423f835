//! The store on a real PostgreSQL: migrations, contracts, temporary passwords, audit, faults.

mod migrations;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::world::World;

/// Every trial of this area.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    [migrations::trials(world)].into_iter().flatten().collect()
}
