//! What a session changes, over the API on a real PostgreSQL: the rules C5, C6, U and W6, and C2 and C3 at
//! every door.

mod concurrency;
mod doors;
mod faults;
mod once;
mod password;
mod tokens;
mod unit;
mod unit_refused;
mod unit_void;
mod void;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::world::World;

/// Every trial of this area.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let areas = [
        password::trials(world),
        unit::trials(world),
        unit_refused::trials(world),
        unit_void::trials(world),
        void::trials(world),
        doors::trials(world),
        concurrency::trials(world),
        faults::trials(world),
        once::trials(world),
        tokens::trials(world),
    ];
    areas.into_iter().flatten().collect()
}
