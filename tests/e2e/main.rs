//! Whole calls: a real Asterisk, a real PostgreSQL, the real daemon, SIPp and RTP; and whole visits
//! to the site, in Debian's Chromium.
//!
//! One system serves most stories, which run side by side with separate numbers. A story that takes
//! a server away has its own system. Stories mostly wait for seconds of guidance, so `make test`
//! runs eight at a time; of those in a browser, as many as there are browsers.

#![expect(unreachable_pub, reason = "in a binary `pub` marks what one module offers to the others")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for real servers on the real clock"
)]

mod attacks;
mod check;
mod daemons;
mod dialplan;
mod existing;
mod outages;
mod samples;
mod site;
mod stories;
mod story;
mod system;
mod tail;
mod tls;
mod traces;
