//! `/accessibility`: the accessibility of the pages, and where to report obstacles (`W10`).

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{Layout, render};
use super::session::OptionalSession;

/// `accessibility.html`
#[derive(Template)]
#[template(path = "accessibility.html", config = ".askama.toml")]
struct AccessibilityPage {
    layout: Layout,
}

pub(super) async fn show(OptionalSession(layout): OptionalSession) -> Response {
    render(StatusCode::OK, &AccessibilityPage { layout })
}
