//! The database on a real PostgreSQL: migrations, contracts, temporary passwords, audit, faults.

mod audit;
mod contracts;
mod credentials;
mod faults;
mod import;
mod migrations;
mod once;
mod owner;
mod scene;
mod standby;
mod sweep;
mod tls;
