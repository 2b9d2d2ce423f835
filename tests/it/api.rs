//! The API over HTTP (table A): what bad requests get, sessions, the limit by address, TLS.

mod requests;
mod schemathesis;
mod sessions;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::world::World;

/// Every trial of this area.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    [requests::trials(world), sessions::trials(world), schemathesis::trials(world)]
        .into_iter()
        .flatten()
        .collect()
}
