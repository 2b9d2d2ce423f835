//! `/guide` (ご利用ガイド): the manual's steps with this operator's numbers (`W10`).

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{Layout, render};
use super::session::AnyVisitor;
use super::text;
use domain::auth_unit::AuthUnit;

/// `guide.html`
#[derive(Template)]
#[template(path = "guide.html", config = ".askama.toml")]
struct GuidePage {
    layout: Layout,
}

pub(super) async fn show(AnyVisitor(layout): AnyVisitor) -> Response {
    render(StatusCode::OK, &GuidePage { layout })
}
