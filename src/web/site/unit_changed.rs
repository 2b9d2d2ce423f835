//! `/unit-changed`: the outcome of a unit change (table `U`). The session has ended. Its cookie
//! still identifies the outcome, also after a reload, for as long as a session may be idle.

use askama::Template;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::cookie;
use super::error::{PageError, UNIT_CHANGED_BEFORE_FORM};
use super::layout::{Layout, render};
use super::markup::Markup;
use super::session::RestrictedCookieSession;
use super::text::{self, ChangeStage, Recovery};
use super::unit_outcome::OutcomeTables;
use domain::unit_outcome::{NewCredential, NewLogin, UnitChanged};

/// `unit_changed.html`
#[derive(Template)]
#[template(path = "unit_changed.html", config = ".askama.toml")]
struct ChangedPage {
    layout: Layout,
    unit: Markup,
    outcome: OutcomeTables,
    /// Whether a number needs a temporary password first.
    some_have_nothing: bool,
    /// Whether no number can log in before.
    all_have_nothing: bool,
    /// Whether a form was sent after the change, which has changed nothing.
    is_before_form: bool,
    recovery: Recovery,
}

/// Shows the numbers that log in now, and their passwords.
pub(super) async fn show(
    session: Result<RestrictedCookieSession, PageError>,
    RawQuery(query): RawQuery,
    layout: Layout,
) -> Response {
    match session {
        Ok(_) => Redirect::to("/").into_response(),
        Err(PageError::UnitChanged(changed)) => {
            let is_before_form = is_before_form(query.as_deref());
            let page = ChangedPage::new(layout, &changed, is_before_form);
            (cookie::end_kept_pages(), render(StatusCode::OK, &page)).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// Whether the query is that of [`UNIT_CHANGED_BEFORE_FORM`]. A language may follow.
fn is_before_form(query: Option<&str>) -> bool {
    let (_, mark) = UNIT_CHANGED_BEFORE_FORM.split_once('?').unwrap_or_default();
    query.and_then(|query| query.split('&').next()) == Some(mark)
}

impl ChangedPage {
    fn new(layout: Layout, changed: &UnitChanged, is_before_form: bool) -> Self {
        let UnitChanged { unit, initiator, logins, lost } = changed;
        let lang = layout.lang;
        let recovery = Recovery::under(lang, *unit);
        let has_nothing = |login: &NewLogin| login.with == NewCredential::Nothing;
        let address = if is_before_form { UNIT_CHANGED_BEFORE_FORM } else { "" };
        Self {
            layout: layout.with_address(address).with_recovery(Some(recovery.clone())),
            unit: text::the_unit(lang, *unit),
            outcome: OutcomeTables::new(lang, logins, lost, *initiator, ChangeStage::After),
            some_have_nothing: logins.iter().any(has_nothing),
            all_have_nothing: logins.iter().all(has_nothing),
            is_before_form,
            recovery,
        }
    }
}
