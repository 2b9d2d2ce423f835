//! `karipass check`: says what is wrong, one line each.
//!
//! The configuration has been read by then; its mistakes were named before.

use futures_util::future::join_all;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Ending;
use super::output::Output;
use crate::asterisk::{self, Finding};
use crate::clock;
use crate::config::certificate::{CertificateFiles, not_after};
use crate::config::{Ari, Config, Secret};
use crate::db::Db;

/// How long before its end a certificate is worth a word.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Looks at the database, at Asterisk, at the certificate's end and at who can read the secrets.
pub(super) async fn run(config: &Config, output: Output) -> anyhow::Result<Ending> {
    let asterisks = config.ari.iter().map(|ari| asterisk(config, ari));
    let (mut findings, asterisks) = tokio::join!(database(config), join_all(asterisks));
    findings.extend(asterisks.into_iter().flatten());
    findings.extend(certificate(config, clock::wall_clock()));
    findings.extend(config.exposed_files().into_iter().map(Finding::Wrong));
    for finding in &findings {
        let (level, message) = match finding {
            Finding::Wrong(message) => ("wrong", message),
            Finding::Doubtful(message) => ("doubtful", message),
        };
        output.result(
            &json!({ "level": level, "message": message }),
            &format!("{level}: {message}"),
        )?;
    }
    if findings.iter().any(|finding| matches!(finding, Finding::Wrong(_))) {
        return Ok(Ending::Refused);
    }
    if findings.is_empty() {
        output.result(&json!({ "level": "good" }), "nothing is wrong")?;
    }
    Ok(Ending::Done)
}

/// Where there are several, each finding names its own.
async fn asterisk(config: &Config, ari: &Ari) -> Vec<Finding> {
    let findings = asterisk::check(ari, asterisk::Expected::by(config, ari)).await;
    if config.ari.len() == 1 {
        return findings;
    }
    let named = |message: String| format!("{}: {message}", ari.url.authority());
    let named = |finding| match finding {
        Finding::Wrong(message) => Finding::Wrong(named(message)),
        Finding::Doubtful(message) => Finding::Doubtful(named(message)),
    };
    findings.into_iter().map(named).collect()
}

fn certificate(config: &Config, now: Timestamp) -> Option<Finding> {
    let tls = config.site.tls.as_ref()?;
    let certified = CertificateFiles::read(tls).certified_key(tls).ok()?;
    let ends = Timestamp::from_second(not_after(&certified)?).ok()?;
    let told = |how: &str| format!("site.certificate_file: the certificate {how} at {ends}");
    if ends <= now {
        return Some(Finding::Wrong(told("ended")));
    }
    (ends.duration_since(now) < ENDS_SOON).then(|| Finding::Doubtful(told("ends")))
}

async fn database(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Db::for_daemon(&config.database) {
        Ok(store) => {
            let found = store.check().await;
            let named = |message: String| format!("database: {message}");
            findings.extend(found.wrong.into_iter().map(named).map(Finding::Wrong));
            findings.extend(found.doubtful.into_iter().map(named).map(Finding::Doubtful));
        }
        Err(error) => findings.push(Finding::Wrong(format!("database.url: {error}"))),
    }
    if let Some(url) = &config.database.owner_url
        && let Err(error) = owner(url).await
    {
        findings.push(Finding::Wrong(format!("database.owner_url: {error}")));
    }
    findings
}

async fn owner(url: &Secret) -> anyhow::Result<()> {
    Ok(Db::for_operator(url)?.ping().await?)
}
