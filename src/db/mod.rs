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
mod contracts;
mod daemon_calls;
mod ended_session;
mod export;
mod failover;
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

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock;
use crate::config::{Database, Secret};
use domain::rules;

pub use census::{Census, PoolUsage};
pub use contracts::{CredentialStatus, UpdateOutcome, Validity};
pub use daemon_calls::{CallRow, DaemonCalls};
pub use ended_session::EndedSession;
use failover::{Connector, FailoverConnector};
pub use idempotency::IdempotencyKey;
use readiness::Probe;
use retry::Deadline;
pub use sweep::PORTION;

/// How long an operator's command may take, and so the longest transaction.
pub const OPERATOR_LIMIT: Duration = Duration::from_mins(10);
/// How long opening a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// SQLSTATEs of failures that pass: serialization, deadlock, too many connections, and a
/// transaction that the server ended because we were silent.
const PASSING: [&str; 4] = ["40001", "40P01", "53300", "25P03"];
/// SQLSTATEs of a prepared statement that is no longer valid on its connection: a column's type has
/// changed, or the server's session is another one.
const STALE: [&str; 2] = ["0A000", "26000"];
/// The daemon attempts an operation as often as fits its time.
const UNLIMITED_ATTEMPTS: i16 = i16::MAX;

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Nothing was committed: there was no connection, or the server refused.
    #[error("database operation failed: {0}")]
    NotCommitted(DbFailure),
    /// The commit was sent, and its answer never came.
    #[error("the database did not answer the commit: {0}")]
    OutcomeUnknown(DbFailure),
}

/// Why a database operation failed, without any value of a row or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbFailure {
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// Every connection was in use.
    #[error("no free connection within {} s", .0.as_secs())]
    Busy(Duration),
    /// The connection failed or never came about.
    #[error("{0}")]
    Connection(String),
    /// The server refused.
    #[error("{message} (SQLSTATE {code})")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// The primary message; details, which quote rows, are left out.
        message: String,
    },
    /// A column of this name has a value that the schema rules out.
    #[error("the database returned an invalid {0}")]
    Row(&'static str),
}

impl From<tokio_postgres::Error> for DbFailure {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            return Self::Refused {
                code: refusal.code().code().to_owned(),
                message: refusal.message().to_owned(),
            };
        }
        let mut message = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            message = format!("{message}: {source}");
        }
        Self::Connection(message)
    }
}

impl DbError {
    /// Whether the role lacks a privilege.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        match self.failure() {
            DbFailure::Refused { code, .. } => code == inspect::INSUFFICIENT_PRIVILEGE,
            DbFailure::TimedOut(_)
            | DbFailure::Busy(_)
            | DbFailure::Connection(_)
            | DbFailure::Row(_) => false,
        }
    }

    fn failure(&self) -> &DbFailure {
        match self {
            Self::NotCommitted(failure) | Self::OutcomeUnknown(failure) => failure,
        }
    }

    fn into_failure(self) -> DbFailure {
        match self {
            Self::NotCommitted(failure) | Self::OutcomeUnknown(failure) => failure,
        }
    }
}

impl DbFailure {
    /// Whether another attempt may succeed, on another connection or in a moment.
    fn is_transient(&self) -> bool {
        match self {
            Self::Refused { code, .. } => self.poisons_pool() || PASSING.contains(&code.as_str()),
            Self::TimedOut(_) | Self::Connection(_) => true,
            Self::Busy(_) | Self::Row(_) => false,
        }
    }

    /// Whether an earlier attempt at the same change stands.
    fn is_duplicate_key(&self) -> bool {
        match self {
            Self::Refused { code, message } => {
                code == "23505" && message.contains("idempotency_key_pkey")
            }
            Self::TimedOut(_) | Self::Busy(_) | Self::Connection(_) | Self::Row(_) => false,
        }
    }

