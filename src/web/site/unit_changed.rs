//! `/unit-changed`: the outcome of a unit change (table `U`). The session has ended. Its cookie
//! still identifies the outcome, also after a reload, for as long as a session may be idle.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::error::PageError;
use super::layout::{Layout, render};
use super::markup::Markup;
use super::session::RestrictedCookieSession;
use super::text::{self, Recovery};
use super::unit_outcome::OutcomeTables;
use domain::unit_outcome::{NewCredential, UnitChanged};

/// `unit_changed.html`
#[derive(Template)]
#[template(path = "unit_changed.html", config = ".askama.toml")]
struct ChangedPage {
    layout: Layout,
    unit: Markup,
    outcome: OutcomeTables,
    /// Whether a number needs a temporary password first.
    some_have_nothing: bool,
    recovery: Recovery,
}

/// Shows the numbers that log in now, and their passwords.
pub(super) async fn show(
    session: Result<RestrictedCookieSession, PageError>,
    layout: Layout,
) -> Response {
    match session {
        Ok(_) => Redirect::to("/").into_response(),
        Err(PageError::UnitChanged(changed)) => {
            render(StatusCode::OK, &ChangedPage::new(layout, &changed))
        }
        Err(error) => error.into_response(),
    }
}

impl ChangedPage {
    fn new(layout: Layout, changed: &UnitChanged) -> Self {
        let UnitChanged { unit, initiator, logins, lost } = changed;
        let lang = layout.lang;
        Self {
            layout,
            unit: text::unit(lang, *unit),
            outcome: OutcomeTables::new(lang, logins, lost, *initiator),
            some_have_nothing: logins.iter().any(|login| login.with == NewCredential::Nothing),
            recovery: Recovery::under(lang, *unit),
        }
    }
}
