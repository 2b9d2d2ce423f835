//! `/logout`, and the pages after a session's end (`W5`).

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::form::Posted;
use super::frame::{Frame, answer};
use super::refused::Refused;
use super::visitor::AnyVisitor;
use crate::login::{self, Door};
use crate::web::Site;
use crate::web::session::Client;

/// `logged_out.html`
#[derive(Template)]
#[template(path = "logged_out.html", config = ".askama.toml")]
struct LoggedOutPage {
    frame: Frame,
    how: How,
}

/// How the session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Logged out.
    ByUser,
    /// By itself, left idle (`W5`).
    ByItself,
    /// Elsewhere, behind the back of a form.
    Elsewhere,
}

/// Ends the session at once, on the server.
pub(super) async fn log_out(
    State(site): State<Site>,
    Client(address): Client,
    Posted { holder: visitor, .. }: Posted<AnyVisitor>,
) -> Result<Response, Refused> {
    login::log_out(site.store(), &visitor.token, Door::Pages, address).await?;
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::removed(cookie::SESSION))]);
    Ok((cookie, Redirect::to("/logged-out")).into_response())
}

/// After logging out.
pub(super) async fn logged_out(State(site): State<Site>) -> Response {
    ended(&site, How::ByUser)
}

/// After the session's end by itself.
pub(super) async fn timed_out(State(site): State<Site>) -> Response {
    ended(&site, How::ByItself)
}

/// After a form whose session had ended.
pub(super) async fn session_over(State(site): State<Site>) -> Response {
    ended(&site, How::Elsewhere)
}

fn ended(site: &Site, how: How) -> Response {
    let frame = Frame::for_anyone(site).with_error(how == How::Elsewhere);
    answer(StatusCode::OK, &LoggedOutPage { frame, how })
}
