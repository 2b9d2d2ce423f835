//! Paths that browsers, password managers and search engines request by themselves.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};

use crate::web::AppState;

/// The entry page, the guide and the accessibility page may be indexed; the other pages say
/// `noindex`.
const ROBOTS: &str = "User-agent: *\nDisallow: /api/\n";

/// Leads to the icon.
pub(super) async fn favicon(State(state): State<AppState>) -> Redirect {
    Redirect::temporary(&state.frames().assets.icon.path)
}

pub(super) async fn robots() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], ROBOTS).into_response()
}

/// Where password managers lead to change a password (W3C, "A Well-Known URL for Changing
/// Passwords").
pub(super) async fn change_password() -> Redirect {
    Redirect::to("/password")
}
