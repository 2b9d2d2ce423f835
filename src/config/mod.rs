//! The configuration: a TOML file, overridden by `KARIPASS_…` variables.
//!
//! The variable of the key `section.name` is `KARIPASS_SECTION_NAME`. A secret may come from a file
//! instead: `password_file` in place of `password`. Relative paths start at the configuration
//! file's folder. Loading reports every error at once, and no error repeats a value.

mod asterisk;
pub mod certificate;
mod load;
mod network;
mod platform;
pub mod postgres;
mod renamed;
mod secret_files;
mod site;

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use zeroize::Zeroizing;

use crate::hashing::Keys;
pub use asterisk::Ari;
use domain::{dialog, rules};
use load::Reader;
pub use network::{MediaNetwork, Network, NotANetwork};
use postgres::ConnectionString;
pub use site::{Site, Tls};

/// The upper limit of both digit timeouts.
const MAX_DIGIT_TIMEOUT: Duration = Duration::from_mins(1);
const DEFAULT_MAX_CALLS: &str = "250";
const DEFAULT_MAX_PER_CALLER: usize = 5;

/// The default of `shutdown.call_grace_s`.
pub const DEFAULT_CALL_GRACE: Duration = Duration::from_mins(2);
const DEFAULT_DRAIN: Duration = Duration::from_secs(5);
/// The upper limit of both times of `[shutdown]`.
const MAX_SHUTDOWN: Duration = Duration::from_hours(24);

const DEFAULT_DATABASE_CONNECTIONS: usize = 8;
const MAX_DATABASE_CONNECTIONS: usize = 1000;

/// The database's function `prune_audit` enforces the same minimum.
const MIN_RETENTION_DAYS: usize = 90;
const MAX_RETENTION_DAYS: usize = 36_500;
const DAY: Duration = Duration::from_hours(24);

const URL: &str = "database.url";
const OWNER_URL: &str = "database.owner_url";
const INSECURE: &str = "database.insecure";

/// The whole configuration, as `serve` and `check` use it.
#[derive(Debug)]
pub struct Config {
    /// `[ari]`, or each `[[ari]]`: the Asterisks that this daemon serves.
    pub ari: Vec<Ari>,
    /// `[database]`
    pub database: Database,
    /// `[hashing]`
    pub hashing: Hashing,
    /// `[call]`
    pub call: CallLimits,
    /// `[site]`
    pub site: Site,
    /// `[operators]`
    pub operators: Operators,
    /// `[login]`
    pub login: Login,
    /// `[session]`
    pub session: Session,
    /// `[audit]`
    pub audit: Audit,
    /// `[shutdown]`
    pub shutdown: Shutdown,
    /// `[log]`
    pub log: Log,
    /// Every file that a secret was read from, with its key.
    pub secret_files: Vec<(String, PathBuf)>,
    /// `secrets.group_readable`: whether the group of such a file may read it.
    pub group_readable: bool,
}

impl Config {
    /// One line for each secret's file that too many users of this machine can read.
    #[must_use]
    pub fn exposed_files(&self) -> Vec<String> {
        secret_files::exposed(&self.secret_files, self.group_readable)
    }
}

/// How to reach PostgreSQL.
#[derive(Debug)]
pub struct Database {
    /// The daemon's connection string.
    pub url: Secret,
    /// The owner's connection string, for `migrate`, `contracts` and `audit`.
    pub owner_url: Option<Secret>,
    /// The size of each of two pools: the telephone line's and the site's.
    pub max_connections: usize,
}

/// The server-side hash keys (`C7`).
#[derive(Debug)]
pub struct Hashing {
    /// The first key hashes, every key verifies.
    pub keys: Keys,
}

/// The limits of a call (`P11`), and of concurrent calls.
#[derive(Debug, Clone)]
pub struct CallLimits {
    /// How long a caller may wait before the first digit.
    pub first_digit_timeout: Duration,
    /// How long a caller may wait between two digits.
    pub inter_digit_timeout: Duration,
    /// How long a whole call may last.
    pub max_duration: Duration,
    /// How many calls this daemon takes at once.
    pub max_concurrent: usize,
    /// How many of them may come from one number.
    pub max_per_caller: usize,
    /// How many of them may come from one endpoint of Asterisk.
    pub max_per_trunk: usize,
    /// Where the media of the named endpoints may be. Other endpoints have no restriction.
    pub media_networks: Vec<MediaNetwork>,
}

