//! Connects to the one of several hosts that takes changes.
//!
//! The host that worked last is tried first. The next one is tried when that has failed or has been
//! silent for a moment. So a host that accepts and never answers costs a moment, not the whole time
//! for connecting.
//!
//! PostgreSQL reports success for a commit whose wait for a synchronous standby was cancelled,
//! after a warning. The connection ends at that warning, so that the commit counts as unanswered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _, poll_fn};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error};
use tracing::warn;

use super::connection_string::ConnectionString;
use super::error::NotAConnectionString;
use super::tls::PostgresTls;
use crate::config::Secret;
use domain::rules;

/// How long opening a connection may take.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long a host may be silent before the next one is tried too.
const NEXT_AFTER: Duration = Duration::from_millis(250);
/// How long each address of a host may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Silent hosts leave time for another attempt (`P15`).
const _: () = assert!(2 * CONNECT_LIMIT.as_secs() < rules::STORE_TIMEOUT.as_secs());

type Connected = (Client, JoinHandle<()>);

/// The hosts of a connection string.
pub(super) struct FailoverConnector {
    /// The settings of new connections.
    servers: RwLock<Arc<Servers>>,
    /// The index of the host that worked last.
    good: AtomicUsize,
}

struct Servers {
    all: Config,
    each: Vec<Config>,
    tls: PostgresTls,
}

impl Servers {
    fn new(Settings { config, tls, .. }: Settings) -> Arc<Self> {
        Arc::new(Self { each: per_host(&config), all: config, tls })
    }

    async fn connect(&self, config: &Config) -> Result<Connected, Error> {
        let (client, connection) = config.connect(self.tls.clone()).await?;
        Ok((client, tokio::spawn(run(connection))))
    }
}

impl FailoverConnector {
    pub(super) fn new(settings: Settings) -> Self {
        Self { servers: RwLock::new(Servers::new(settings)), good: AtomicUsize::new(0) }
    }

    /// Uses these settings for new connections.
    pub(super) fn replace(&self, settings: Settings) {
        let servers = Servers::new(settings);
        *self.servers.write().unwrap_or_else(PoisonError::into_inner) = servers;
    }

    /// Tries the hosts in turn. Returns the last error if none of them accepts changes.
    async fn connect_any(&self) -> Result<Connected, Error> {
        let servers = Arc::clone(&self.servers.read().unwrap_or_else(PoisonError::into_inner));
        let each = &servers.each;
        let good = self.good.load(Ordering::Relaxed);
        let mut waiting = each.iter().enumerate().cycle().skip(good).take(each.len());
        let mut attempts = FuturesUnordered::new();
        let mut failed = None;
        loop {
            let next = waiting.next();
            let is_last = next.is_none();
            if let Some((host, config)) = next {
                let servers = &servers;
                attempts.push(async move { (host, servers.connect(config).await) });
            }
            tokio::select! {
                answer = attempts.next() => match answer {
                    Some((host, Ok(connected))) => {
                        self.good.store(host, Ordering::Relaxed);
                        return Ok(connected);
                    }
                    Some((_, Err(error))) => failed = Some(error),
                    None => match failed {
                        Some(error) => return Err(error),
                        // Its error describes the invalid list of hosts.
                        None => return servers.connect(&servers.all).await,
                    },
                },
                () = sleep(NEXT_AFTER), if !is_last => {}
            }
        }
    }
}

/// Connects the pool through the shared [`FailoverConnector`].
pub(super) struct Connector(pub(super) Arc<FailoverConnector>);

impl Connect for Connector {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<Connected, Error>> {
        Box::pin(self.0.connect_any())
    }
}

/// Reads a connection to its end. The client's user gets and reports the error.
async fn run(mut connection: Connection<impl Stream, impl Stream>) {
    let mut messages = poll_fn(|context| connection.poll_message(context));
    while let Some(Ok(message)) = messages.next().await {
        // The warning comes before the answer to the commit, which is then never read.
        if let AsyncMessage::Notice(notice) = message
            && is_unreplicated_commit(&notice)
        {
            warn!(
                "the wait for a synchronous standby was cancelled; the commit's outcome is unknown"
            );
            return;
        }
    }
}

/// The requirements of a stream for a connection.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Whether a commit on the primary is not confirmed on the standby. The server may translate the
/// message (`lc_messages`), but not the function's name.
fn is_unreplicated_commit(notice: &DbError) -> bool {
    let of_replication = notice.routine().is_some_and(|routine| routine.starts_with("SyncRep"))
        || notice.message().contains("synchronous replication");
    notice.parsed_severity() == Some(Severity::Warning) && of_replication
}

/// Connects to read-write servers only, with durable commits, and with a timeout on everything. The
/// server's timeouts are a little shorter than ours, so that a held lock differs from a dead
/// server.
pub(super) fn settings(url: &Secret, limit: Duration) -> Result<Settings, NotAConnectionString> {
    let connection = ConnectionString::parse(url.expose()).map_err(NotAConnectionString)?;
    let tls = PostgresTls::new(connection.tls().map_err(NotAConnectionString)?);
    let mut config = connection.config;
    let own = config.get_options().unwrap_or_default().to_owned();
    let lock_ms = limit.as_millis() * 12 / 20;
    let statement_ms = limit.as_millis() * 13 / 20;
    // We never wait between two statements, so a transaction that idles has lost its client.
    let idle_ms = limit.as_millis() * 8 / 20;
    config
        .application_name("karipass")
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_user_timeout(limit)
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    let requested = vec![
        ("synchronous_commit", "on".to_owned()),
        // PostgreSQL's own default, so that the warning of a commit without its standby arrives.
        ("client_min_messages", "notice".to_owned()),
        ("statement_timeout", statement_ms.to_string()),
        ("lock_timeout", lock_ms.to_string()),
        ("idle_in_transaction_session_timeout", idle_ms.to_string()),
    ];
    let options = requested.iter().map(|(name, value)| format!(" -c {name}={value}"));
    config.options(options.fold(own, |options, option| options + option.as_str()));
    Ok(Settings { config, tls, requested })
}

