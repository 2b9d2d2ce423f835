//! What every page has around it, and how a page becomes an answer.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::session::RestrictedCookieSession;
use super::{assets, form};
use crate::web::problem::Problem;
use crate::web::{AppState, hyphenated};

/// What the layout shows around a page.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) style: &'static str,
    pub(super) icon: &'static str,
    /// The set-up number, as people write it.
    pub(super) set_up_number: String,
    /// The same for a telephone to dial.
    pub(super) set_up_digits: String,
    /// Whether the title tells of an error.
    pub(super) is_error: bool,
    /// Who is logged in.
    pub(super) signed_in: Option<SignedIn>,
}

/// Who is logged in, and what logs out.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) number: String,
    pub(super) form_token: String,
}

impl Layout {
    /// Around a page for anyone.
    pub(super) fn for_anyone(state: &AppState) -> Self {
        let number = state.set_up_number();
        Self {
            style: &assets::STYLE_PATH,
            icon: &assets::ICON_PATH,
            set_up_number: hyphenated(number),
            set_up_digits: number.as_str().to_owned(),
            is_error: false,
            signed_in: None,
        }
    }

    /// Around a page for whoever is logged in.
    pub(super) fn for_session(state: &AppState, visitor: &RestrictedCookieSession) -> Self {
        let number = hyphenated(visitor.standing.login);
        let form_token = form::CsrfBound::csrf_token(visitor).expose();
        Self { signed_in: Some(SignedIn { number, form_token }), ..Self::for_anyone(state) }
    }

    /// The same, telling of an error or not.
    pub(super) fn with_error(self, is_error: bool) -> Self {
        Self { is_error, ..self }
    }
}

/// A page as the answer.
pub(super) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            Problem::internal().into_response()
        }
    }
}
