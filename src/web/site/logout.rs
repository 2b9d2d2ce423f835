//! `/logout`, and the pages after a session's end (`W5`).

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::csrf::CsrfForm;
use super::error::{ForPage, OrPage as _, PageError};
use super::layout::{Layout, render};
use super::markup::Markup;
use super::session::RestrictedCookieSession;
use super::session_end::SessionEnd;
use super::text::{self, Recovery};
use crate::auth::Audience;
use crate::web::AppState;
use crate::web::client_ip::ClientIp;

/// `logged_out.html`
#[derive(Template)]
#[template(path = "logged_out.html", config = ".askama.toml")]
struct LoggedOutPage {
    layout: Layout,
    end: SessionEnd,
}

impl LoggedOutPage {
    fn heading(&self) -> Markup {
        text::end_heading(self.layout.lang, self.end)
    }

    /// How to set a temporary password again, if the unit is known.
    fn recovery(&self) -> Option<Recovery> {
        match self.end {
            SessionEnd::WrongEntries(unit) => Some(Recovery::under(self.layout.lang, unit)),
            SessionEnd::LoggedOut
            | SessionEnd::Idle
            | SessionEnd::PastLifetime
            | SessionEnd::TemporaryExpired
            | SessionEnd::Elsewhere
            | SessionEnd::BeforeForm => None,
        }
    }
}

/// Ends the session at once, on the server.
pub(super) async fn log_out(
    State(state): State<AppState>,
    ForPage(ClientIp(address)): ForPage<ClientIp>,
    CsrfForm { session, .. }: CsrfForm<RestrictedCookieSession>,
) -> Result<Response, PageError> {
    let ended = state.auth().log_out(&session.token, Audience::Pages, address).await;
    ended.or_page()?;
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::expire(cookie::SESSION))]);
    Ok((cookie, Redirect::to(SessionEnd::LoggedOut.path())).into_response())
}

/// A browser with a session goes to the top page.
pub(super) async fn logged_out(
    session: Result<RestrictedCookieSession, PageError>,
    layout: Layout,
) -> Response {
    if session.is_ok() {
        return Redirect::to("/").into_response();
    }
    ended(layout, SessionEnd::LoggedOut)
}

pub(super) async fn timed_out(layout: Layout) -> Response {
    ended(layout, SessionEnd::Idle)
}

pub(super) async fn session_over(RawQuery(query): RawQuery, layout: Layout) -> Response {
    ended(layout, SessionEnd::from_query(query.as_deref()))
}

fn ended(layout: Layout, end: SessionEnd) -> Response {
    let layout = layout.with_error(end.is_error()).with_address(end.path());
    render(StatusCode::OK, &LoggedOutPage { layout, end })
}
