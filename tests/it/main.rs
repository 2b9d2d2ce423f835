//! The daemon's parts against a real PostgreSQL and a fake Asterisk on the wire.
//!
//! `cargo test --test it NAME` runs the tests that have `NAME` in their path. [`support`] starts
//! the servers that they share.

#![expect(unreachable_pub, reason = "in a binary `pub` marks what one module offers to the others")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod account;
mod api;
mod check;
mod db;
mod defence;
mod demonstration;
mod flood;
mod help_desk;
mod login;
mod pages;
mod phone;
mod routes;
mod scene;
mod serve;
mod site;
mod sounds;
mod support;
mod temporary_password;
