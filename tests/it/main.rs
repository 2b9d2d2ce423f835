//! The daemon's parts against a real PostgreSQL and a fake Asterisk on the wire.
//!
//! One private cluster serves every trial; each trial has databases of its own in it. A trial that
//! stops the server takes a cluster of its own.

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
mod ari;
mod check;
mod defence;
mod flood;
mod login;
mod pages;
mod routes;
mod scene;
mod serve;
mod site;
mod sounds;
mod store;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::Arguments;

use world::World;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let world = Arc::new(World::start());
    let mut trials = store::trials(&world);
    trials.extend(ari::trials(&world));
    trials.extend(check::trials(&world));
    trials.extend(sounds::trials());
    trials.extend(login::trials(&world));
    trials.extend(account::trials(&world));
    trials.extend(api::trials(&world));
    trials.extend(routes::trials(&world));
    trials.extend(defence::trials(&world));
    trials.extend(pages::trials(&world));
    trials.extend(serve::trials(&world));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The last one out ends the servers.
    drop(world);
    conclusion.exit_code()
}
