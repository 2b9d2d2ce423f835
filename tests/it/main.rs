//! The daemon's parts against a real PostgreSQL and a fake Asterisk on the wire.

use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, Vec::new()).exit();
}
