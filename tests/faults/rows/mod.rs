//! The faults.

mod ari;
mod daemon;
mod overload;
mod pbx;
mod sockets;
mod store;

use crate::row::Row;

/// Every row, in the table's order.
pub fn all() -> Vec<Row> {
    [daemon::rows(), pbx::rows(), ari::rows(), store::rows(), overload::rows()].concat()
}
