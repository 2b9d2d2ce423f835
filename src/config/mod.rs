//! The configuration: a TOML file, overridden by `KARIPASS_…` variables.
//!
//! The variable of the key `section.name` is `KARIPASS_SECTION_NAME`. A secret may come from a file
//! instead: `password_file` in place of `password`. Relative paths start at the configuration
//! file's folder. Loading reports every error at once, and no error repeats a value.

mod asterisk;
mod call;
mod checks;
mod color;
mod common_passwords;
mod database;
mod identity;
mod keys;
mod load;
mod log;
mod network;
mod platform;
mod secret;
mod secret_files;
mod server_url;
mod site;
mod traces;
mod value;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::keys::Keys;
pub use asterisk::AriSettings;
pub use call::CallSettings;
pub use checks::{Checks, Encryption};
pub use color::{Color, MIN_CONTRAST};
pub use database::{DatabaseSettings, OperatorConnection, load_for_operator};
use domain::rules;
pub use identity::{Links, Logo, LogoFormat, OperatorWords, SiteIdentity};
pub use load::ConfigErrors;
use load::Reader;
pub use log::{LogFormat, LogSettings};
pub use network::{MediaNetwork, Network, NotANetwork, is_this_machine};
pub use secret::Secret;
pub use site::{SiteSettings, SiteTls};
pub use traces::TracingSettings;

/// The default of `shutdown.call_grace_s`.
pub const DEFAULT_CALL_GRACE: Duration = Duration::from_mins(2);
const DEFAULT_DRAIN: Duration = Duration::from_secs(5);
/// The upper limit of both times of `[shutdown]`.
const MAX_SHUTDOWN: Duration = Duration::from_hours(24);

/// How many days audit rows may stay. The database's function `prune_audit` enforces the same
/// minimum.
pub const RETENTION_DAYS: RangeInclusive<usize> = 90..=36_500;
const DAY: Duration = Duration::from_hours(24);

/// The whole configuration, as `serve` and `check` use it.
#[derive(Debug)]
pub struct Config {
    /// `[ari]`, or each `[[ari]]`: the Asterisks that this daemon serves.
    pub ari: Vec<AriSettings>,
    pub database: DatabaseSettings,
    pub hashing: HashingSettings,
    pub call: CallSettings,
    pub site: SiteSettings,
    pub operators: OperatorSettings,
    pub login: LoginSettings,
    pub session: SessionSettings,
    pub audit: AuditSettings,
    pub shutdown: ShutdownSettings,
    pub log: LogSettings,
    /// `None` exports no traces.
    pub tracing: Option<TracingSettings>,
    /// `demonstration.phone_socket`: who answers `/phone`. `None` outside a demonstration.
    pub phone_socket: Option<PathBuf>,
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

/// The server-side hash keys (`C7`).
#[derive(Debug)]
pub struct HashingSettings {
    /// The first key hashes, every key verifies.
    pub keys: Keys,
}

/// The listener for `/livez`, `/readyz` and `/metrics`.
#[derive(Debug)]
pub struct OperatorSettings {
    /// The address to bind to.
    pub listen: SocketAddr,
}

/// The rate limit by client address.
#[derive(Debug)]
pub struct LoginSettings {
    /// Points a minute that one address may spend, or `None` for `off`.
    pub limit: Option<NonZeroU32>,
}

/// How long a session lasts (`W5`).
#[derive(Debug)]
pub struct SessionSettings {
    /// A session ends when it has been idle for this long.
    pub idle_timeout: Duration,
}

/// How long audit rows stay (`D3`).
#[derive(Debug, Clone, Copy)]
pub struct AuditSettings {
    /// Older rows are deleted.
    pub retention: Duration,
}

/// The times of a shutdown, from the first signal on.
#[derive(Debug, Clone, Copy)]
pub struct ShutdownSettings {
    /// How long the site still accepts connections. May be zero.
    pub drain: Duration,
    /// How long calls may continue.
    pub call_grace: Duration,
}

/// Loads the whole configuration from `file`, if given, and the `KARIPASS_…` variables among
/// `variables`.
///
/// # Errors
/// All errors in it.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
    checks: &Checks,
) -> Result<Config, ConfigErrors> {
    let mut reader = Reader::new(file, variables);
    let config = read(&mut reader, checks);
    reader.finish("", || config)
}

