//! What PostgreSQL writes of the daemon's statements into its log: hashes are among their
//! parameters.

use std::collections::HashMap;

use super::check::Findings;
use super::{Db, DbError, contracts};

/// As they hold in the daemon's own sessions, where roles and databases may have their own.
const LOGGED: &str = "
    SELECT name, current_setting(name, true) FROM unnest($1::text[]) AS asked (name)
    WHERE current_setting(name, true) IS NOT NULL";

const VERBOSITY: &str = "log_error_verbosity";
const LENGTH: &str = "log_parameter_max_length";
const EXPLAIN: &str = "auto_explain.log_min_duration";
const EXPLAIN_LENGTH: &str = "auto_explain.log_parameter_max_length";
const AUDITED: &str = "pgaudit.log";
const AUDITED_PARAMETER: &str = "pgaudit.log_parameter";

/// Settings that have statements logged, and the values that do not.
const STATEMENTS: [(&str, &[&str]); 4] = [
    ("log_min_duration_statement", &["-1"]),
    ("log_min_duration_sample", &["-1"]),
    ("log_transaction_sample_rate", &["0"]),
    ("log_statement", &["none", "ddl"]),
];

impl Db {
    /// Looks at what the server logs of this role.
    pub(super) async fn look_at_logs(&self, findings: &mut Findings) -> Result<(), DbError> {
        let others = [VERBOSITY, LENGTH, EXPLAIN, EXPLAIN_LENGTH, AUDITED, AUDITED_PARAMETER];
        let names = STATEMENTS.into_iter().map(|(name, _)| name).chain(others);
        let names: Vec<&str> = names.collect();
        let rows = self.read(LOGGED, &[&names]).await?;
        let set = |row| {
            let name: String = contracts::column(row, 0, "a setting")?;
            Ok((name, contracts::column(row, 1, "a setting")?))
        };
        let set = rows.iter().map(set).collect::<Result<_, DbError>>()?;
        judge(&set, findings);
        Ok(())
    }
}

fn judge(set: &HashMap<String, String>, findings: &mut Findings) {
    let value = |name: &str| set.get(name).map(String::as_str);
    if let Some(verbosity) = value(VERBOSITY).filter(|verbosity| *verbosity != "terse") {
        findings.wrong.push(format!(
            "{VERBOSITY} is {verbosity}: the detail of a refused row puts its hash into the log: set terse"
        ));
        for (name, harmless) in STATEMENTS {
            if let Some(value) = value(name).filter(|value| !harmless.contains(value))
                && set.get(LENGTH).is_none_or(|length| length != "0")
            {
                findings.wrong.push(format!(
                    "{name} is {value}: statements are logged with their parameters, hashes among them: \
                     set {VERBOSITY} = terse or {LENGTH} = 0"
                ));
            }
        }
    }
    if let Some(duration) = value(EXPLAIN).filter(|duration| *duration != "-1") {
        let told = format!("{EXPLAIN} is {duration}: plans are logged with the values in them");
        match value(EXPLAIN_LENGTH) {
            Some("0") => {}
            Some(_) => findings.wrong.push(format!("{told}: set {EXPLAIN_LENGTH} = 0")),
            None => findings.doubtful.push(told),
        }
    }
    let audits = value(AUDITED).is_some_and(|classes| !["", "none"].contains(&classes));
    if audits && value(AUDITED_PARAMETER) == Some("on") {
        findings.wrong.push(format!(
            "{AUDITED_PARAMETER} is on: hashes are among the parameters that {AUDITED} writes down"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(set: &[(&str, &str)]) -> (usize, usize) {
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut findings = Findings::default();
        judge(&set.collect(), &mut findings);
        (findings.wrong.len(), findings.doubtful.len())
    }

    #[test]
    fn r_what_puts_hashes_into_the_servers_log_is_found() {
        let quiet = [
            ("log_min_duration_statement", "-1"),
            ("log_min_duration_sample", "-1"),
            ("log_transaction_sample_rate", "0"),
            ("log_statement", "none"),
        ];
        let with = |more: &[(&'static str, &'static str)]| [&quiet[..], more].concat();
        assert_eq!(told(&with(&[(VERBOSITY, "terse")])), (0, 0));
        assert_eq!(told(&with(&[(VERBOSITY, "default")])), (1, 0));
        for (name, loud) in [
            ("log_min_duration_statement", "250ms"),
            ("log_min_duration_sample", "0"),
            ("log_transaction_sample_rate", "0.1"),
            ("log_statement", "mod"),
        ] {
            assert_eq!(told(&with(&[(name, loud), (VERBOSITY, "terse")])), (0, 0), "{name}");
            assert_eq!(told(&with(&[(name, loud), (VERBOSITY, "verbose")])), (2, 0), "{name}");
            let cut = [(name, loud), (VERBOSITY, "default"), (LENGTH, "0")];
            assert_eq!(told(&with(&cut)), (1, 0), "{name}");
        }
        assert_eq!(told(&[(EXPLAIN, "-1")]), (0, 0));
        assert_eq!(told(&[(EXPLAIN, "0")]), (0, 1));
        assert_eq!(told(&[(EXPLAIN, "0"), (EXPLAIN_LENGTH, "-1")]), (1, 0));
        assert_eq!(told(&[(EXPLAIN, "0"), (EXPLAIN_LENGTH, "0")]), (0, 0));
        assert_eq!(told(&[(AUDITED, "none"), (AUDITED_PARAMETER, "on")]), (0, 0));
        assert_eq!(told(&[(AUDITED, "write"), (AUDITED_PARAMETER, "off")]), (0, 0));
        assert_eq!(told(&[(AUDITED, "write"), (AUDITED_PARAMETER, "on")]), (1, 0));
    }
}
