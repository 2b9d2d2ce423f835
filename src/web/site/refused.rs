//! Why a request gets another answer than its page's own.

use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::error::ErrorKind;
use crate::web::problem::Problem;
use crate::web::refusal_log::RefusalReason;

/// Another answer than the page's own.
#[derive(Debug)]
pub(super) enum PageError {
    /// There is no session, or none any more.
    LoggedOut,
    /// The session that a form was made for is over.
    SessionOver,
    /// The session has ended by itself (`W5`).
    TimedOut,
    /// The session is good for nothing but changing the password (`C6`).
    MustChange,
    /// An error page; nothing was changed.
    Page(ErrorKind),
    /// What the API would tell too.
    Problem(Problem),
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let without_session =
            AppendHeaders([(header::SET_COOKIE, cookie::expire(cookie::SESSION))]);
        match self {
            Self::LoggedOut => (without_session, Redirect::to("/login")).into_response(),
            // The browser may have a newer cookie by now: the form may have been sent twice.
            Self::SessionOver => Redirect::to("/session-over").into_response(),
            Self::TimedOut => (without_session, Redirect::to("/timed-out")).into_response(),
            Self::MustChange => {
                let mut response = Redirect::to("/password").into_response();
                response.extensions_mut().insert(RefusalReason::PasswordChangeRequired);
                response
            }
            Self::Page(kind @ ErrorKind::Voided) => (without_session, told(kind)).into_response(),
            Self::Page(kind) => told(kind),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

/// An empty answer that [`super::page_headers`] makes a page of.
fn told(kind: ErrorKind) -> Response {
    let mut response = kind.status().into_response();
    response.extensions_mut().insert(kind);
    match kind {
        ErrorKind::StaleForm => drop(response.extensions_mut().insert(RefusalReason::CrossSite)),
        ErrorKind::NotAllowed => drop(response.extensions_mut().insert(RefusalReason::NotAllowed)),
        ErrorKind::NotFound
        | ErrorKind::MethodNotAllowed
        | ErrorKind::Malformed
        | ErrorKind::TooLarge
        | ErrorKind::RateLimited
        | ErrorKind::Unavailable
        | ErrorKind::OutcomeUnknown
        | ErrorKind::Voided
        | ErrorKind::VoidElsewhere
        | ErrorKind::ChangedElsewhere
        | ErrorKind::Internal => {}
    }
    response
}

impl<P: Into<Problem>> From<P> for PageError {
    fn from(problem: P) -> Self {
        Self::Problem(problem.into())
    }
}
