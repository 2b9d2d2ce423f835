//! The configuration: a TOML file overlaid by `KARIPASS_…` variables, every mistake named at once.
//!
//! A key `section.name` of the file is the variable `KARIPASS_SECTION_NAME`. A secret may also come
//! from a file: `password_file` beside `password`. Relative paths start at the configuration file's
//! folder. No secret has a default, and no message repeats a value.

mod reader;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::hashing::Keys;
use crate::number::Number;
use crate::rules;
use reader::Reader;

/// Everything the daemon and the operator's commands are told.
#[derive(Debug)]
pub struct Config {
    /// `[ari]`: the Asterisk that takes the calls.
    pub ari: Ari,
    /// `[database]`: where contracts and credentials are kept.
    pub database: Database,
    /// `[hashing]`: the server-side keys (`C7`).
    pub hashing: Hashing,
    /// `[call]`: the time limits of a call (`P11`).
    pub call: CallLimits,
    /// `[site]`: the subscribers' listener.
    pub site: Site,
    /// `[operators]`: the operators' listener.
    pub operators: Operators,
    /// `[login]`: the limit by address.
    pub login: Login,
    /// `[session]`: when a session ends by itself (`W5`).
    pub session: Session,
    /// `[log]`: what is logged, and how.
    pub log: Log,
}

/// How to reach ARI.
#[derive(Debug)]
pub struct Ari {
    /// The HTTP server's base, such as `http://127.0.0.1:8088`.
    pub url: url::Url,
    /// The Stasis application's name, as the dialplan calls it.
    pub app: String,
    /// The user of `ari.conf`.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// The folder of the guidance (`…/sounds/ja/karipass`), to look for missing files; none to ask ARI only.
    pub sounds: Option<PathBuf>,
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

/// The time limits of a call (`P11`).
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// Silence before the first digit.
    pub first_digit: Duration,
    /// Silence between digits.
    pub inter_digit: Duration,
    /// The whole call.
    pub call: Duration,
}

/// The subscribers' listener.
#[derive(Debug)]
pub struct Site {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate chain and private key in PEM; without them plain HTTP, on loopback only (`W7`).
    pub tls: Option<Tls>,
    /// The set-up number that a refusal tells to call (`W2`).
    pub set_up_number: Number,
}

/// A certificate's files.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
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
    /// Logins a minute from one address; none if `off`.
    pub limit: Option<std::num::NonZeroU32>,
}

/// When a session ends by itself.
#[derive(Debug)]
pub struct Session {
    /// Idle time.
    pub idle: Duration,
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
    let ari = ari(&mut reader);
    let database = database(&mut reader);
    let keys = keys(&mut reader);
    let call = call(&mut reader);
    let site = site(&mut reader);
    let operators = reader.or_default("operators.listen", "127.0.0.1:9464");
    let limit = reader.limit("login.limit", rules::LOGINS_A_MINUTE);
    let idle = reader.seconds("session.idle_s", rules::SESSION_IDLE);
    let log = log(&mut reader);
    reader.finish(|| {
        Some(Config {
            ari: ari?,
            database: database?,
            hashing: Hashing { keys: keys? },
            call: call?,
            site: site?,
            operators: Operators { listen: operators? },
            login: Login { limit: limit? },
            session: Session { idle: idle? },
            log: log?,
        })
    })
}

fn ari(reader: &mut Reader) -> Option<Ari> {
    let url: Option<url::Url> = reader.or_default("ari.url", "http://127.0.0.1:8088");
    if url.as_ref().is_some_and(|url| url.scheme() != "http") {
        reader.mistake("ari.url: an http:// address is needed");
    }
    let app = reader.or_default("ari.app", "karipass");
    let user = reader.required("ari.user");
    let password = reader.required_secret("ari.password");
    let sounds = reader.path("ari.sounds");
    Some(Ari { url: url?, app: app?, user: user?, password: password?, sounds })
}

fn database(reader: &mut Reader) -> Option<Database> {
    let url = reader.required_secret("database.url");
    let owner_url = reader.secret("database.owner_url");
    let connections = reader.or_default("database.connections", "8");
    Some(Database { url: url?, owner_url, connections: connections? })
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
    let first_digit = reader.seconds("call.first_digit_s", rules::FIRST_DIGIT);
    let inter_digit = reader.seconds("call.inter_digit_s", rules::INTER_DIGIT);
    let call = reader.seconds("call.limit_s", rules::CALL_LIMIT);
    Some(CallLimits { first_digit: first_digit?, inter_digit: inter_digit?, call: call? })
}

