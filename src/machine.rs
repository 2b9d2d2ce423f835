//! What this machine has.

use std::thread;

/// The cores that this process may use, at least 1.
#[must_use]
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
