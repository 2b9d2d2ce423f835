//! The settings site's pages (`W4`): made on the server, complete without script, one file a page.
//!
//! ```text
//! request ─ dress: headers, problems as pages ─ origin: no other site's posts ─ visitor: cookie, idle end, C6
//!                                                  ─ form: token, fields ─ one file a page ─ a template beside it
//! ```
//! A page is a typed view and a template of the same name. A good POST answers 303, one with mistakes
//! the same form again with 422; what was typed into a password's field is never sent back. Words that
//! are not in a template are in `words`.

mod assets;
mod cookie;
mod dress;
mod error;
pub mod form;
mod frame;
mod login;
mod logout;
mod mistakes;
mod password;
mod refused;
mod top;
mod unit;
mod unit_changed;
mod visitor;
mod words;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

pub(super) use dress::dressed;

use super::{Site, origin};
use error::What;
use refused::Refused;

/// Every page and what belongs to them.
pub(super) fn routes() -> Router<Site> {
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
        .layer(middleware::from_fn(own_only));
    assets::routes().merge(pages)
}

/// Lets a request through that changes nothing, or that one of our own pages made.
async fn own_only(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if safe || origin::is_own(request.headers()) {
        next.run(request).await
    } else {
        Refused::Told(What::StaleForm).into_response()
    }
}
