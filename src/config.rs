//! The configuration: a TOML file overlaid by `KARIPASS_…` variables, every mistake named at once.
//!
//! A key `section.name` of the file is the variable `KARIPASS_SECTION_NAME`. A secret may also come
//! from a file: `password_file` beside `password`. What container platforms set by themselves is no
//! setting. Relative paths start at the configuration file's folder. No secret has a default, and
//! no message repeats a value.

mod asterisk;
pub mod certificate;
mod guarded;
mod network;
mod platform;
pub mod postgres;
mod reader;
mod site;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use zeroize::Zeroizing;

use crate::hashing::Keys;
pub use asterisk::Ari;
use domain::{dialog, rules};
pub use network::{MediaNetwork, Network, NotANetwork};
use postgres::ConnectionString;
use reader::Reader;
pub use site::{Site, Tls};

/// The longest time to stop in: more is a slip of the pen, and far more no clock can add.
const LONGEST_LIMIT: Duration = Duration::from_hours(24);
/// The longest silence that a caller can be left in.
const LONGEST_SILENCE: Duration = Duration::from_mins(1);
/// The most calls at once, if nothing else is configured.
const MOST_CALLS: &str = "250";
/// The most of them from one number, if nothing else is configured.
const MAX_PER_CALLER: usize = 5;
/// How long calls may go on once the daemon is told to stop, if nothing else is configured.
pub const STOP_CALLS: Duration = Duration::from_mins(2);
/// The same for the site, so that load balancers see that it is not ready.
const STOP_NOTICE: Duration = Duration::from_secs(5);
/// The most connections to the database.
const MOST_CONNECTIONS: usize = 1000;

/// The shortest time that rows of the audit can be kept for; `prune_audit` in the database keeps
/// them so long whatever it is told.
const SHORTEST_AUDIT_DAYS: usize = 90;
/// The longest: more is a slip of the pen.
const LONGEST_AUDIT_DAYS: usize = 36_500;
const DAY: Duration = Duration::from_hours(24);

const URL: &str = "database.url";
const OWNER_URL: &str = "database.owner_url";
const INSECURE: &str = "database.insecure";

/// Everything the daemon and the operator's commands are told.
#[derive(Debug)]
pub struct Config {
    /// `[ari]`, or several `[[ari]]`: the Asterisks that take the calls.
    pub ari: Vec<Ari>,
    /// `[database]`: where contracts and credentials are kept.
    pub database: Database,
    /// `[hashing]`: the server-side keys (`C7`).
    pub hashing: Hashing,
    /// `[call]`: the limits of a call (`P11`), and of calls.
    pub call: CallLimits,
    /// `[site]`: the subscribers' listener.
    pub site: Site,
    /// `[operators]`: the operators' listener.
    pub operators: Operators,
    /// `[login]`: the limit by address.
    pub login: Login,
    /// `[session]`: when a session ends by itself (`W5`).
    pub session: Session,
    /// `[audit]`: how long it is kept (`D3`).
    pub audit: Audit,
    /// `[stop]`: how the daemon leaves.
    pub stop: Stop,
    /// `[log]`: what is logged, and how.
    pub log: Log,
    /// Every file that a secret was read from, by its setting.
    pub guarded_files: Vec<(String, PathBuf)>,
    /// `secrets.group_readable`: whether the groups of these files may read them.
    pub group_readable: bool,
}

impl Config {
    /// The files that more can read than may, one line each.
    #[must_use]
    pub fn exposed_files(&self) -> Vec<String> {
        guarded::exposed(&self.guarded_files, self.group_readable)
    }
}

/// How to reach PostgreSQL.
#[derive(Debug)]
pub struct Database {
    /// The daemon's connection string, for the role with no more rights than it needs.
    pub url: Secret,
    /// The owner's connection string, for `migrate`, `contracts` and `audit`.
    pub owner_url: Option<Secret>,
    /// The most connections at once, for the telephone line and again for the site.
    pub connections: usize,
}

/// Where the hash keys are.
#[derive(Debug)]
pub struct Hashing {
    /// `keys`: lines of `id base64`; the first key hashes, every key verifies.
    pub keys: Keys,
}

