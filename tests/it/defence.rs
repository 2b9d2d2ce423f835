//! What the site withstands: floods, slow connections, addresses that are not one's own, a changing certificate.

mod heads;
mod proxies;
mod slow;
mod tls;
mod wire;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::world::World;

/// Every trial of this area.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let areas =
        [proxies::trials(world), heads::trials(world), tls::trials(world), slow::trials(world)];
    areas.into_iter().flatten().collect()
}
