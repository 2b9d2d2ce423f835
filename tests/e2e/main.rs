//! Whole calls: a real Asterisk, a real PostgreSQL, the real daemon, SIPp and RTP; and whole visits to
//! the site, in Debian's Chromium.
//!
//! One system serves most stories, told side by side with numbers of their own; a story that takes
//! something away has a system to itself.

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
mod dialplan;
mod leaks;
mod outages;
mod samples;
mod site;
mod stories;
mod story;
mod tls;
mod together;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use karipass_lab::asterisk::Installation;
use libtest_mimic::Arguments;

use world::{SHORT, System};

/// Stories mostly wait for each other's seconds of guidance to pass.
const SIDE_BY_SIDE: usize = 8;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    let installation = Installation::find().expect("an Asterisk");
    let system = Arc::new(System::start(&installation, &SHORT).expect("a system"));
    let mut trials = outages::trials(&installation);
    trials.extend(together::trials(&installation));
    trials.extend(stories::trials(&system));
    trials.extend(dialplan::trials(&installation));
    trials.extend(attacks::trials(&installation));
    trials.extend(check::trials(&installation));
    trials.extend(samples::trials(&installation));
    trials.extend(tls::trials(&installation));
    let told = libtest_mimic::run(&arguments, trials);
    // After the calls, which it would keep waiting.
    let ground = Arc::new(site::Ground::new(&system).expect("a browser"));
    arguments.test_threads = Some(site::SIDE_BY_SIDE);
    let visited = libtest_mimic::run(&arguments, site::trials(&ground));
    drop(ground);
    // Only now have the logs all that they will ever have.
    let searched = libtest_mimic::run(&arguments, leaks::trials(&system));
    let ended = libtest_mimic::run(&arguments, vec![outages::ends_well(&system)]);
    let failed = [told, visited, searched, ended].iter().any(libtest_mimic::Conclusion::has_failed);
    drop(system);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
