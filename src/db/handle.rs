//! The handle that every operation is called on: a pool of connections and a time limit.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
    TimeoutType, Timeouts,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::{DbFailure, NotAConnectionString};
use super::failover::{self, CONNECT_LIMIT, Connector, FailoverConnector};
use super::settings;
use crate::clock;
use crate::config::{DatabaseSettings, Secret};
use domain::rules;

/// How long an operator's command may take, and so the longest transaction.
pub const OPERATOR_LIMIT: Duration = Duration::from_mins(10);

/// The daemon attempts an operation as often as fits its time.
const UNLIMITED_ATTEMPTS: i16 = i16::MAX;

/// The time of several attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// When the time of all attempts is up.
    pub(super) end: Instant,
    /// The longest that one attempt may take once it has a connection.
    pub(super) per_attempt: Duration,
}

/// The result of the last probe.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) at: std::time::Instant,
    pub(super) failure: Option<String>,
}

/// The database as one role sees it. Clones share the connections.
#[derive(Clone)]
pub struct Db {
    pub(super) pool: Pool,
    hosts: Arc<FailoverConnector>,
    pub(super) limit: Duration,
    /// How often an operation is attempted within the limit.
    pub(super) max_attempts: i16,
    /// The operator whom the audit names for changes.
    pub(super) operator: Option<Arc<str>>,
    pub(super) last_probe: Arc<Mutex<Option<Probe>>>,
}

impl Db {
    /// The daemon's handle, which connects on first use.
    ///
    /// # Errors
    /// [`NotAConnectionString`] if it cannot be parsed.
    pub fn for_daemon(database: &DatabaseSettings) -> Result<Self, NotAConnectionString> {
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
        let (config, requested) = (settings.config.clone(), settings.requested.clone());
        let hosts = Arc::new(FailoverConnector::new(settings));
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(config, Connector(Arc::clone(&hosts)), recycling);
        let pool = Pool::builder(manager)
            .max_size(connections.max(1))
            .runtime(Runtime::Tokio1)
            .post_create(settings::hook(requested))
            .build()
            .map_err(|error| NotAConnectionString(error.to_string()))?;
        let (operator, last_probe) = (None, Arc::default());
        Ok(Self { pool, hosts, limit, max_attempts, operator, last_probe })
    }

    /// Prepares a connection string. The closure puts it into force for new connections; open ones
    /// stay.
    ///
    /// # Errors
    /// [`NotAConnectionString`] if it cannot be used.
    pub fn prepare_url(
        &self,
        url: &Secret,
    ) -> Result<impl FnOnce() + use<'_>, NotAConnectionString> {
        let settings = failover::settings(url, self.limit)?;
        Ok(move || self.hosts.replace(settings))
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
    pub(super) fn deadline(&self) -> Deadline {
        let per_attempt = if self.max_attempts > 1 { self.limit * 7 / 10 } else { self.limit };
        Deadline { end: Instant::from_std(clock::now() + self.limit), per_attempt }
    }

    /// A connection of the pool, as soon as one is free.
    pub(super) async fn connection(&self) -> Result<Object, DbFailure> {
        let timeouts = Timeouts {
            wait: Some(self.limit),
            create: Some(CONNECT_LIMIT),
            recycle: Some(CONNECT_LIMIT),
        };
        self.pool.timeout_get(&timeouts).await.map_err(|error| self.pool_failure(error))
    }

    fn pool_failure(&self, error: PoolError) -> DbFailure {
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
