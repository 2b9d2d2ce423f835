//! The limit of open files, and the share of the site's connections in it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::config::Config;

/// The operators' connections (256), and other open files of a process.
const RESERVED_FILES: usize = 512;

/// Raises the soft limit of open files to the hard limit, because the usual 1,024 are too few for
/// the site. Returns how many connections the site may have.
pub(super) fn raise_and_budget(config: &Config) -> usize {
    let maximum = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!(%error, "could not raise the limit of open files");
    }
    let granted = getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let left = site_budget(granted, config.call.max_concurrent, config.database.max_connections);
    if left < config.site.max_connections {
        warn!(granted, left, "the limit of open files is too low for site.max_connections");
    }
    left
}

/// What remains for the site. Each call has a connection to Asterisk, and the line and the site
/// have one connection pool each.
fn site_budget(granted: usize, calls: usize, pool: usize) -> usize {
    let others = RESERVED_FILES.saturating_add(calls).saturating_add(pool.saturating_mul(2));
    granted.saturating_sub(others).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_gets_the_files_that_calls_and_the_database_leave_and_at_least_one() {
        assert_eq!(site_budget(4096, 250, 8), 4096 - 512 - 250 - 16);
        assert_eq!(site_budget(256, 250, 8), 1);
        assert!(site_budget(usize::MAX, usize::MAX, usize::MAX) >= 1);
    }
}