/// The listener for `/livez`, `/readyz` and `/metrics`.
#[derive(Debug)]
pub struct Operators {
    /// The address to bind to.
    pub listen: SocketAddr,
}

/// The rate limit by client address.
#[derive(Debug)]
pub struct Login {
    /// Points a minute that one address may spend, or `None` for `off`.
    pub limit: Option<NonZeroU32>,
}

/// How long a session lasts (`W5`).
#[derive(Debug)]
pub struct Session {
    /// A session ends when it has been idle for this long.
    pub idle_timeout: Duration,
}

/// How long audit rows stay (`D3`).
#[derive(Debug, Clone, Copy)]
pub struct Audit {
    /// Older rows are deleted.
    pub retention: Duration,
}

/// How much time a shutdown leaves, from the first signal on.
#[derive(Debug, Clone, Copy)]
pub struct Shutdown {
    /// How long the site still accepts connections. May be zero.
    pub drain: Duration,
    /// How long calls may continue.
    pub call_grace: Duration,
}

/// What is logged, and in which form.
#[derive(Debug)]
pub struct Log {
    /// A `tracing-subscriber` filter, such as `info` or `karipass=debug`.
    pub filter: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Neither `text` nor `json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a log format")]
pub struct UnknownLogFormat;

impl FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(text: &str) -> Result<Self, UnknownLogFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(UnknownLogFormat),
        }
    }
}

/// A configured secret. It is wiped on drop, and `Debug` hides it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Every error of a configuration, one line each. A line starts with the key or variable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

/// Loads the whole configuration from `file`, if given, and the `KARIPASS_…` variables among
/// `variables`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigErrors> {
    let mut reader = Reader::new(file, variables);
    let ari = asterisk::read(&mut reader);
    let database = database(&mut reader);
    let keys = keys(&mut reader);
    let call = call(&mut reader);
    let site = site::read(&mut reader);
    let listen = reader.or_default("operators.listen", "127.0.0.1:9464");
    let limit = reader.limit("login.limit", rules::LOGIN_POINTS_PER_MINUTE);
    let idle_timeout = reader.seconds(
        "session.idle_timeout_s",
        rules::SESSION_IDLE_TIMEOUT,
        rules::MAX_SESSION_LIFETIME,
    );
    let audit = audit(&mut reader);
    let shutdown = shutdown(&mut reader);
    let log = log(&mut reader);
    let group_readable = reader.or_default("secrets.group_readable", "false");
    let secret_files = reader.secret_files();
    reader.finish("", || {
        Some(Config {
            ari: ari?,
            database: database?,
            hashing: Hashing { keys: keys? },
            call: call?,
            site: site?,
            operators: Operators { listen: listen? },
            login: Login { limit: limit? },
            session: Session { idle_timeout: idle_timeout? },
            audit: audit?,
            shutdown: shutdown?,
            log: log?,
            secret_files,
            group_readable: group_readable?,
        })
    })
}

/// The connection string of an operator's command.
#[derive(Debug)]
pub struct ForOperator {
    /// The connection string.
    pub url: Secret,
    /// Whether it is `database.owner_url` rather than `database.url`.
    pub is_owners: bool,
}

/// Loads what an operator's command needs: `database.owner_url`, or else `database.url`.
///
/// # Errors
/// What is wrong with `[database]` and with the file's syntax.
pub fn load_for_operator(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<ForOperator, ConfigErrors> {
    let mut reader = Reader::new(file, variables);
    let insecure = reader.or_default(INSECURE, "false");
    let (key, url) = match reader.secret(OWNER_URL) {
        Some(url) => (OWNER_URL, Some(url)),
        None => (URL, reader.required_secret(URL)),
    };
    let url = url.and_then(|url| connection_string(&mut reader, key, url, insecure));
    reader.ignore(&[URL, "database.url_file", "database.max_connections"]);
    reader.finish("database.", || Some(ForOperator { url: url?, is_owners: key == OWNER_URL }))
}

fn database(reader: &mut Reader) -> Option<Database> {
    let insecure = reader.or_default(INSECURE, "false");
    let url =
        reader.required_secret(URL).and_then(|url| connection_string(reader, URL, url, insecure));
    let owner_url = reader
        .secret(OWNER_URL)
        .and_then(|url| connection_string(reader, OWNER_URL, url, insecure));
    let max_connections = reader.count(
        "database.max_connections",
        DEFAULT_DATABASE_CONNECTIONS,
        MAX_DATABASE_CONNECTIONS,
    );
    Some(Database { url: url?, owner_url, max_connections: max_connections? })
}

/// Returns `url` if it is a usable connection string. `insecure` is the value of
/// `database.insecure`, or `None` if that is not valid.
fn connection_string(
    reader: &mut Reader,
    key: &str,
    url: Secret,
    insecure: Option<bool>,
) -> Option<Secret> {
    let parsed = ConnectionString::parse(url.expose());
    match parsed.and_then(|parsed| parsed.tls().map(|_| parsed)) {
        Ok(parsed) if insecure == Some(false) && parsed.may_be_unencrypted() => {
            reader.error(format!(
                "{key}: the connection to another machine is not encrypted: add \
                 sslmode=verify-full (or require), or set database.insecure = true"
            ));
        }
        Ok(_) => return Some(url),
        Err(error) => reader.error(format!("{key}: {error}")),
    }
    None
}

fn keys(reader: &mut Reader) -> Option<Keys> {
    let text = reader.required_secret("hashing.keys")?;
    match Keys::parse(text.expose()) {
        Ok(keys) => Some(keys),
        Err(errors) => {
            for error in errors.0 {
                reader.error(format!("hashing.keys: {error}"));
            }
            None
        }
    }
}

fn call(reader: &mut Reader) -> Option<CallLimits> {
    let mut timeout = |key, default| reader.seconds(key, default, MAX_DIGIT_TIMEOUT);
    let first_digit_timeout = timeout("call.first_digit_timeout_s", rules::FIRST_DIGIT_TIMEOUT);
    let inter_digit_timeout = timeout("call.inter_digit_timeout_s", rules::INTER_DIGIT_TIMEOUT);
    let max_duration =
        reader.seconds("call.max_duration_s", rules::MAX_CALL_DURATION, dialog::MAX_CALL_LIMIT);
    let max_concurrent = reader.or_default("call.max_concurrent", DEFAULT_MAX_CALLS);
    if max_concurrent == Some(0) {
        reader.error("call.max_concurrent: not a positive whole number");
    }
    let all = max_concurrent.unwrap_or(usize::MAX).max(1);
    let max_per_caller = reader.count("call.max_per_caller", DEFAULT_MAX_PER_CALLER.min(all), all);
    let max_per_trunk = reader.count("call.max_per_trunk", (all - all / 10).max(1), all);
    let media_networks = reader.list("call.media_networks");
    Some(CallLimits {
        first_digit_timeout: first_digit_timeout?,
        inter_digit_timeout: inter_digit_timeout?,
        max_duration: max_duration?,
        max_concurrent: max_concurrent?,
        max_per_caller: max_per_caller?,
        max_per_trunk: max_per_trunk?,
        media_networks: media_networks?,
    })
}

fn audit(reader: &mut Reader) -> Option<Audit> {
    const KEY: &str = "audit.retention_days";
    let default = usize::try_from(rules::AUDIT_RETENTION.as_secs() / DAY.as_secs()).ok()?;
    let days = reader.count(KEY, default, MAX_RETENTION_DAYS)?;
    if days < MIN_RETENTION_DAYS {
        reader.error(format!("{KEY}: {MIN_RETENTION_DAYS} at least"));
        return None;
    }
    Some(Audit { retention: DAY * u32::try_from(days).ok()? })
}

fn shutdown(reader: &mut Reader) -> Option<Shutdown> {
    let drain = reader.seconds_or_none("shutdown.drain_s", DEFAULT_DRAIN, MAX_SHUTDOWN);
    let call_grace = reader.seconds("shutdown.call_grace_s", DEFAULT_CALL_GRACE, MAX_SHUTDOWN);
    Some(Shutdown { drain: drain?, call_grace: call_grace? })
}

fn log(reader: &mut Reader) -> Option<Log> {
    let filter: Option<String> = reader.or_default("log.filter", "info");
    if filter.as_ref().is_some_and(|filter| filter.parse::<Targets>().is_err()) {
        reader.error("log.filter: not a filter such as info or karipass=debug");
    }
    let format = reader.or_default("log.format", "text");
    Some(Log { filter: filter?, format: format? })
}

#[cfg(test)]
mod tests;