/// A setting, and its value in the unit of `pg_settings`.
pub(super) type Setting = (&'static str, String);

/// How to connect, and the settings that each connection must have.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) tls: PostgresTls,
    pub(super) requested: Vec<Setting>,
}

/// One configuration for each host; none if hosts, addresses and ports do not fit together.
fn per_host(all: &Config) -> Vec<Config> {
    let (hosts, addresses, ports) = (all.get_hosts(), all.get_hostaddrs(), all.get_ports());
    let count = hosts.len().max(addresses.len());
    let fits = |len: usize, or_less: usize| len == count || len <= or_less;
    if !(fits(hosts.len(), 0) && fits(addresses.len(), 0) && fits(ports.len(), 1)) {
        return Vec::new();
    }
    let of = |host: usize| {
        let mut one = without_hosts(all);
        let address = addresses.get(host);
        match (hosts.get(host), address) {
            (Some(Host::Tcp(name)), _) => {
                one.host(name);
            }
            // There is no TLS over a socket of this machine.
            (Some(Host::Unix(folder)), None) => {
                one.host_path(folder).ssl_mode(SslMode::Disable);
            }
            // An address takes the place of a socket. A certificate may be for it.
            (Some(Host::Unix(_)) | None, Some(address)) => {
                one.host(address.to_string());
            }
            (None, None) => {}
        }
        if let Some(address) = address {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(host).or(ports.first()) {
            one.port(*port);
        }
        one
    };
    (0..count).map(of).collect()
}

fn without_hosts(all: &Config) -> Config {
    let mut one = Config::new();
    one.ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .channel_binding(all.get_channel_binding())
        .target_session_attrs(all.get_target_session_attrs())
        .load_balance_hosts(all.get_load_balance_hosts())
        .connect_timeout(all.get_connect_timeout().copied().unwrap_or(CONNECT_LIMIT))
        .keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle());
    if let Some(user) = all.get_user() {
        one.user(user);
    }
    if let Some(password) = all.get_password() {
        one.password(password);
    }
    if let Some(name) = all.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = all.get_options() {
        one.options(options);
    }
    if let Some(name) = all.get_application_name() {
        one.application_name(name);
    }
    if let Some(timeout) = all.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = all.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = all.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[test]
    fn each_host_is_asked_with_all_that_was_configured() {
        let url = "host=one,two,three hostaddr=127.0.0.1,127.0.0.2,127.0.0.3 port=1,2,3 user=u \
                   password=p dbname=d options='-c geqo=off' keepalives_idle=7 \
                   keepalives_interval=3 keepalives_retries=2";
        let all = settings(&Secret::from(url.to_owned()), LIMIT).unwrap().config;
        let each = per_host(&all);
        assert_eq!(each.len(), 3);
        let mut together = without_hosts(&all);
        for (host, one) in each.iter().enumerate() {
            assert_eq!(one.get_hosts(), &all.get_hosts()[host..=host]);
            assert_eq!(one.get_hostaddrs(), &all.get_hostaddrs()[host..=host]);
            assert_eq!(one.get_ports(), &all.get_ports()[host..=host]);
            match &one.get_hosts()[0] {
                Host::Tcp(name) => together.host(name),
                Host::Unix(folder) => together.host_path(folder),
            };
            together.hostaddr(one.get_hostaddrs()[0]).port(one.get_ports()[0]);
        }
        assert_eq!(together, all, "nothing else is lost");
    }

    #[test]
    fn r_tls_is_left_out_for_a_socket_alone_and_not_for_an_address_beside_it() {
        for (hosts, modes) in [
            ("host=/run,db", &[SslMode::Disable, SslMode::Require][..]),
            ("host=/run hostaddr=192.0.2.1", &[SslMode::Require]),
            ("host=/run,db hostaddr=192.0.2.1,192.0.2.2", &[SslMode::Require, SslMode::Require]),
            ("hostaddr=192.0.2.1", &[SslMode::Require]),
        ] {
            let url = format!("{hosts} user=u sslmode=require");
            let each = per_host(&settings(&Secret::from(url), LIMIT).unwrap().config);
            let found: Vec<SslMode> = each.iter().map(Config::get_ssl_mode).collect();
            assert_eq!(found, modes, "{hosts}");
        }
    }

    #[test]
    fn one_port_is_every_hosts_and_two_of_three_are_none() {
        let of =
            |url: &str| per_host(&settings(&Secret::from(url.to_owned()), LIMIT).unwrap().config);
        let ports = |url: &str| -> Vec<u16> {
            of(url).iter().map(|one| one.get_ports().first().copied().unwrap_or(5432)).collect()
        };
        assert_eq!(ports("host=a,b,c"), [5432; 3]);
        assert_eq!(ports("host=a,b,c port=1"), [1; 3]);
        assert!(ports("host=a,b,c port=1,2").is_empty());
        assert_eq!(ports("hostaddr=127.0.0.1,127.0.0.2"), [5432; 2]);
    }
}
