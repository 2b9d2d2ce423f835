//! The outcome of a change of the unit (table `U`). It answers the form itself: the session has
//! ended.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};

use super::cookie;
use super::layout::{Layout, render};
use super::text::{self, Recovery};
use crate::web::{AppState, hyphenated};
use domain::policy::unit::UnitChanged;
use domain::policy::unit_plan::{NewCredential, NewLogin};

/// `unit_changed.html`
#[derive(Template)]
#[template(path = "unit_changed.html", config = ".askama.toml")]
struct ChangedPage {
    layout: Layout,
    unit: &'static str,
    logins: Vec<LoginRow>,
    /// Whether a number needs a temporary password first.
    some_have_nothing: bool,
    recovery: Recovery,
}

/// A number that logs in under the new unit.
struct LoginRow {
    number: String,
    with: String,
}

/// Shows which numbers log in now, and with what. Expires the session's cookie.
pub(super) fn outcome(state: &AppState, changed: &UnitChanged) -> Response {
    let by = hyphenated(changed.initiator);
    let login = |login: &NewLogin| LoginRow {
        number: hyphenated(login.number),
        with: text::logs_in_with(login.with, &by),
    };
    let page = ChangedPage {
        layout: Layout::new(state),
        unit: text::unit(changed.unit),
        logins: changed.logins.iter().map(login).collect(),
        some_have_nothing: changed.logins.iter().any(|login| login.with == NewCredential::Nothing),
        recovery: Recovery::under(changed.unit),
    };
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::expire(cookie::SESSION))]);
    (cookie, render(StatusCode::OK, &page)).into_response()
}
