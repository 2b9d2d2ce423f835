//! What `make test-faults` shows: under a steady load of calls and logins one part after another is
//! killed, stopped, cut off, slowed or restarted, and what callers were told is what the database holds.
//!
//! Each row has a system of its own, and rows run one after another. A row ends with a balance
//! ([`ledger`]); the table of all of them is printed at the end.

#![expect(unreachable_pub, reason = "in a binary `pub` marks what one module offers to the others")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for real servers on the real clock"
)]

mod caller;
mod fleet;
mod held;
mod ledger;
mod load;
mod logins;
mod looks;
mod row;
mod rows;
mod system;
mod table;

use std::process::ExitCode;
use std::sync::Arc;

use karipass_lab::asterisk::Installation;
use libtest_mimic::Arguments;

use table::Table;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let installation = Installation::find().expect("an Asterisk");
    let table = Arc::new(Table::default());
    let trials =
        rows::all().into_iter().map(|row| row.trial(&installation, &table)).collect::<Vec<_>>();
    let told = libtest_mimic::run(&arguments, trials);
    if !table.is_empty() {
        println!("{table}");
    }
    told.exit_code()
}
