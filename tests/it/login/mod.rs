//! Logging in over the API on a real PostgreSQL: the rules C1–C3, W1–W3, W5.

mod concurrency;
mod daemon;
pub mod equality;
mod rules;
