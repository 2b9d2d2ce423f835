//! Whole calls: a real Asterisk, a real PostgreSQL, the real daemon, SIPp and RTP.

#![expect(unreachable_pub, reason = "in a binary `pub` marks what one module offers to the others")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod dialplan;

use karipass_lab::asterisk::Installation;
use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    let asterisk = Installation::find().expect("an Asterisk");
    libtest_mimic::run(&arguments, dialplan::trials(&asterisk)).exit();
}
