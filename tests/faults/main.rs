//! The tests of `make test-faults`. Under a steady load of calls and logins one part after another
//! is killed, stopped, disconnected, slowed or restarted. What callers heard is what the database
//! holds.
//!
//! Each row is a test with its own system. Two run at once, but a row that measures the line's
//! reaction has the machine to itself. A row ends with a balance ([`ledger`]) and prints the table
//! of all rows up to then; the last row prints the whole table.

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
mod checks;
mod fleet;
mod front;
mod ledger;
mod load;
mod logins;
mod recovery;
mod row;
mod rows;
mod stored;
mod system;
mod table;
mod tcp_proxy;
