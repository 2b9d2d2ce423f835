//! `/guide` (ご利用ガイド): the manual's steps with this operator's numbers (`W10`).

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{Layout, render};
use super::markup::Markup;
use super::session::OptionalSession;
use super::text;
use domain::auth_unit::AuthUnit;

/// `guide.html`
#[derive(Template)]
#[template(path = "guide.html", config = ".askama.toml")]
struct GuidePage {
    layout: Layout,
    units: Vec<UnitRow>,
}

/// A unit that can be chosen by telephone.
struct UnitRow {
    name: Markup,
    about: Markup,
}

pub(super) async fn show(OptionalSession(layout): OptionalSession) -> Response {
    let lang = layout.lang;
    let row = |unit| UnitRow { name: text::unit(lang, unit), about: text::about_unit(lang, unit) };
    let units = AuthUnit::ALL.into_iter().map(row).collect();
    render(StatusCode::OK, &GuidePage { layout, units })
}
