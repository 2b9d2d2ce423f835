//! `karipass check`: examines the configuration, the database and every Asterisk, and changes
//! nothing.
//!
//! - [`database`]: schema, privileges, clock, and what PostgreSQL logs.
//! - [`asterisk`]: over ARI its version, `modules`, sounds, logs, clock and `dialplan_globals`.
//!   Where their folder is known, also its `files` (read by `conf`), `debugging`, `dialplan`,
//!   `endpoints`, `listeners` and `sip`.

pub mod asterisk;
mod clock_skew;
mod conf;
pub mod database;
mod debugging;
mod dialplan;
mod dialplan_globals;
mod endpoints;
mod files;
mod finding;
mod listeners;
mod modules;
mod sip;

use std::net::SocketAddr;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::config::{AriSettings, Config, SiteSettings};
use crate::tls::{CertificateFiles, not_after};
pub use dialplan_globals::Expected;
pub use finding::{Finding, Remedy, Severity};

/// A certificate that expires sooner than this is worth a warning.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Examines everything that the configuration names.
pub async fn check(config: &Config) -> Vec<Finding> {
    let asterisks = config.ari.iter().map(|ari| check_asterisk(config, ari));
    let (mut findings, asterisks) =
        tokio::join!(database::check_configured(&config.database), join_all(asterisks));
    findings.extend(asterisks.into_iter().flatten());
    findings.extend(certificate(config, clock::wall_clock()));
    findings.extend(operators_listener(config.operators.listen));
    findings.extend(identity(&config.site));
    findings.extend(config.exposed_files().into_iter().map(Finding::error));
    findings
}

/// With several Asterisks, each finding starts with its address.
async fn check_asterisk(config: &Config, ari: &AriSettings) -> Vec<Finding> {
    let findings = asterisk::check(ari, Expected::from_config(config, ari)).await;
    if config.ari.len() == 1 {
        return findings;
    }
    findings.into_iter().map(|finding| finding.about(ari.url.authority())).collect()
}

/// Nothing but its address protects this listener.
fn operators_listener(listen: SocketAddr) -> Option<Finding> {
    (!listen.ip().is_loopback()).then(|| {
        Finding::warning(format!(
            "operators.listen: {listen} shows /metrics and /readyz to other machines, without TLS \
             or password: use 127.0.0.1, or a network of operators alone"
        ))
    })
}

/// Subscribers see whose site it is, and whom to ask (`W10`). On loopback it may be a trial.
fn identity(site: &SiteSettings) -> Vec<Finding> {
    if site.listen.ip().is_loopback() {
        return Vec::new();
    }
    let identity = &site.identity;
    let has_contact =
        identity.support_number.is_some() || identity.japanese.links.contact.is_some();
    let company = "site.company: not set, so no page names the company";
    let contact = "site.support_number, site.contact_url: not set, so no page says whom to ask";
    let missing = [(identity.japanese.company.is_some(), company), (has_contact, contact)];
    missing.into_iter().filter(|(is_set, _)| !is_set).map(|(_, it)| Finding::warning(it)).collect()
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
