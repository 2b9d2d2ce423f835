//! The settings site's pages (`W4`): made on the server, complete without script, one file a page.
//!
//! ```text
//! request ─ page_headers: headers, problems as pages ─ origin: same origin
//!   ─ session: cookie, idle end, C6 ─ form: CSRF token, fields ─ one file a page ─ its template
//! ```
//! A page is a typed view and a template of the same name. A good POST answers 303, one with errors
//! the same form again with 422; what was typed into a password's
//! field is never sent back. Japanese text that is not in a template is in `text`.

mod assets;
mod cookie;
mod error;
mod field_errors;
pub mod form;
mod layout;
mod login;
mod logout;
mod page_headers;
mod password;
mod refused;
mod session;
mod text;
mod top;
mod unit;
mod unit_changed;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

pub(super) use page_headers::security_headers;

use super::{AppState, origin};
use error::ErrorKind;
use refused::PageError;

/// Every page and what belongs to them.
pub(super) fn routes() -> Router<AppState> {
    let pages = Router::new()
        .route("/", get(top::show))
        .route("/login", get(login::show).post(login::log_in))
        .route("/password", get(password::show).post(password::change))
        .route("/unit", get(unit::choose))
        .route("/unit/{unit}", get(unit::show).post(unit::change))
        .route("/logout", post(logout::log_out))
        .route("/logged-out", get(logout::logged_out))
        .route("/timed-out", get(logout::timed_out))
        .route("/session-over", get(logout::session_over))
        .layer(middleware::from_fn(reject_cross_origin));
    assets::routes().merge(pages)
}

/// Lets a request through that changes nothing, or that one of our own pages made.
async fn reject_cross_origin(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if safe || origin::is_same_origin(request.headers()) {
        next.run(request).await
    } else {
        PageError::Page(ErrorKind::StaleForm).into_response()
    }
}