    /// Whether the pool's other connections are probably broken too: cut, shut down, demoted, or
    /// with statements that are no longer valid.
    fn poisons_pool(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Connection(_) => true,
            Self::Refused { code, .. } => {
                self.is_connection_lost() || code == "25006" || STALE.contains(&code.as_str())
            }
            Self::Busy(_) | Self::Row(_) => false,
        }
    }

    /// Whether the connection was lost, so that a commit may or may not stand.
    fn is_connection_lost(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Connection(_) => true,
            Self::Refused { code, .. } => code.starts_with("08") || code.starts_with("57P"),
            Self::Busy(_) | Self::Row(_) => false,
        }
    }
}

/// The connection string is invalid. The message does not repeat it, since it holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAConnectionString(String);

/// The database as one role sees it. Clones share the connections.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    hosts: Arc<FailoverConnector>,
    limit: Duration,
    /// How often an operation is attempted within the limit.
    max_attempts: i16,
    /// The operator whom the audit names for changes.
    operator: Option<Arc<str>>,
    last_probe: Arc<Mutex<Option<Probe>>>,
}

impl Db {
    /// The daemon's handle, which connects on first use.
    ///
    /// # Errors
    /// [`NotAConnectionString`] if it cannot be parsed.
    pub fn for_daemon(database: &Database) -> Result<Self, NotAConnectionString> {
        Self::new(&database.url, database.max_connections, rules::STORE_TIMEOUT, UNLIMITED_ATTEMPTS)
    }

    /// The operator's handle, with the owner's privileges if they are configured.
    ///
    /// # Errors
    /// [`NotAConnectionString`] if it cannot be parsed.
    pub fn for_operator(url: &Secret) -> Result<Self, NotAConnectionString> {
        Self::new(url, 1, OPERATOR_LIMIT, 1)
    }

    fn new(
        url: &Secret,
        connections: usize,
        limit: Duration,
        max_attempts: i16,
    ) -> Result<Self, NotAConnectionString> {
        let settings = failover::settings(url, limit)?;
        let (config, asked) = (settings.config.clone(), settings.asked.clone());
        let hosts = Arc::new(FailoverConnector::new(settings));
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(config, Connector(Arc::clone(&hosts)), recycling);
        let pool = Pool::builder(manager)
            .max_size(connections.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(limit))
            .create_timeout(Some(CONNECT_LIMIT))
            .recycle_timeout(Some(CONNECT_LIMIT))
            .post_create(settings::hook(asked))
            .build()
            .map_err(|error| NotAConnectionString(error.to_string()))?;
        let (operator, last_probe) = (None, Arc::default());
        Ok(Self { pool, hosts, limit, max_attempts, operator, last_probe })
    }

    /// Uses this connection string for new connections; open ones stay.
    ///
    /// # Errors
    /// [`NotAConnectionString`]; nothing changes then.
    pub fn replace_url(&self, url: &Secret) -> Result<(), NotAConnectionString> {
        self.hosts.replace(failover::settings(url, self.limit)?);
        Ok(())
    }

    /// The same handle with another time limit. The server's own statement timeout stays.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The same handle, for changes that this operator makes.
    #[must_use]
    pub fn with_operator(self, operator: &str) -> Self {
        Self { operator: Some(operator.into()), ..self }
    }

    /// The time of an operation that begins now. Each of several attempts gets a part of it.
    fn time(&self) -> Deadline {
        let per_attempt = if self.max_attempts > 1 { self.limit * 7 / 10 } else { self.limit };
        Deadline { end: Instant::from_std(clock::now() + self.limit), per_attempt }
    }

    fn pool_fault(&self, error: PoolError) -> DbFailure {
        match error {
            PoolError::Timeout(TimeoutType::Wait) => DbFailure::Busy(self.limit),
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => {
                DbFailure::TimedOut(CONNECT_LIMIT)
            }
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                DbFailure::from(error)
            }
            PoolError::PostCreateHook(HookError::Message(why)) => {
                DbFailure::Connection(why.into_owned())
            }
            PoolError::Closed | PoolError::NoRuntimeSpecified => {
                DbFailure::Connection("the pool is closed".to_owned())
            }
        }
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("limit", &self.limit).finish_non_exhaustive()
    }
}
