//! Lighthouse, which examines a page in Chromium.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{folder, repository};

/// Debian's name of the browser, and every other's that `PATH` may have.
pub const CHROMIUM: &str = "/usr/bin/chromium";
/// Where `make` puts it.
const LIGHTHOUSE: &str = "target/lighthouse/node_modules/.bin/lighthouse";
/// Seconds for one page on a busy machine.
const TIMEOUT_S: &str = "180";
/// The certificate is self-signed, and no other host may be asked.
const CHROMIUM_FLAGS: &str = "--headless=new --no-sandbox --ignore-certificate-errors \
    --disable-dev-shm-usage --disable-background-networking --disable-component-update \
    --host-resolver-rules=\"MAP * ~NOTFOUND, EXCLUDE localhost\"";

/// What Lighthouse has to say about one page.
#[derive(Debug)]
pub struct Report {
    url: String,
    json: Value,
}

impl Report {
    /// Examines a page for these categories, such as `accessibility`, with a request's cookies.
    pub fn new(url: &str, cookies: Option<&str>, categories: &[&str]) -> Result<Self> {
        let home = folder::temporary("karipass-lighthouse-")?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM", "timeout", TIMEOUT_S])
            .arg(repository().join(LIGHTHOUSE))
            .args([url, "--quiet", "--output=json", "--no-enable-error-reporting"])
            .arg(format!("--only-categories={}", categories.join(",")))
            .arg(format!("--chrome-flags={CHROMIUM_FLAGS}"))
            .env("CHROME_PATH", CHROMIUM)
            .env("HOME", home.path())
            .env("TMPDIR", home.path());
        if let Some(cookies) = cookies {
            command.arg(format!("--extra-headers={}", json!({ "Cookie": cookies })));
        }
        let output = command.output().context("Lighthouse, which `make tools` puts there")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "Lighthouse on {url}: {said}");
        let json: Value = serde_json::from_slice(&output.stdout)?;
        ensure!(json["finalDisplayedUrl"] == url, "{url} leads to {}", json["finalDisplayedUrl"]);
        Ok(Self { url: url.to_owned(), json })
    }

    /// The score of a category, 0 to 100.
    pub fn score(&self, category: &str) -> Result<f64> {
        let score = self.json["categories"][category]["score"].as_f64();
        Ok(score.with_context(|| format!("no {category} of {}: {}", self.url, self.json))? * 100.0)
    }

    /// What costs a category points.
    pub fn complaints(&self, category: &str) -> Vec<String> {
        let audits = self.json["categories"][category]["auditRefs"].as_array();
        let audits = audits.into_iter().flatten();
        let audits = audits.filter_map(|audit| self.json["audits"].get(audit["id"].as_str()?));
        let failed = audits.filter(|audit| audit["score"].as_f64().is_some_and(|of_1| of_1 < 1.0));
        failed.map(|audit| format!("{}: {}", audit["title"], audit["details"]["items"])).collect()
    }
}
