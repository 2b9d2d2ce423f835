//! PostgreSQL: contracts, credentials, sessions and the audit, one file a table's worth of work.
//!
//! A [`Db`] is a pool of connections and a time limit. What it is asked for is one statement or
//! one `Transaction`, tried again (`again`) as long as the limit allows; a change counts once however often it was
//! sent ([`IdempotencyKey`]). Locks are taken in
//! one order, so that nothing deadlocks: the contract's row (`FOR NO KEY UPDATE`, which leaves
//! foreign keys to it alone), its credentials, its sessions. A session is made only in a
//! transaction that holds its credential's row.

pub mod audit;
mod contracts;
mod failover;
mod idempotency;
pub mod import;
mod inspect;
pub mod login;
pub mod migrate;
mod password;
mod readiness;
mod retry;
pub mod session;
mod settings;
mod site_audit;
pub mod snapshot;
mod sweep;
mod temporary_password;
mod tls;
mod transaction;
mod unit;

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

pub use contracts::{CredentialStatus, UpdateOutcome, Validity};
use failover::{Connector, FailoverConnector};
pub use idempotency::{Attempt, IdempotencyKey, Uncertain};
pub use password::ReplacePassword;
use readiness::Look;
use retry::Deadline;
pub use site_audit::SiteAudit;
pub use sweep::PORTION;
pub(crate) use temporary_password::count_voided;
pub use temporary_password::{SetOutcome, SetTemporaryPassword};
pub use unit::ReplaceUnit;

/// How long an operator's command may take.
const OPERATOR_LIMIT: Duration = Duration::from_mins(10);
/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// SQLSTATEs of what is over in a moment: serialization, deadlock, too many connections, and a
/// transaction that the server has given up because we were silent.
const PASSING: [&str; 4] = ["40001", "40P01", "53300", "25P03"];
/// SQLSTATEs of a statement that was prepared on a connection and is good there no longer: a
/// column's type has changed, or the server's session is another one.
const STALE: [&str; 2] = ["0A000", "26000"];
/// How often the daemon may try a thing: as often as fits its time.
const ANY_NUMBER: i16 = i16::MAX;

/// The store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Nothing of it is stored: no connection, or the server refused before the commit.
    #[error("the store did not do it: {0}")]
    NotSent(DbFailure),
    /// The commit was sent and its answer never came.
    #[error("the store did not answer the commit: {0}")]
    OutcomeUnknown(DbFailure),
}

/// What went wrong, without any value of a row or a parameter.
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
    /// The server said no.
    #[error("{message} (SQLSTATE {code})")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// The primary message; details, which quote rows, are left out.
        message: String,
    },
    /// A row was not what the schema promises.
    #[error("{0} in the database is not what it should be")]
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
    /// Whether the database refused it for want of a right.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        match self.fault() {
            DbFailure::Refused { code, .. } => code == inspect::INSUFFICIENT_PRIVILEGE,
            DbFailure::TimedOut(_)
            | DbFailure::Busy(_)
            | DbFailure::Connection(_)
            | DbFailure::Row(_) => false,
        }
    }

    pub(crate) fn fault(&self) -> &DbFailure {
        match self {
            Self::NotSent(fault) | Self::OutcomeUnknown(fault) => fault,
        }
    }
}

impl DbFailure {
    /// Whether it may be gone on another connection, or in a moment.
    fn is_transient(&self) -> bool {
        match self {
            Self::Refused { code, .. } => self.poisons_pool() || PASSING.contains(&code.as_str()),
            Self::TimedOut(_) | Self::Connection(_) => true,
            Self::Busy(_) | Self::Row(_) => false,
        }
    }

    /// Whether an attempt was found done.
    fn is_duplicate_key(&self) -> bool {
        match self {
            Self::Refused { code, message } => {
                code == "23505" && message.contains("idempotency_key_pkey")
            }
            Self::TimedOut(_) | Self::Busy(_) | Self::Connection(_) | Self::Row(_) => false,
        }
    }

    /// Whether other connections of the pool are likely to be as bad: cut, shut down, demoted, or
    /// with statements that are good no longer.
    fn poisons_pool(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Connection(_) => true,
            Self::Refused { code, .. } => {
                self.is_connection_lost() || code == "25006" || STALE.contains(&code.as_str())
            }
            Self::Busy(_) | Self::Row(_) => false,
        }
    }

    /// Whether the server broke off, so that a commit may or may not stand.
    fn is_connection_lost(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Connection(_) => true,
            Self::Refused { code, .. } => code.starts_with("08") || code.starts_with("57P"),
            Self::Busy(_) | Self::Row(_) => false,
        }
    }
}

/// The connection string cannot be used; its text is not repeated, since it holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAConnectionString(String);

/// The database, as one role sees it; clones share the connections.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    hosts: Arc<FailoverConnector>,
    limit: Duration,
    /// How often a thing is tried within the limit.
    tries: i16,
    /// When it was last seen to take changes, or not to.
    last_look: Arc<Mutex<Option<Look>>>,
}

impl Db {
    /// The daemon's view; connects when first asked.
    ///
    /// # Errors
    /// [`NotAConnectionString`].
    pub fn for_daemon(database: &Database) -> Result<Self, NotAConnectionString> {
        Self::new(&database.url, database.max_connections, rules::STORE_TIMEOUT, ANY_NUMBER)
    }

    /// The operator's view, with the owner's rights if they are configured.
    ///
    /// # Errors
    /// [`NotAConnectionString`].
    pub fn for_operator(url: &Secret) -> Result<Self, NotAConnectionString> {
        Self::new(url, 1, OPERATOR_LIMIT, 1)
    }

    fn new(
        url: &Secret,
        connections: usize,
        limit: Duration,
        tries: i16,
    ) -> Result<Self, NotAConnectionString> {
        let settings = failover::settings(url, limit)?;
        let (config, asked) = (settings.config.clone(), settings.asked.clone());
        let hosts = Arc::new(FailoverConnector::of(settings));
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
        Ok(Self { pool, hosts, limit, tries, last_look: Arc::default() })
    }

    /// Makes new connections with this connection string; those that are there stay.
    ///
    /// # Errors
    /// [`NotAConnectionString`]; nothing changes then.
    pub fn replace_url(&self, url: &Secret) -> Result<(), NotAConnectionString> {
        self.hosts.replace(failover::settings(url, self.limit)?);
        Ok(())
    }

    /// The same store, which tries for so long; the server gives a statement up as soon as before.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The time of something that begins now: a part of it for each of several tries.
    fn time(&self) -> Deadline {
        let a_try = if self.tries > 1 { self.limit * 7 / 10 } else { self.limit };
        Deadline { end: Instant::from_std(clock::now() + self.limit), per_attempt: a_try }
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
        f.debug_struct("Store").field("limit", &self.limit).finish_non_exhaustive()
    }
}
