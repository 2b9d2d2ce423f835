//! `karipass check`: prints one line for each finding, and below it the lines that correct it.

use serde_json::{Value, json};

use super::output::{ExitStatus, Printer};
use crate::check::{self, Finding, Remedy, Severity};
use crate::config::Config;

pub(super) async fn run(config: &Config, output: Printer) -> anyhow::Result<ExitStatus> {
    let findings = check::check(config).await;
    for finding in &findings {
        output.print(&as_json(finding), &as_text(finding))?;
    }
    if findings.is_empty() {
        output.print(&json!({ "level": "ok" }), "no problems found")?;
    }
    let has_error = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if has_error { ExitStatus::Failure } else { ExitStatus::Success })
}

fn as_json(finding: &Finding) -> Value {
    let Finding { severity, message, remedy } = finding;
    let level = severity.as_str();
    match remedy {
        Some(Remedy { file, lines }) => {
            json!({ "level": level, "message": message, "file": file, "add": lines })
        }
        None => json!({ "level": level, "message": message }),
    }
}

fn as_text(finding: &Finding) -> String {
    let Finding { severity, message, remedy } = finding;
    let mut lines = vec![format!("{}: {message}", severity.as_str())];
    if let Some(remedy) = remedy {
        lines.push(format!("    add to {}:", remedy.file));
        lines.extend(remedy.lines.lines().map(|line| format!("        {line}")));
    }
    lines.join("\n")
}
