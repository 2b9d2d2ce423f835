//! `/` for a browser without a session (`W10`): the way to the login, notices, and the recommended
//! environment.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};

use super::cookie;
use super::layout::{Layout, render};

/// `entry.html`
#[derive(Template)]
#[template(path = "entry.html", config = ".askama.toml")]
struct EntryPage {
    layout: Layout,
}

/// Shows the page, and expires a cookie without a session.
pub(super) fn show(layout: Layout) -> Response {
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::expire(cookie::SESSION))]);
    (cookie, render(StatusCode::OK, &EntryPage { layout })).into_response()
}
