//! `/unit-progress`: how far the unit change of this browser has come. The site's script asks while
//! the form of many numbers is under way (`U4`).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::session::Anonymous;
use crate::auth::{Audience, ComparedCount};
use crate::web::AppState;

/// The passwords that have been compared, and how many there are; 204 if this daemon compares none
/// for the browser. The session is not looked up: the database is left alone.
pub(super) async fn show(State(state): State<AppState>, browser: Anonymous) -> Response {
    let token = browser.session.as_ref();
    match token.and_then(|token| state.auth().unit_progress(token, Audience::Pages)) {
        Some(ComparedCount { compared, required }) => {
            format!("{compared} {required}").into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    }
}
