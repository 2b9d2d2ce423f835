//! The faults.

mod ari;
mod daemon;
mod overload;
mod pbx;
mod sockets;
mod store;
