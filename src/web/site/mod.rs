//! The settings site's pages (`W4`): made on the server, complete without script, one file a page.
//!
//! ```text
//! request ─ origin: same origin ─ session: cookie, idle time-out, C6 ─ csrf: token ─ form: fields
//!   ─ one file a page ─ its template in the layout, or an error page
//! ```
//! A page is a typed view and a template of the same name. A good POST answers 303, one with errors
//! answers 422 with the same form. What was typed into a password's field is never sent back.
//! All text is in `text`, in one table a language; `language` chooses between them. One script,
//! `script.js`, makes the pages more convenient; none needs it.

mod accessibility;
mod assets;
mod cookie;
mod csrf;
mod csrf_form;
mod entry;
mod error;
mod error_kind;
mod error_layer;
mod error_page;
mod field_errors;
pub mod form;
mod frame;
mod guide;
mod language;
mod language_layer;
mod layout;
mod login;
mod logout;
mod markup;
mod password;
mod sent_again;
mod session;
mod session_end;
mod text;
mod theme;
mod time_left;
mod top;
mod unit;
mod unit_changed;
mod unit_form;
mod unit_outcome;
mod unit_progress;
mod well_known;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use super::problem::Problem;
use super::route::{Route, router};
use super::{AppState, origin};
use error::PageError;
use error_kind::ErrorKind;
pub(super) use error_layer::render_error_page;
pub(super) use frame::PageFrames;
pub(super) use language_layer::choose_language;

fn pages() -> [Route<'static, AppState>; 19] {
    [
        ("/", get(top::show)),
        ("/guide", get(guide::show)),
        ("/accessibility", get(accessibility::show)),
        ("/login", get(login::show).post(login::log_in)),
        ("/password", get(password::show).post(password::change)),
        ("/unit", get(unit::choose)),
        ("/unit/{unit}", get(unit::show).post(unit::change)),
        ("/unit-changed", get(unit_changed::show)),
        ("/unit-progress", get(unit_progress::show)),
        ("/session", get(time_left::show)),
        ("/logout", post(logout::log_out)),
        ("/logged-out", get(logout::logged_out)),
        ("/timed-out", get(logout::timed_out)),
        ("/session-over", get(logout::session_over)),
        ("/favicon.ico", get(well_known::favicon)),
        ("/apple-touch-icon.png", get(well_known::touch_icon)),
        ("/robots.txt", get(well_known::robots)),
        ("/.well-known/security.txt", get(well_known::security)),
        ("/.well-known/change-password", get(well_known::change_password)),
    ]
}

/// Every page with its assets.
pub(super) fn routes(state: &AppState) -> Router<AppState> {
    let layer = middleware::from_fn(reject_cross_origin);
    router(assets::routes(&state.frames().assets)).merge(router(pages()).layer(layer))
}

/// The paths of [`routes`].
pub(super) fn paths(state: &AppState) -> impl Iterator<Item = &str> {
    assets::routes(&state.frames().assets).chain(pages()).map(|(path, _)| path)
}

/// The error page for a request without a page.
pub(super) fn render_problem(problem: &Problem) -> Response {
    PageError::from(problem).into_response()
}

/// Accepts requests that change nothing, and requests that one of our own pages made.
async fn reject_cross_origin(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if safe || origin::is_same_origin(request.headers()) {
        next.run(request).await
    } else {
        PageError::from(ErrorKind::CsrfError).into_response()
    }
}
