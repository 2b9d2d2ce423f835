//! PostgreSQL: contracts, credentials, sessions and the audit.
//!
//! ```text
//!   apply ─▶ change      login  session  contracts  import  audit  sweep …
//!      └──────────┴─────────┴───────┴────────┴─────────┴──────┴──────┘
//!                     idempotency ─▶ retry ─▶ transaction
//! ```
//! A [`Db`] is a pool of connections and a time limit. Every operation is one statement or one
//! transaction, retried as long as the limit allows. [`Db::apply`] is the one way to change a
//! contract, from the phone and from the site; it happens once for each [`IdempotencyKey`]. A login
//! is one guarded statement (`login`).
//!
//! Locks are taken in one order, so that nothing deadlocks: the contract's row (`FOR NO KEY
//! UPDATE`, which foreign keys do not wait for), its credentials, its sessions. A session is made
//! only in a transaction that holds its credential's row.

mod apply;
pub mod audit;
mod census;
mod change;
mod connection_string;
mod contracts;
mod daemon_calls;
mod ended_session;
mod error;
mod export;
mod failover;
mod handle;
mod idempotency;
pub mod import;
mod inspect;
pub mod login;
mod login_history;
pub mod migrate;
mod readiness;
mod retry;
mod rows;
pub mod session;
mod settings;
mod sweep;
mod tls;
mod transaction;

pub use census::{Census, PoolUsage};
pub use connection_string::check_connection_string;
pub use contracts::{CredentialStatus, UpdateOutcome, Validity};
pub use daemon_calls::{CallRow, DaemonCalls};
pub use ended_session::EndedSession;
pub use error::{DbError, DbFailure, NotAConnectionString};
pub use handle::{Db, OPERATOR_LIMIT};
pub use idempotency::IdempotencyKey;
pub use sweep::BATCH_ROWS;
