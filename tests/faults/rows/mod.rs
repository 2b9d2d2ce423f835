//! The faults.

mod ari;
mod asterisk;
mod daemon;
mod database;
mod overload;
mod scaling;
mod sockets;
