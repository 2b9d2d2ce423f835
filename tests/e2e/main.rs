//! Whole calls: a real Asterisk, a real PostgreSQL, the real daemon, SIPp and RTP.

use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, Vec::new()).exit();
}
