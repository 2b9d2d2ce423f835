//! `karipass check`: examines the configuration, the database and every Asterisk, and changes
//! nothing.
//!
//! - [`database`]: schema, privileges, clock, and what PostgreSQL logs.
//! - [`asterisk`]: over ARI its version, `modules`, sounds, logs, clock and `dialplan_globals`.
//!   Where their folder is known, also its `files` (read by `conf`), `dialplan`, `endpoints` and
//!   `listeners`.

pub mod asterisk;
mod clock_skew;
mod conf;
pub mod database;
mod dialplan;
mod dialplan_globals;
mod endpoints;
mod files;
mod listeners;
mod modules;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::asterisk::rest::{ErrorChain, RestError};
use crate::clock;
use crate::config::certificate::{CertificateFiles, not_after};
use crate::config::{Ari, Config};
use conf::Conf;
pub use dialplan_globals::Expected;

/// A certificate that expires sooner than this is worth a warning.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The service does not work, or leaks digits or hashes.
    Error,
    /// It may be intended, or not.
    Warning,
}

impl Severity {
    /// The word that stands before a finding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Something that the operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub message: String,
    /// What corrects it, if lines at the end of a file do.
    pub remedy: Option<Remedy>,
}

/// Lines for the end of one of Asterisk's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// The file's name, such as `http.conf`.
    pub file: String,
    /// One or more sections.
    pub lines: String,
}

impl Finding {
    fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), remedy: None }
    }

    fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, message: message.into(), remedy: None }
    }

    /// Adds the lines that correct it.
    fn remedied_in(self, conf: &Conf, lines: impl Into<String>) -> Self {
        let (file, lines) = (conf.place().to_owned(), lines.into());
        Self { remedy: Some(Remedy { file, lines }), ..self }
    }

    /// Asterisk did not give an answer.
    fn query_failed(subject: &str, error: &RestError) -> Self {
        Self::error(format!("could not query Asterisk's {subject}: {}", ErrorChain(error)))
    }

    fn about(self, subject: &str) -> Self {
        Self { message: format!("{subject}: {}", self.message), ..self }
    }
}

/// Examines everything that the configuration names.
pub async fn check(config: &Config) -> Vec<Finding> {
    let asterisks = config.ari.iter().map(|ari| check_asterisk(config, ari));
    let (mut findings, asterisks) =
        tokio::join!(database::check_configured(&config.database), join_all(asterisks));
    findings.extend(asterisks.into_iter().flatten());
    findings.extend(certificate(config, clock::wall_clock()));
    findings.extend(config.exposed_files().into_iter().map(Finding::error));
    findings
}

/// With several Asterisks, each finding starts with its address.
async fn check_asterisk(config: &Config, ari: &Ari) -> Vec<Finding> {
    let findings = asterisk::check(ari, Expected::from_config(config, ari)).await;
    if config.ari.len() == 1 {
        return findings;
    }
    findings.into_iter().map(|finding| finding.about(ari.url.authority())).collect()
}

fn certificate(config: &Config, now: Timestamp) -> Option<Finding> {
    let tls = config.site.tls.as_ref()?;
    let certified = CertificateFiles::read(tls).certified_key(tls).ok()?;
    let not_after = Timestamp::from_second(not_after(&certified)?).ok()?;
    if not_after <= now {
        return Some(Finding::error(format!(
            "site.certificate_file: the certificate expired at {not_after}"
        )));
    }
    (not_after.duration_since(now) < EXPIRES_SOON).then(|| {
        Finding::warning(format!("site.certificate_file: the certificate expires at {not_after}"))
    })
}
