//! The rules of `karipass`, without I/O: no runtime, database, wire or clock.
//!
//! - [`rules`]: every number of the specification, once.
//! - [`phone_number`], [`password`], [`auth_unit`]: values, parsed once where they enter.
//! - [`contract`], [`credential`]: what a contract has, and who may do what with it.
//! - [`dialog`]: one call as a state machine, with inputs, outputs and time as arguments.

pub mod auth_unit;
pub mod contract;
pub mod credential;
pub mod dialog;
pub mod password;
pub mod phone_number;
pub mod rules;