/// The limits of a call (`P11`), and of calls.
#[derive(Debug, Clone)]
pub struct CallLimits {
    /// Silence before the first digit.
    pub first_digit: Duration,
    /// Silence between digits.
    pub inter_digit: Duration,
    /// The whole call.
    pub call: Duration,
    /// The most calls at once; who comes next is left to the dialplan.
    pub most: usize,
    /// The most of them from one number.
    pub max_per_caller: usize,
    /// The most of them from one trunk or telephone.
    pub max_per_trunk: usize,
    /// Where the media of some endpoints are; those of others may be anywhere.
    pub media_networks: Vec<MediaNetwork>,
}

/// The operators' listener.
#[derive(Debug)]
pub struct Operators {
    /// Where it listens.
    pub listen: SocketAddr,
}

/// The limit by address.
#[derive(Debug)]
pub struct Login {
    /// Points a minute that the logins of one address may cost; none if `off`.
    pub limit: Option<std::num::NonZeroU32>,
}

/// When a session ends by itself.
#[derive(Debug)]
pub struct Session {
    /// Idle time.
    pub idle: Duration,
}

/// How long the audit is kept.
#[derive(Debug, Clone, Copy)]
pub struct Audit {
    /// Older rows are removed.
    pub kept: Duration,
}

/// How long what is under way goes on after the first signal.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// The site, which still takes connections in that time; may be none.
    pub notice: Duration,
    /// Calls under way.
    pub calls: Duration,
}

/// What is logged, and how.
#[derive(Debug)]
pub struct Log {
    /// A `tracing-subscriber` filter, such as `info` or `karipass=debug`.
    pub filter: String,
    /// One JSON object a line instead of text.
    pub json: bool,
}

/// A configured secret: wiped on drop, never shown.
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

/// Every mistake of a configuration, one line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

/// Reads `file` (if any) and the `KARIPASS_…` variables among `variables`.
///
/// # Errors
/// [`Mistakes`]: all of them, each with the key or variable it is about.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Mistakes> {
    let mut reader = Reader::new(file, variables);
    let ari = asterisk::all(&mut reader);
    let database = database(&mut reader);
    let keys = keys(&mut reader);
    let call = call(&mut reader);
    let site = site::read(&mut reader);
    let operators = reader.or_default("operators.listen", "127.0.0.1:9464");
    let limit = reader.limit("login.limit", rules::LOGIN_POINTS_PER_MINUTE);
    let idle =
        reader.seconds("session.idle_s", rules::SESSION_IDLE_TIMEOUT, rules::MAX_SESSION_LIFETIME);
    let audit = audit(&mut reader);
    let stop = stop(&mut reader);
    let log = log(&mut reader);
    let group_readable = reader.or_default("secrets.group_readable", "false");
    let guarded_files = reader.guarded_files();
    reader.finish("", || {
        Some(Config {
            ari: ari?,
            database: database?,
            hashing: Hashing { keys: keys? },
            call: call?,
            site: site?,
            operators: Operators { listen: operators? },
            login: Login { limit: limit? },
            session: Session { idle: idle? },
            audit: audit?,
            stop: stop?,
            log: log?,
            guarded_files,
            group_readable: group_readable?,
        })
    })
}

