//! `/`: the top page (設定サイトトップ): which numbers this login configures, and until when its password is good (`W4`).

use std::time::Duration;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{Layout, render};
use super::session::CookieSession;
use super::text;
use crate::login::{self, Access};
use crate::web::{AppState, hyphenated};
use domain::rules;

/// `top.html`
#[derive(Template)]
#[template(path = "top.html", config = ".askama.toml")]
struct TopPage {
    layout: Layout,
    number: String,
    unit: &'static str,
    role: Option<&'static str>,
    /// The numbers that the login configures.
    numbers: Vec<String>,
    good_until: String,
    good_until_for_machines: String,
    /// Whether the password has just been changed.
    just_changed: bool,
    /// Whether the password's end is near.
    ends_soon: bool,
    /// Whether the login may change the unit (`U2`).
    may_change_unit: bool,
}

/// Where a change of the password leads to.
pub(super) const AFTER_CHANGE: &str = "/?changed";
/// For how long a change of the password is told of.
const JUST: Duration = Duration::from_mins(1);

/// The top page.
pub(super) async fn show(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    CookieSession(visitor): CookieSession,
) -> Response {
    let standing = &visitor.standing;
    let page = TopPage {
        layout: Layout::for_session(&state, &visitor),
        number: hyphenated(standing.login),
        unit: text::unit(standing.unit),
        role: text::role(standing.role),
        numbers: standing.numbers.iter().copied().map(hyphenated).collect(),
        good_until: text::time(standing.password_expires_at),
        good_until_for_machines: text::machine_time(standing.password_expires_at),
        just_changed: query.as_deref() == Some("changed") && age(standing) < JUST,
        ends_soon: age(standing) >= rules::PASSWORD_NOTICE_AGE,
        may_change_unit: login::may_change_unit(standing.role),
    };
    render(StatusCode::OK, &page)
}

/// How long ago the password was set, by the database's clock.
fn age(standing: &Access) -> Duration {
    Duration::try_from(standing.now.duration_since(standing.set_at)).unwrap_or_default()
}
