//! What every page has around it, and how a page becomes a response.

use std::fmt;
use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::frame::PageFrame;
use crate::web::AppState;

/// What `layout.html` shows around a page.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) site: Arc<PageFrame>,
    /// Whether the title says that there is an error.
    pub(super) is_error: bool,
    pub(super) signed_in: Option<SignedIn>,
}

/// The login that the header shows, and the token of its logout form.
#[derive(Clone)]
pub(super) struct SignedIn {
    pub(super) number: String,
    pub(super) csrf_token: String,
    /// The seconds until the session ends, unless it is used again (`W5`).
    pub(super) left_s: u64,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedIn(…)")
    }
}

impl Layout {
    /// The layout of a page that needs no session.
    pub(super) fn new(state: &AppState) -> Self {
        Self { site: Arc::clone(state.frame()), is_error: false, signed_in: None }
    }

    pub(super) fn with_login(self, login: SignedIn) -> Self {
        Self { signed_in: Some(login), ..self }
    }

    pub(super) fn with_error(self, is_error: bool) -> Self {
        Self { is_error, ..self }
    }
}

pub(super) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "could not render a page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
