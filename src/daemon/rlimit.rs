//! Open files: as many as the system grants, and the site's connections no more than leave the others theirs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::config::Config;

/// The operators' connections (256), and what a process has open besides.
const RESERVED_FILES: usize = 512;

/// Raises the limit of open files, since the usual 1,024 are fewer than the connections that the site
/// takes; says how many connections of the site it leaves room for.
pub(super) fn raise_and_budget(config: &Config) -> usize {
    let granted = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: granted, maximum: granted }) {
        warn!(%error, "the limit of open files was not raised");
    }
    let granted = getrlimit(Resource::Nofile).current;
    let granted = granted.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let left = site_budget(granted, config.call.max_concurrent, config.database.max_connections);
    if left < config.site.max_connections {
        warn!(granted, left, "too few open files are granted for site.max_connections");
    }
    left
}

/// What is left for the site: a call has a connection to Asterisk, and the line and the site have
/// one pool of connections to the store each.
fn site_budget(granted: usize, calls: usize, store: usize) -> usize {
    let others = RESERVED_FILES.saturating_add(calls).saturating_add(store.saturating_mul(2));
    granted.saturating_sub(others).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_has_what_calls_and_the_store_leave_and_one_connection_at_least() {
        assert_eq!(site_budget(4096, 250, 8), 4096 - 512 - 250 - 16);
        assert_eq!(site_budget(256, 250, 8), 1);
        assert!(site_budget(usize::MAX, usize::MAX, usize::MAX) >= 1);
    }
}
