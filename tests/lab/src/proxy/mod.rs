//! Proxies that cause faults: one before PostgreSQL, which knows commits, and one before any TCP
//! port.

mod postgres;
mod tcp;

pub use postgres::{COMMIT, Point, PostgresProxy, Trouble};
pub use tcp::{TcpProxy, TcpState};
