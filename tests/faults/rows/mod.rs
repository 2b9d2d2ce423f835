//! The faults.

mod ari;
mod asterisk;
mod daemon;
mod database;
mod overload;
mod readiness;
mod scaling;
mod sockets;
