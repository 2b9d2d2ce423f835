//! The telephone line against a fake Asterisk on the wire and a real database.

mod calls;
mod check;
mod faults;
mod media;
mod overload;
mod refused;
mod repeats;
mod rig;
mod several;
mod socket;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::world::World;

/// Every trial of this area.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    [
        calls::trials(world),
        check::trials(world),
        faults::trials(world),
        media::trials(world),
        overload::trials(world),
        refused::trials(world),
        repeats::trials(world),
        several::trials(world),
        socket::trials(world),
    ]
    .into_iter()
    .flatten()
    .collect()
}
