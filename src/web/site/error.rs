//! Answers other than the requested page: a redirect or an error page.

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::error_kind::ErrorKind;
use super::session_end::SessionEnd;
use crate::web::AppState;
use crate::web::problem::{Code, Problem};
use crate::web::refusal_log::RefusalReason;
use domain::unit_outcome::UnitChanged;

/// The page of a unit change's outcome.
pub(super) const UNIT_CHANGED: &str = "/unit-changed";
/// The same page after a form that has changed nothing.
pub(super) const UNIT_CHANGED_BEFORE_FORM: &str = "/unit-changed?form";

/// An answer other than the requested page.
#[derive(Debug)]
pub(super) enum PageError {
    /// No session, so the way to the login: no cookie, or one that no daemon knows.
    LoggedOut,
    /// The browser's session has ended.
    SessionEnded(SessionEnd),
    /// The browser's session has ended by its change of the unit.
    UnitChanged(Box<UnitChanged>),
    /// The browser's session has ended by its change of the unit; this form has changed nothing.
    FormAfterUnitChange,
    /// The same form has done its work before; this page is its first answer, or leads to it.
    SentAgain(&'static str),
    /// The session may do nothing but change the password (`C6`).
    PasswordChangeRequired,
    /// Everything else, which no redirect helps.
    Page(ErrorReport),
}

/// What an error page is about. It becomes a page once its request and its login are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct ErrorReport {
    pub(super) kind: ErrorKind,
    pub(super) retry_after_s: Option<u64>,
    /// Whether a wrong password may have been counted.
    pub(super) may_have_counted: bool,
    pub(super) status: StatusCode,
    refusal: Option<RefusalReason>,
}

impl From<SessionEnd> for PageError {
    fn from(end: SessionEnd) -> Self {
        Self::SessionEnded(end)
    }
}

impl From<ErrorKind> for PageError {
    fn from(kind: ErrorKind) -> Self {
        let (status, refusal) = status(kind);
        let (retry_after_s, may_have_counted) = (None, false);
        Self::Page(ErrorReport { kind, retry_after_s, may_have_counted, status, refusal })
    }
}

impl From<&Problem> for PageError {
    /// The page for an error that the API answers with a problem document.
    fn from(problem: &Problem) -> Self {
        Self::Page(ErrorReport {
            kind: kind_of(problem),
            retry_after_s: problem.retry_after_s,
            may_have_counted: problem.may_have_counted,
            status: problem.status(),
            refusal: problem.refusal,
        })
    }
}

/// Turns an error that pages and API share into an error page.
pub(super) trait OrPage<T> {
    fn or_page(self) -> Result<T, PageError>;
}

impl<T, E: Into<Problem>> OrPage<T> for Result<T, E> {
    fn or_page(self) -> Result<T, PageError> {
        self.map_err(|error| PageError::from(&error.into()))
    }
}

/// An extractor that pages and API share; its problem becomes an error page.
pub(super) struct ForPage<E>(pub(super) E);

impl<E> FromRequestParts<AppState> for ForPage<E>
where
    E: FromRequestParts<AppState, Rejection = Problem>,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        E::from_request_parts(parts, state).await.or_page().map(Self)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let expire_session = AppendHeaders([(header::SET_COOKIE, cookie::expire(cookie::SESSION))]);
        match self {
            Self::LoggedOut => (expire_session, Redirect::to("/login")).into_response(),
            // The browser may have a newer cookie by now: the form may have been sent twice.
            Self::SessionEnded(end @ SessionEnd::BeforeForm(_)) => {
                Redirect::to(end.path()).into_response()
            }
            // The cookie identifies the outcome.
            Self::UnitChanged(_) => Redirect::to(UNIT_CHANGED).into_response(),
            Self::FormAfterUnitChange => Redirect::to(UNIT_CHANGED_BEFORE_FORM).into_response(),
            Self::SentAgain(page) => Redirect::to(page).into_response(),
            Self::SessionEnded(end) => (expire_session, Redirect::to(end.path())).into_response(),
            Self::PasswordChangeRequired => {
                let refusal = Extension(RefusalReason::PasswordChangeRequired);
                (refusal, Redirect::to("/password")).into_response()
            }
            Self::Page(report) => report.into_response(),
        }
    }
}

impl IntoResponse for ErrorReport {
    /// A response without a body. [`render_error_page`](super::error_layer::render_error_page)
    /// renders the page, since it knows the request and its login.
    fn into_response(self) -> Response {
        (self.status, self.around(Extension(self))).into_response()
    }
}

impl ErrorReport {
    /// The headers of the error around another page than its own.
    pub(super) fn around(self, page: impl IntoResponse) -> Response {
        let retry_after = self.retry_after_s.map(|s| [(header::RETRY_AFTER, HeaderValue::from(s))]);
        (retry_after, self.refusal.map(Extension), page).into_response()
    }
}

/// The status of a kind, and its reason in the metric of refused requests.
fn status(kind: ErrorKind) -> (StatusCode, Option<RefusalReason>) {
    match kind {
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, None),
        ErrorKind::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, None),
        ErrorKind::Malformed => (StatusCode::BAD_REQUEST, None),
        ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
        ErrorKind::CsrfError => (StatusCode::FORBIDDEN, Some(RefusalReason::CrossSite)),
        ErrorKind::NotAllowed => (StatusCode::FORBIDDEN, Some(RefusalReason::NotAllowed)),
        ErrorKind::ChangedElsewhere | ErrorKind::VoidElsewhere(_) => (StatusCode::CONFLICT, None),
        ErrorKind::RateLimited => (StatusCode::TOO_MANY_REQUESTS, None),
        ErrorKind::Unavailable | ErrorKind::OutcomeUnknown => {
            (StatusCode::SERVICE_UNAVAILABLE, None)
        }
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, None),
    }
}

fn kind_of(problem: &Problem) -> ErrorKind {
    match problem.code {
        Code::Malformed if problem.status() == StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::TooLarge,
        Code::HeadTooLarge => ErrorKind::TooLarge,
        Code::Malformed => ErrorKind::Malformed,
        Code::TooManyRequests => ErrorKind::RateLimited,
        Code::Unavailable if problem.is_outcome_unknown => ErrorKind::OutcomeUnknown,
        Code::Busy | Code::Unavailable => ErrorKind::Unavailable,
        Code::NotFound => ErrorKind::NotFound,
        Code::MethodNotAllowed => ErrorKind::MethodNotAllowed,
        // All but `Internal` are answers of the API alone.
        Code::InvalidCredentials
        | Code::NoSession
        | Code::CrossSite
        | Code::PasswordChangeRequired
        | Code::NotAllowed
        | Code::ChangedElsewhere
        | Code::CredentialVoid
        | Code::PasswordsMissing
        | Code::PasswordRejected
        | Code::WrongPassword
        | Code::Internal => ErrorKind::Internal,
    }
}
