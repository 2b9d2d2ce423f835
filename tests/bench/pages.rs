//! How fast Lighthouse finds the pages for everyone, as a telephone with a slow network loads them.

use anyhow::Result;
use karipass_lab::lighthouse::Report;

use crate::figure::Figure;
use crate::system::{BenchSystem, callers};

/// The least of Lighthouse's scores.
const MIN_SCORE: f64 = 95.0;

/// Lighthouse's score for the performance of each page, 0 to 100.
pub fn measure() -> Result<Vec<Figure>> {
    let system = BenchSystem::start(&callers(1), &[])?;
    let site = system.daemon.site();
    let pages = [("entry page", "/"), ("guide", "/guide"), ("login page", "/login")];
    let score = |(name, path): (&'static str, &str)| {
        let report = Report::new(&format!("{site}{path}"), None, &["performance"])?;
        Ok(Figure::new(name, report.score("performance")?, "/100").at_least(MIN_SCORE))
    };
    pages.into_iter().map(score).collect()
}