fn read(reader: &mut Reader, checks: &Checks) -> Option<Config> {
    let ari = asterisk::read(reader, checks);
    let database = database::read(reader, checks);
    let keys = keys(reader);
    let call = call::read(reader);
    let site = site::read(reader, checks);
    let listen = reader.or_default("operators.listen", "127.0.0.1:9464");
    let limit = reader.limit("login.limit", rules::LOGIN_POINTS_PER_MINUTE);
    let idle_timeout = reader.seconds(
        "session.idle_timeout_s",
        rules::SESSION_IDLE_TIMEOUT,
        rules::MAX_SESSION_LIFETIME,
    );
    let audit = audit(reader);
    let shutdown = shutdown(reader);
    let log = log::read(reader);
    let tracing = traces::read(reader, checks);
    let phone_socket = phone_socket(reader, site.as_ref());
    let group_readable = reader.or_default("secrets.group_readable", "false");
    let secret_files = reader.secret_files();
    Some(Config {
        ari: ari?,
        database: database?,
        hashing: HashingSettings { keys: keys? },
        call: call?,
        site: site?,
        operators: OperatorSettings { listen: listen? },
        login: LoginSettings { limit: limit? },
        session: SessionSettings { idle_timeout: idle_timeout? },
        audit: audit?,
        shutdown: shutdown?,
        log: log?,
        tracing,
        phone_socket,
        secret_files,
        group_readable: group_readable?,
    })
}

/// Loads the hash keys, for an operator's command that sets a password.
///
/// # Errors
/// The errors in `[hashing]` and in the file's syntax.
pub fn load_keys(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Keys, ConfigErrors> {
    let mut reader = Reader::new(file, variables);
    let keys = keys(&mut reader);
    reader.finish("hashing.", || keys)
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

fn audit(reader: &mut Reader) -> Option<AuditSettings> {
    const KEY: &str = "audit.retention_days";
    let default = usize::try_from(rules::AUDIT_RETENTION.as_secs() / DAY.as_secs()).ok()?;
    let (min, max) = (RETENTION_DAYS.start(), RETENTION_DAYS.end());
    let days = reader.count(KEY, default, *max)?;
    if days < *min {
        reader.error(format!("{KEY}: {min} at least"));
        return None;
    }
    Some(AuditSettings { retention: DAY * u32::try_from(days).ok()? })
}

fn shutdown(reader: &mut Reader) -> Option<ShutdownSettings> {
    let drain = reader.seconds_or_none("shutdown.drain_s", DEFAULT_DRAIN, MAX_SHUTDOWN);
    let call_grace = reader.seconds("shutdown.call_grace_s", DEFAULT_CALL_GRACE, MAX_SHUTDOWN);
    Some(ShutdownSettings { drain: drain?, call_grace: call_grace? })
}

/// The Unix socket of the demonstration's telephone. The site must be for this machine alone: the
/// telephone gives anybody a subscriber's number.
fn phone_socket(reader: &mut Reader, site: Option<&SiteSettings>) -> Option<PathBuf> {
    const KEY: &str = "demonstration.phone_socket";
    let socket = reader.path(KEY)?;
    if site.is_some_and(|site| !site.listen.ip().is_loopback()) {
        reader.error(format!("{KEY}: only where site.listen is on loopback"));
    }
    if site.is_some_and(|site| !site.trusted_proxies.is_empty()) {
        reader.error(format!("{KEY}: not behind site.trusted_proxies"));
    }
    Some(socket)
}

#[cfg(test)]
mod tests;
