//! `karipass check`: says what is wrong, one line each.
//!
//! The configuration has been read by then; its mistakes were named before.

use serde_json::json;

use super::Ending;
use super::output::Output;
use crate::ari::{self, Finding};
use crate::config::Config;
use crate::store::Store;

/// Looks at the database and at Asterisk.
pub(super) async fn run(config: &Config, output: Output) -> anyhow::Result<Ending> {
    let (mut findings, asterisk) = tokio::join!(database(config), ari::check(&config.ari));
    findings.extend(asterisk);
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

async fn database(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Store::for_daemon(&config.database) {
        Ok(store) => {
            let found = store.check().await;
            let named = |message: String| format!("database: {message}");
            findings.extend(found.wrong.into_iter().map(named).map(Finding::Wrong));
            findings.extend(found.doubtful.into_iter().map(named).map(Finding::Doubtful));
        }
        Err(error) => findings.push(Finding::Wrong(format!("database.url: {error}"))),
    }
    if config.database.owner_url.is_some()
        && let Err(error) = owner(config).await
    {
        findings.push(Finding::Wrong(format!("database.owner_url: {error}")));
    }
    findings
}

async fn owner(config: &Config) -> anyhow::Result<()> {
    Ok(super::store(config)?.ping().await?)
}