fn site(reader: &mut Reader) -> Option<Site> {
    let listen: Option<SocketAddr> = reader.or_default("site.listen", "127.0.0.1:8443");
    let tls = match (reader.path("site.certificate_file"), reader.path("site.key_file")) {
        (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            reader.mistake("site.certificate_file and site.key_file: one needs the other");
            None
        }
    };
    if tls.is_none() && listen.is_some_and(|listen| !listen.ip().is_loopback()) {
        reader.mistake("site.listen: without a certificate the site listens on loopback only (W7)");
    }
    let set_up_number = reader.or_default("site.set_up_number", rules::SET_UP_NUMBER);
    Some(Site { listen: listen?, tls, set_up_number: set_up_number? })
}

fn log(reader: &mut Reader) -> Option<Log> {
    let filter = reader.or_default("log.filter", "info");
    let json = reader.or_default("log.json", "false");
    Some(Log { filter: filter?, json: json? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn enough() -> Vec<(String, String)> {
        variables(&[
            ("KARIPASS_ARI_USER", "karipass"),
            ("KARIPASS_ARI_PASSWORD", "ari-secret"),
            ("KARIPASS_DATABASE_URL", "host=/run dbname=karipass password=db-secret"),
            ("KARIPASS_HASHING_KEYS", "k1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ])
    }

    fn mistakes(file: Option<&Path>, variables: Vec<(String, String)>) -> Vec<String> {
        load(file, variables).unwrap_err().0
    }

    #[test]
    fn defaults_are_the_rules() {
        let config = load(None, enough()).unwrap();
        assert_eq!(config.call.first_digit, rules::FIRST_DIGIT);
        assert_eq!(config.session.idle, rules::SESSION_IDLE);
        assert_eq!(config.login.limit.map(u32::from), Some(rules::LOGINS_A_MINUTE));
        assert_eq!(config.site.listen.port(), 8443);
    }

    #[test]
    fn variables_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("karipass.toml");
        std::fs::write(&file, "[ari]\napp = \"file\"\n[login]\nlimit = 5\n").unwrap();
        let mut given = enough();
        given.extend(variables(&[("KARIPASS_LOGIN_LIMIT", "off")]));
        let config = load(Some(&file), given).unwrap();
        assert_eq!(config.ari.app, "file");
        assert_eq!(config.login.limit, None);
    }

    #[test]
    fn a_secret_comes_from_a_file_beside_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("karipass.toml");
        std::fs::write(folder.path().join("ari.secret"), "from-a-file\n").unwrap();
        std::fs::write(&file, "[ari]\npassword_file = \"ari.secret\"\n").unwrap();
        let given = enough().into_iter().filter(|(name, _)| name != "KARIPASS_ARI_PASSWORD");
        let config = load(Some(&file), given).unwrap();
        assert_eq!(config.ari.password.expose(), "from-a-file");
    }

    #[test]
    fn every_mistake_is_named_at_once_and_no_value_is_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("karipass.toml");
        std::fs::write(
            &file,
            "[ari]\nurl = \"secret-nonsense\"\npasword = \"secret\"\n[call]\nlimit_s = -1\n[site]\nlisten = \"0.0.0.0:1\"\n",
        )
        .unwrap();
        let found = mistakes(Some(&file), variables(&[("KARIPASS_LOGIN_LIMITT", "secret")]));
        for key in [
            "ari.url",
            "ari.pasword",
            "ari.user",
            "ari.password",
            "call.limit_s",
            "site.listen",
            "database.url",
            "hashing.keys",
            "KARIPASS_LOGIN_LIMITT",
        ] {
            assert!(
                found.iter().any(|line| line.starts_with(key)),
                "{key} is not named: {found:?}"
            );
        }
        assert!(!found.concat().contains("secret"), "{found:?}");
    }

    #[test]
    fn w7_without_a_certificate_only_loopback() {
        let mut given = enough();
        given.extend(variables(&[("KARIPASS_SITE_LISTEN", "192.0.2.1:443")]));
        assert_eq!(mistakes(None, given).len(), 1);
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", load(None, enough()).unwrap());
        assert!(!shown.contains("secret") && !shown.contains("AAAA"), "{shown}");
    }
}
