//! The JSON API (table `A`), one file a verb.

pub mod login;
mod logout;
mod openapi;
pub mod password;
mod problems;
mod reference;
mod session;
pub mod unit;
mod unit_choices;
mod views;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

use super::origin;
use super::route::{Route, router};
use super::state::AppState;

/// What other sites' pages may not ask.
fn operations() -> [Route<'static, AppState>; 5] {
    [
        ("/api/v1/login", post(login::log_in)),
        ("/api/v1/session", get(session::session)),
        ("/api/v1/password", post(password::change_password)),
        ("/api/v1/unit", get(unit_choices::unit_choices).post(unit::change_unit)),
        ("/api/v1/logout", post(logout::log_out)),
    ]
}

/// The description is public.
fn description() -> [Route<'static, AppState>; 3] {
    [
        ("/api/v1/openapi.json", get(openapi::openapi)),
        ("/api/v1/docs", get(reference::show)),
        ("/api/v1/docs.css", get(reference::style)),
    ]
}

/// Every route under `/api/v1`.
pub(super) fn routes() -> Router<AppState> {
    let layer = middleware::from_fn(origin::reject_cross_origin_or_not_json);
    router(operations()).layer(layer).merge(router(description()))
}

/// The paths of [`routes`].
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    operations().into_iter().chain(description()).map(|(path, _)| path)
}
