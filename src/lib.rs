//! `karipass` (仮パス): the temporary-password line of a telephone company's settings site, on Asterisk.

pub mod ari;
pub mod call;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contract;
pub mod credential;
pub mod hashing;
pub mod login;
pub mod number;
pub mod password;
pub mod readiness;
pub mod rules;
pub mod store;
pub mod unit;
pub mod web;
