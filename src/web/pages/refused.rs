//! Why a request gets another answer than its page's own.

use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::error::What;
use crate::web::problem::Problem;
use crate::web::refusals::Reason;

/// Another answer than the page's own.
#[derive(Debug)]
pub(super) enum Refused {
    /// There is no session, or none any more.
    LoggedOut,
    /// The session that a form was made for is over.
    SessionOver,
    /// The session has ended by itself (`W5`).
    TimedOut,
    /// The session is good for nothing but changing the password (`C6`).
    MustChange,
    /// An error page; nothing was changed.
    Told(What),
    /// What the API would tell too.
    Problem(Problem),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let without_session =
            AppendHeaders([(header::SET_COOKIE, cookie::removed(cookie::SESSION))]);
        match self {
            Self::LoggedOut => (without_session, Redirect::to("/login")).into_response(),
            // The browser may have a newer cookie by now: the form may have been sent twice.
            Self::SessionOver => Redirect::to("/session-over").into_response(),
            Self::TimedOut => (without_session, Redirect::to("/timed-out")).into_response(),
            Self::MustChange => {
                let mut response = Redirect::to("/password").into_response();
                response.extensions_mut().insert(Reason::PasswordChangeRequired);
                response
            }
            Self::Told(what @ What::Voided) => (without_session, told(what)).into_response(),
            Self::Told(what) => told(what),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

/// An empty answer that [`super::dress`] makes a page of.
fn told(what: What) -> Response {
    let mut response = what.status().into_response();
    response.extensions_mut().insert(what);
    match what {
        What::StaleForm => drop(response.extensions_mut().insert(Reason::CrossSite)),
        What::NotAllowed => drop(response.extensions_mut().insert(Reason::NotAllowed)),
        What::NotFound
        | What::NotSo
        | What::Malformed
        | What::TooLarge
        | What::TooMany
        | What::Unavailable
        | What::MayBeChanged
        | What::Voided
        | What::VoidElsewhere
        | What::ChangedElsewhere
        | What::Fault => {}
    }
    response
}

impl<P: Into<Problem>> From<P> for Refused {
    fn from(problem: P) -> Self {
        Self::Problem(problem.into())
    }
}
