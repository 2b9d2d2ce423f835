//! `/logout`, and the pages after a session's end (`W5`).

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::csrf_form::CsrfForm;
use super::error::{ForPage, OrPage as _, PageError};
use super::language::Language;
use super::layout::{Layout, render};
use super::markup::Markup;
use super::session::{OptionalSession, RestrictedCookieSession};
use super::session_end::{EndBeforeForm, SessionEnd};
use super::text::{self, Recovery};
use super::top;
use crate::auth::Audience;
use crate::web::AppState;
use crate::web::client_ip::ClientIp;

/// `logged_out.html`
#[derive(Template)]
#[template(path = "logged_out.html", config = ".askama.toml")]
struct LoggedOutPage {
    layout: Layout,
    end: SessionEnd,
    recovery: Option<Recovery>,
}

impl LoggedOutPage {
    fn heading(&self) -> Markup {
        text::end_heading(self.layout.lang, self.end)
    }
}

/// How to set a temporary password again, if that is needed and the unit is known.
fn recovery(lang: Language, end: SessionEnd) -> Option<Recovery> {
    match end {
        SessionEnd::WrongEntries(unit) | SessionEnd::TemporaryExpired(unit) => {
            Some(Recovery::under(lang, unit))
        }
        SessionEnd::LoggedOut
        | SessionEnd::Idle
        | SessionEnd::PastLifetime
        | SessionEnd::PasswordChanged
        | SessionEnd::Elsewhere
        | SessionEnd::BeforeForm(_) => None,
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

pub(super) async fn logged_out(session: OptionalSession) -> Response {
    ended(session, SessionEnd::LoggedOut)
}

pub(super) async fn timed_out(session: OptionalSession) -> Response {
    ended(session, SessionEnd::Idle)
}

pub(super) async fn session_over(RawQuery(query): RawQuery, session: OptionalSession) -> Response {
    ended(session, SessionEnd::from_query(query.as_deref()))
}

/// The page of an end. A browser with a session goes to the top page, which confirms a change of
/// the password.
fn ended(OptionalSession(layout): OptionalSession, end: SessionEnd) -> Response {
    if layout.signed_in.is_some() {
        let changed = end == SessionEnd::PasswordChanged;
        return Redirect::to(if changed { top::AFTER_CHANGE } else { "/" }).into_response();
    }
    let recovery = recovery(layout.lang, end);
    let layout =
        layout.with_error(end.is_error()).with_address(end.path()).with_recovery(recovery.clone());
    let page = render(StatusCode::OK, &LoggedOutPage { layout, end, recovery });
    (cookie::end_kept_pages(), page).into_response()
}
