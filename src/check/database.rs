//! The database, examined as the daemon's role.

use std::collections::HashMap;

use super::clock_skew::skew_seconds;
use super::finding::Finding;
use crate::clock;
use crate::config::{self, Secret};
use crate::db::migrate::mismatch;
use crate::db::{Db, DbError};

const VERBOSITY: &str = "log_error_verbosity";
const LENGTH: &str = "log_parameter_max_length";
const EXPLAIN: &str = "auto_explain.log_min_duration";
const EXPLAIN_LENGTH: &str = "auto_explain.log_parameter_max_length";
const AUDITED: &str = "pgaudit.log";
const AUDITED_PARAMETER: &str = "pgaudit.log_parameter";

/// Settings that log statements, and the values with which they do not.
const STATEMENTS: [(&str, &[&str]); 4] = [
    ("log_min_duration_statement", &["-1"]),
    ("log_min_duration_sample", &["-1"]),
    ("log_transaction_sample_rate", &["0"]),
    ("log_statement", &["none", "ddl"]),
];

/// Checks both connection strings, and the database as the daemon sees it.
pub(super) async fn check_configured(database: &config::DatabaseSettings) -> Vec<Finding> {
    let mut findings: Vec<Finding> = match Db::for_daemon(database) {
        Ok(db) => check(&db).await.into_iter().map(|finding| finding.about("database")).collect(),
        Err(error) => vec![Finding::error(format!("database.url: {error}"))],
    };
    if let Some(url) = &database.owner_url
        && let Err(error) = connect_as_owner(url).await
    {
        findings.push(Finding::error(format!("database.owner_url: {error}")));
    }
    findings
}

async fn connect_as_owner(url: &Secret) -> Result<(), String> {
    let db = Db::for_operator(url).map_err(|error| error.to_string())?;
    db.ping().await.map_err(|error| error.to_string())
}

/// Checks the schema's version, the role's privileges, the server's clock, and what it logs.
pub async fn check(db: &Db) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = try_check(db, &mut findings).await {
        findings.push(Finding::error(error.to_string()));
    }
    findings
}

async fn try_check(db: &Db, findings: &mut Vec<Finding>) -> Result<(), DbError> {
    match db.schema_version().await.map(mismatch) {
        Ok(None) => {}
        Ok(Some(mismatch)) => {
            findings.push(Finding::error(mismatch));
            return Ok(());
        }
        // The missing privilege is reported below, with all others.
        Err(error) if error.is_forbidden() => {}
        Err(error) => return Err(error),
    }
    let before = clock::wall_clock();
    let time = db.server_time().await?;
    if let Some(skew) = skew_seconds(time, time, before, clock::wall_clock()) {
        findings
            .push(Finding::error(format!("its clock differs from this machine's by {skew:+.0} s")));
    }
    findings.extend(db.missing_privileges().await?.into_iter().map(|missing| {
        Finding::error(format!("the daemon's role lacks {missing}: GRANT karipass_daemon to it"))
    }));
    findings.extend(judge_logging(&db.server_settings(&settings_to_ask()).await?));
    findings.extend(db.excess_privileges().await?.into_iter().map(|excess| {
        Finding::warning(format!("the daemon's role has {excess}, which it does not need"))
    }));
    Ok(())
}

fn settings_to_ask() -> Vec<&'static str> {
    let others = [VERBOSITY, LENGTH, EXPLAIN, EXPLAIN_LENGTH, AUDITED, AUDITED_PARAMETER];
    STATEMENTS.into_iter().map(|(name, _)| name).chain(others).collect()
}

/// Finds settings that write the parameters of statements into PostgreSQL's log: hashes are among
/// them.
fn judge_logging(settings: &HashMap<String, String>) -> Vec<Finding> {
    let value = |name: &str| settings.get(name).map(String::as_str);
    let mut findings = Vec::new();
    if let Some(verbosity) = value(VERBOSITY).filter(|verbosity| *verbosity != "terse") {
        findings.push(Finding::error(format!(
            "{VERBOSITY} is {verbosity}: the detail of a refused row logs its hash: set it to terse"
        )));
        for (name, harmless) in STATEMENTS {
            if let Some(value) = value(name).filter(|value| !harmless.contains(value))
                && settings.get(LENGTH).is_none_or(|length| length != "0")
            {
                findings.push(Finding::error(format!(
                    "{name} is {value}: statements are logged with their parameters, and hashes \
                     are among them: set {VERBOSITY} = terse or {LENGTH} = 0"
                )));
            }
        }
    }
    if let Some(duration) = value(EXPLAIN).filter(|duration| *duration != "-1") {
        let message = format!("{EXPLAIN} is {duration}: plans are logged with their values");
        match value(EXPLAIN_LENGTH) {
            Some("0") => {}
            Some(_) => {
                findings.push(Finding::error(format!("{message}: set {EXPLAIN_LENGTH} = 0")));
            }
            None => findings.push(Finding::warning(message)),
        }
    }
    let audits = value(AUDITED).is_some_and(|classes| !["", "none"].contains(&classes));
    if audits && value(AUDITED_PARAMETER) == Some("on") {
        findings.push(Finding::error(format!(
            "{AUDITED_PARAMETER} is on: {AUDITED} logs parameters, and hashes are among them"
        )));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    /// How many errors and warnings these settings lead to.
    fn count(settings: &[(&str, &str)]) -> (usize, usize) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let findings = judge_logging(&settings.iter().map(owned).collect());
        let errors = findings.iter().filter(|it| it.severity == Severity::Error).count();
        (errors, findings.len() - errors)
    }

    #[test]
    fn r_settings_that_log_hashes_are_found() {
        let quiet = [
            ("log_min_duration_statement", "-1"),
            ("log_min_duration_sample", "-1"),
            ("log_transaction_sample_rate", "0"),
            ("log_statement", "none"),
        ];
        let with = |more: &[(&'static str, &'static str)]| [&quiet[..], more].concat();
        assert_eq!(count(&with(&[(VERBOSITY, "terse")])), (0, 0));
        assert_eq!(count(&with(&[(VERBOSITY, "default")])), (1, 0));
        for (name, loud) in [
            ("log_min_duration_statement", "250ms"),
            ("log_min_duration_sample", "0"),
            ("log_transaction_sample_rate", "0.1"),
            ("log_statement", "mod"),
        ] {
            assert_eq!(count(&with(&[(name, loud), (VERBOSITY, "terse")])), (0, 0), "{name}");
            assert_eq!(count(&with(&[(name, loud), (VERBOSITY, "verbose")])), (2, 0), "{name}");
            let cut = [(name, loud), (VERBOSITY, "default"), (LENGTH, "0")];
            assert_eq!(count(&with(&cut)), (1, 0), "{name}");
        }
        assert_eq!(count(&[(EXPLAIN, "-1")]), (0, 0));
        assert_eq!(count(&[(EXPLAIN, "0")]), (0, 1));
        assert_eq!(count(&[(EXPLAIN, "0"), (EXPLAIN_LENGTH, "-1")]), (1, 0));
        assert_eq!(count(&[(EXPLAIN, "0"), (EXPLAIN_LENGTH, "0")]), (0, 0));
        assert_eq!(count(&[(AUDITED, "none"), (AUDITED_PARAMETER, "on")]), (0, 0));
        assert_eq!(count(&[(AUDITED, "write"), (AUDITED_PARAMETER, "off")]), (0, 0));
        assert_eq!(count(&[(AUDITED, "write"), (AUDITED_PARAMETER, "on")]), (1, 0));
    }
}
