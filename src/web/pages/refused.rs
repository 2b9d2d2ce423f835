//! Why a request gets another answer than its page's own.

use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use crate::web::problem::Problem;

/// Another answer than the page's own.
#[derive(Debug)]
pub(super) enum Refused {
    /// There is no session, or none any more.
    LoggedOut,
    /// The session is good for nothing but changing the password (`C6`).
    MustChange,
    /// Another site's page made the request.
    ForeignOrigin,
    /// The form's token is not the one that this browser was given.
    Stale,
    /// What the API would tell too.
    Problem(Problem),
}

/// What [`super::error`] tells instead of a stale form.
#[derive(Debug, Clone, Copy)]
pub(super) struct StaleForm;

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let without_session =
            AppendHeaders([(header::SET_COOKIE, cookie::removed(cookie::SESSION))]);
        match self {
            Self::LoggedOut => (without_session, Redirect::to("/login")).into_response(),
            Self::MustChange => Redirect::to("/password").into_response(),
            Self::ForeignOrigin | Self::Stale => {
                let mut response = StatusCode::FORBIDDEN.into_response();
                response.extensions_mut().insert(StaleForm);
                response
            }
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

impl<P: Into<Problem>> From<P> for Refused {
    fn from(problem: P) -> Self {
        Self::Problem(problem.into())
    }
}
