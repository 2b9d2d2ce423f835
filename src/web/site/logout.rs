//! `/logout`, and the pages after a session's end (`W5`).

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::form::CsrfForm;
use super::layout::{Layout, render};
use super::refused::PageError;
use super::session::RestrictedCookieSession;
use crate::login::{self, Audience};
use crate::web::AppState;
use crate::web::client_ip::ClientIp;

/// `logged_out.html`
#[derive(Template)]
#[template(path = "logged_out.html", config = ".askama.toml")]
struct LoggedOutPage {
    layout: Layout,
    how: SessionEnd,
}

/// How the session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionEnd {
    /// Logged out.
    ByUser,
    /// By itself, left idle (`W5`).
    ByItself,
    /// Elsewhere, behind the back of a form.
    Elsewhere,
}

/// Ends the session at once, on the server.
pub(super) async fn log_out(
    State(state): State<AppState>,
    ClientIp(address): ClientIp,
    CsrfForm { session: visitor, .. }: CsrfForm<RestrictedCookieSession>,
) -> Result<Response, PageError> {
    login::log_out(state.store(), &visitor.token, Audience::Pages, address).await?;
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::expire(cookie::SESSION))]);
    Ok((cookie, Redirect::to("/logged-out")).into_response())
}

/// After logging out.
pub(super) async fn logged_out(State(state): State<AppState>) -> Response {
    ended(&state, SessionEnd::ByUser)
}

/// After the session's end by itself.
pub(super) async fn timed_out(State(state): State<AppState>) -> Response {
    ended(&state, SessionEnd::ByItself)
}

/// After a form whose session had ended.
pub(super) async fn session_over(State(state): State<AppState>) -> Response {
    ended(&state, SessionEnd::Elsewhere)
}

fn ended(state: &AppState, how: SessionEnd) -> Response {
    let layout = Layout::for_anyone(state).with_error(how == SessionEnd::Elsewhere);
    render(StatusCode::OK, &LoggedOutPage { layout, how })
}
