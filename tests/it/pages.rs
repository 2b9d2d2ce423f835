//! The settings site's pages over HTTP, as a browser without script would use them.

pub mod browser;
mod errors;
mod forms;
mod log_in;
mod passwords;
mod sessions;
mod units;
