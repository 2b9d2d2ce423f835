//! `/unit-changed`: the outcome of a change of the unit (table `U`). The session has ended. Its
//! cookie still finds the outcome, also after a reload, for as long as a session may be idle.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::error::PageError;
use super::layout::{Layout, render};
use super::session::RestrictedCookieSession;
use super::text::{self, Recovery};
use super::unit_outcome::OutcomeTable;
use crate::web::AppState;
use domain::unit_outcome::{NewCredential, UnitChanged};

/// `unit_changed.html`
#[derive(Template)]
#[template(path = "unit_changed.html", config = ".askama.toml")]
struct ChangedPage {
    layout: Layout,
    unit: &'static str,
    outcome: OutcomeTable,
    /// Whether a number needs a temporary password first.
    some_have_nothing: bool,
    recovery: Recovery,
}

/// Shows which numbers log in now, and with what.
pub(super) async fn show(
    State(state): State<AppState>,
    session: Result<RestrictedCookieSession, PageError>,
) -> Response {
    match session {
        Ok(_) => Redirect::to("/").into_response(),
        Err(PageError::UnitChanged(changed)) => {
            render(StatusCode::OK, &ChangedPage::new(&state, &changed))
        }
        Err(error) => error.into_response(),
    }
}

impl ChangedPage {
    fn new(state: &AppState, changed: &UnitChanged) -> Self {
        let UnitChanged { unit, initiator, logins, lost } = changed;
        Self {
            layout: Layout::new(state),
            unit: text::unit(*unit),
            outcome: OutcomeTable::new(logins, lost, *initiator),
            some_have_nothing: logins.iter().any(|login| login.with == NewCredential::Nothing),
            recovery: Recovery::under(*unit),
        }
    }
}