/// Reads of `file` and `variables` no more than an operator's command needs: the owner's connection
/// string, or the daemon's if there is none.
///
/// # Errors
/// [`Mistakes`] of the file's form and of `[database]`.
pub fn load_for_operator(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<ForOperator, Mistakes> {
    let mut reader = Reader::new(file, variables);
    let insecure = reader.or_default(INSECURE, "false");
    let (key, url) = match reader.secret(OWNER_URL) {
        Some(url) => (OWNER_URL, Some(url)),
        None => (URL, reader.required_secret(URL)),
    };
    let url = url.and_then(|url| connection_string(&mut reader, key, url, insecure));
    let url = url.map(|url| ForOperator { url, is_owners: key == OWNER_URL });
    reader.leave(&[URL, "database.url_file", "database.connections"]);
    reader.finish("database.", || url)
}

fn audit(reader: &mut Reader) -> Option<Audit> {
    const KEY: &str = "audit.keep_days";
    let default = usize::try_from(rules::AUDIT_RETENTION.as_secs() / DAY.as_secs()).ok()?;
    let days = reader.count(KEY, default, LONGEST_AUDIT_DAYS)?;
    if days < SHORTEST_AUDIT_DAYS {
        reader.mistake(format!("{KEY}: {SHORTEST_AUDIT_DAYS} at least"));
        return None;
    }
    Some(Audit { kept: DAY * u32::try_from(days).ok()? })
}

/// As whom an operator's command asks the database.
#[derive(Debug)]
pub struct ForOperator {
    /// The connection string.
    pub url: Secret,
    /// Whether it is `database.owner_url`; else it is the daemon's.
    pub is_owners: bool,
}

fn database(reader: &mut Reader) -> Option<Database> {
    let insecure = reader.or_default(INSECURE, "false");
    let url = reader.required_secret(URL);
    let url = url.and_then(|url| connection_string(reader, URL, url, insecure));
    let owner_url = reader.secret(OWNER_URL);
    let owner_url = owner_url.and_then(|url| connection_string(reader, OWNER_URL, url, insecure));
    let connections = reader.count("database.connections", 8, MOST_CONNECTIONS);
    Some(Database { url: url?, owner_url, connections: connections? })
}

/// A usable connection string; `insecure` is whether another machine may be spoken to in the clear,
/// if that could be read.
fn connection_string(
    reader: &mut Reader,
    key: &str,
    url: Secret,
    insecure: Option<bool>,
) -> Option<Secret> {
    let parsed = ConnectionString::parse(url.expose());
    match parsed.and_then(|parsed| parsed.tls().map(|_| parsed)) {
        Ok(parsed) if insecure == Some(false) && parsed.is_in_the_clear() => {
            reader.mistake(format!(
                "{key}: another machine is spoken to in the clear: \
                 say sslmode=verify-full (or require) in it, or database.insecure = true"
            ));
        }
        Ok(_) => return Some(url),
        Err(mistake) => reader.mistake(format!("{key}: {mistake}")),
    }
    None
}

fn keys(reader: &mut Reader) -> Option<Keys> {
    let text = reader.required_secret("hashing.keys")?;
    match Keys::parse(text.expose()) {
        Ok(keys) => Some(keys),
        Err(mistakes) => {
            for mistake in mistakes.0 {
                reader.mistake(format!("hashing.keys: {mistake}"));
            }
            None
        }
    }
}

fn call(reader: &mut Reader) -> Option<CallLimits> {
    let first_digit =
        reader.seconds("call.first_digit_s", rules::FIRST_DIGIT_TIMEOUT, LONGEST_SILENCE);
    let inter_digit =
        reader.seconds("call.inter_digit_s", rules::INTER_DIGIT_TIMEOUT, LONGEST_SILENCE);
    let call = reader.seconds("call.limit_s", rules::MAX_CALL_DURATION, dialog::MAX_CALL_LIMIT);
    let most = reader.or_default("call.most", MOST_CALLS);
    if most == Some(0) {
        reader.mistake("call.most: not a positive whole number");
    }
    let all = most.unwrap_or(usize::MAX).max(1);
    let max_per_caller = reader.count("call.max_per_caller", MAX_PER_CALLER.min(all), all);
    let max_per_trunk = reader.count("call.max_per_trunk", (all - all / 10).max(1), all);
    let media_networks = reader.list("call.media_networks");
    Some(CallLimits {
        first_digit: first_digit?,
        inter_digit: inter_digit?,
        call: call?,
        most: most?,
        max_per_caller: max_per_caller?,
        max_per_trunk: max_per_trunk?,
        media_networks: media_networks?,
    })
}

fn stop(reader: &mut Reader) -> Option<Stop> {
    let notice = reader.seconds_or_none("stop.notice_s", STOP_NOTICE, LONGEST_LIMIT);
    let calls = reader.seconds("stop.calls_s", STOP_CALLS, LONGEST_LIMIT);
    Some(Stop { notice: notice?, calls: calls? })
}

fn log(reader: &mut Reader) -> Option<Log> {
    let filter: Option<String> = reader.or_default("log.filter", "info");
    if filter.as_ref().is_some_and(|filter| filter.parse::<Targets>().is_err()) {
        reader.mistake("log.filter: not a filter such as info or karipass=debug");
    }
    let json = reader.or_default("log.json", "false");
    Some(Log { filter: filter?, json: json? })
}

#[cfg(test)]
mod tests;
