//! How fast Lighthouse finds the pages, as a telephone with a slow network loads them.

use anyhow::Result;
use karipass::auth::Audience;
use karipass_lab::lighthouse::Report;

use crate::accounts::Accounts;
use crate::figure::Figure;
use crate::system::{BenchSystem, callers};

/// The least of Lighthouse's scores.
const MIN_SCORE: f64 = 95.0;

/// Lighthouse's score for the performance of each page, 0 to 100: those for everyone, and those of
/// a session.
pub fn measure() -> Result<Vec<Figure>> {
    let subscribers = callers(1);
    let system = BenchSystem::start(&subscribers, &[])?;
    let token = Accounts::create(&system)?.begin_session(&subscribers[0], Audience::Pages)?;
    let cookie = format!("__Host-karipass={token}");
    let site = system.daemon.site();
    let pages = [
        ("entry page", "/", None),
        ("guide", "/guide", None),
        ("login page", "/login", None),
        ("top page", "/", Some(cookie.as_str())),
        ("password form", "/password", Some(&cookie)),
        ("unit form", "/unit/number", Some(&cookie)),
    ];
    let score = |(name, path, cookie): (&'static str, &str, Option<&str>)| {
        let report = Report::new(&format!("{site}{path}"), cookie, &["performance"])?;
        Ok(Figure::new(name, report.score("performance")?, "/100").at_least(MIN_SCORE))
    };
    pages.into_iter().map(score).collect()
}
