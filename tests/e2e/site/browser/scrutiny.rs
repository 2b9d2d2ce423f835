//! Checks beyond a visitor's view: axe-core's findings, the console, and every request.

use std::fs;
use std::sync::PoisonError;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::pictures::WIDTHS;
use super::{Chromium, Page, Visitor};
use karipass_lab::repository;

/// Where `make` puts axe-core.
const AXE: &str = "target/axe/package/axe.min.js";
/// WCAG 2.2, levels A and AA, and axe-core's own advice.
const TAGS: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/// Those that look at colours: nothing else differs between light and dark.
const COLOR_RULES: [&str; 2] = ["color-contrast", "link-in-text-block"];
/// A page without the digits and values that differ from visit to visit. They change no finding, so
/// axe-core looks once at each shape.
pub(super) const SHAPE: &str = "return document.documentElement.outerHTML
    .replace(/ value=\"[^\"]*\"/g, '').replace(/[0-9]/g, '0')";
/// Gives the violations, each as rule, words and places.
const RUN: &str = "const [rules, done] = arguments;
axe.run(document, {runOnly: rules, resultTypes: ['violations']}).then(
    found => done(found.violations.map(
        violation => [violation.id, violation.help, violation.nodes.map(node => node.html)])),
    error => done([['axe-core failed', String(error), []]]))";

impl Chromium {
    /// axe-core finds nothing on this page, on a telephone and on a desktop, in light and in dark
    /// colours.
    pub(super) async fn check_accessibility(&self, page: &Page) -> Result<()> {
        let shape: String = self.driver.execute(SHAPE, vec![]).await?.convert()?;
        if self.examined.lock().unwrap_or_else(PoisonError::into_inner).contains(&shape) {
            return Ok(());
        }
        let file = repository().join(AXE);
        let axe = fs::read_to_string(&file)
            .with_context(|| format!("{}, which `make test` puts there", file.display()))?;
        self.driver.execute(axe, vec![]).await?;
        for width in WIDTHS {
            self.resize_to_width(width).await?;
            self.run_axe(page, json!({ "type": "tag", "values": TAGS })).await?;
            self.emulate("", "prefers-color-scheme", "dark").await?;
            self.run_axe(page, json!({ "type": "rule", "values": COLOR_RULES })).await?;
            self.emulate("", "prefers-color-scheme", "light").await?;
        }
        self.restore_size().await?;
        self.examined.lock().unwrap_or_else(PoisonError::into_inner).insert(shape);
        Ok(())
    }

    async fn run_axe(&self, page: &Page, rules: Value) -> Result<()> {
        let found = self.driver.execute_async(RUN, vec![rules]).await?;
        let none = found.json().as_array().context("axe-core gave no list")?.is_empty();
        ensure!(none, "axe-core on {page:?}: {:#}", found.json());
        Ok(())
    }

    /// From now on pages are shown on this medium, if it is not empty, of a system with this
    /// setting.
    pub async fn emulate(&self, medium: &str, setting: &str, value: &str) -> Result<()> {
        let feature = json!({ "name": setting, "value": value });
        let media = json!({ "media": medium, "features": [feature] });
        self.command("Emulation.setEmulatedMedia", media).await?;
        let script = format!(
            "return matchMedia('({setting}: {value})').matches && matchMedia('{medium}').matches"
        );
        let is_set = self.driver.execute(script, vec![]).await?;
        ensure!(is_set.json() == true, "the page is not so: {medium} {setting} {value}");
        Ok(())
    }
}

impl Visitor<'_> {
    /// Expects that the visit caused no warning in the console, and no request to another host.
    pub async fn finish(self) -> Result<()> {
        for entry in self.browser.driver.get_log("browser").await? {
            // A page with another status than 200 is an error there, as is what a test has blocked.
            let is_expected = |status| {
                let words = format!("the server responded with a status of {status}");
                entry.message.contains(&words)
            };
            let is_blocked = entry.message.contains("net::ERR_BLOCKED_BY_CLIENT");
            let is_harmless = ["INFO", "DEBUG"].contains(&entry.level.as_str())
                || entry.source.as_deref() == Some("network")
                    && (is_expected("4") || is_expected("503") || is_blocked);
            ensure!(is_harmless, "the console: {entry:?}");
        }
        for entry in self.browser.driver.get_log("performance").await? {
            let event: Value = serde_json::from_str(&entry.message)?;
            let event = &event["message"];
            if event["method"] == "Network.requestWillBeSent" {
                let url = event["params"]["request"]["url"].as_str().unwrap_or_default();
                let own = url.strip_prefix(&self.site).is_some_and(|path| path.starts_with('/'));
                ensure!(own, "the browser asked for {url}");
            }
        }
        Ok(())
    }
}
