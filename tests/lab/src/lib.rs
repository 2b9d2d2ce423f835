//! A private PostgreSQL, Asterisk, daemon and subscriber on loopback, for demonstration and tests.

pub mod asterisk;
pub mod daemon;
pub mod fake_asterisk;
pub mod postgres;
pub mod run;
pub mod subscriber;
