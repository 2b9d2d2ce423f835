//! The store on a real PostgreSQL: migrations, contracts, temporary passwords, audit, faults.

mod audit;
mod contracts;
mod credentials;
mod faults;
mod import;
mod migrations;
mod once;
mod owner;
mod scene;
mod standby;
mod sweep;
mod tls;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::world::World;

/// Every trial of this area.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    [
        audit::trials(world),
        contracts::trials(world),
        credentials::trials(world),
        faults::trials(world),
        import::trials(world),
        migrations::trials(world),
        once::trials(world),
        owner::trials(world),
        standby::trials(world),
        sweep::trials(world),
        tls::trials(world),
    ]
    .into_iter()
    .flatten()
    .collect()
}
