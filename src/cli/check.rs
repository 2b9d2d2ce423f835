//! `karipass check`: prints one line for each finding.

use serde_json::json;

use super::ExitStatus;
use super::output::Printer;
use crate::check::{self, Severity};
use crate::config::Config;

pub(super) async fn run(config: &Config, output: Printer) -> anyhow::Result<ExitStatus> {
    let findings = check::check(config).await;
    for finding in &findings {
        let (level, message) = (finding.severity.as_str(), &finding.message);
        let text = format!("{level}: {message}");
        output.print(&json!({ "level": level, "message": message }), &text)?;
    }
    if findings.is_empty() {
        output.print(&json!({ "level": "ok" }), "no problems found")?;
    }
    let has_error = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if has_error { ExitStatus::Failure } else { ExitStatus::Success })
}
