//! The rules of `karipass`, without I/O: no runtime, database, wire or clock.
//!
//! - [`rules`]: every number of the specification, once.
//! - [`phone_number`], [`password`], [`common_passwords`], [`auth_unit`]: values, parsed once where
//!   they enter.
//! - [`contract`], [`credential`]: contracts and their credentials, and who may do what with them.
//! - [`access`], [`session`]: what a session may do, and until when.
//! - [`unit_outcome`]: who logs in after a unit change, and with what.
//! - [`snapshot`] → [`policy`] → [`change`], [`audit`]: the basis of a change, the decision, and
//!   what is written.
//! - [`network`]: the networks around a client's address, which share a limit.
//! - [`dialog`]: one call as a state machine, with inputs, outputs and time as arguments.

#![warn(missing_docs)]

pub mod access;
pub mod audit;
pub mod auth_unit;
pub mod change;
pub mod common_passwords;
pub mod contract;
pub mod credential;
pub mod dialog;
pub mod network;
mod numbering_plan;
pub mod password;
pub mod phone_number;
pub mod policy;
pub mod rules;
pub mod session;
pub mod snapshot;
pub mod unit_outcome;
