//! Why a request gets another answer than its page: a redirect or an error page.

use askama::Template;
use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::error_kind::ErrorKind;
use super::layout::{Layout, SignedIn};
use super::session_end::SessionEnd;
use super::text::{self, Recovery};
use crate::web::AppState;
use crate::web::problem::{Code, Problem};
use crate::web::refusal_log::RefusalReason;
use domain::unit_outcome::UnitChanged;

/// The page of a unit change's outcome.
pub(super) const UNIT_CHANGED: &str = "/unit-changed";

/// Another answer than the page that was asked for.
#[derive(Debug)]
pub(super) enum PageError {
    /// The browser has no session.
    LoggedOut,
    /// The browser's session has ended.
    SessionEnded(SessionEnd),
    /// The browser's session has ended by its change of the unit.
    UnitChanged(Box<UnitChanged>),
    /// The session may do nothing but change the password (`C6`).
    PasswordChangeRequired,
    /// An error page.
    Page(Box<ErrorPage>),
}

impl From<SessionEnd> for PageError {
    fn from(end: SessionEnd) -> Self {
        Self::SessionEnded(end)
    }
}

/// `error.html`
#[derive(Debug, Clone, Template)]
#[template(path = "error.html", config = ".askama.toml")]
pub(super) struct ErrorPage {
    layout: Layout,
    status: StatusCode,
    kind: ErrorKind,
    /// How to set a temporary password, where that helps.
    recovery: Option<Recovery>,
    /// Whether a form was sent.
    is_form: bool,
    /// The page of the form that was sent, where it is worth trying again.
    back: Option<WayBack>,
    retry_after_s: Option<u64>,
    refusal: Option<RefusalReason>,
}

/// A link to the page of a form.
#[derive(Debug, Clone, Copy)]
struct WayBack {
    path: &'static str,
    label: &'static str,
}

impl PageError {
    pub(super) fn new(state: &AppState, kind: ErrorKind) -> Self {
        let layout = Layout::new(state).with_error(true);
        let (status, refusal) = status(kind);
        let recovery = kind.unit_to_recover().map(Recovery::under);
        Self::Page(Box::new(ErrorPage {
            layout,
            status,
            kind,
            recovery,
            is_form: false,
            back: None,
            retry_after_s: None,
            refusal,
        }))
    }

    /// The page for what the API answers with a problem document.
    pub(super) fn from_problem(state: &AppState, problem: &Problem) -> Self {
        Self::Page(Box::new(ErrorPage {
            layout: Layout::new(state).with_error(true),
            status: problem.status(),
            kind: kind_of(problem),
            recovery: None,
            is_form: false,
            back: None,
            retry_after_s: problem.retry_after_s,
            refusal: problem.refusal,
        }))
    }
}

/// Turns an error that pages and API share into an error page.
pub(super) trait OrPage<T> {
    fn or_page(self, state: &AppState) -> Result<T, PageError>;
}

impl<T, E: Into<Problem>> OrPage<T> for Result<T, E> {
    fn or_page(self, state: &AppState) -> Result<T, PageError> {
        self.map_err(|error| PageError::from_problem(state, &error.into()))
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
        E::from_request_parts(parts, state).await.or_page(state).map(Self)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let expire_session = AppendHeaders([(header::SET_COOKIE, cookie::expire(cookie::SESSION))]);
        match self {
            Self::LoggedOut => (expire_session, Redirect::to("/login")).into_response(),
            // The browser may have a newer cookie by now: the form may have been sent twice.
            Self::SessionEnded(end @ SessionEnd::BeforeForm) => {
                Redirect::to(end.path()).into_response()
            }
            // The cookie finds the outcome.
            Self::UnitChanged(_) => Redirect::to(UNIT_CHANGED).into_response(),
            Self::SessionEnded(end) => (expire_session, Redirect::to(end.path())).into_response(),
            Self::PasswordChangeRequired => {
                let refusal = Extension(RefusalReason::PasswordChangeRequired);
                (refusal, Redirect::to("/password")).into_response()
            }
            Self::Page(page) => page.into_response(),
        }
    }
}

impl IntoResponse for ErrorPage {
    /// A response without a body. [`render_error_page`](super::error_layer::render_error_page)
    /// renders the page, since it knows the request and its login.
    fn into_response(self) -> Response {
        let retry_after = self.retry_after_s.map(|s| [(header::RETRY_AFTER, HeaderValue::from(s))]);
        let refusal = self.refusal.map(Extension);
        (self.status, retry_after, refusal, Extension(self)).into_response()
    }
}

impl ErrorPage {
    /// Whether the session of the request may go on after this error.
    pub(super) fn may_have_session(&self) -> bool {
        match self.kind {
            ErrorKind::OutcomeUnknown => false,
            ErrorKind::NotFound
            | ErrorKind::MethodNotAllowed
            | ErrorKind::Malformed
            | ErrorKind::TooLarge
            | ErrorKind::CsrfError
            | ErrorKind::RateLimited
            | ErrorKind::Unavailable
            | ErrorKind::VoidElsewhere(_)
            | ErrorKind::ChangedElsewhere
            | ErrorKind::NotAllowed
            | ErrorKind::Internal => true,
        }
    }

    /// Whether the database was out of reach.
    pub(super) fn is_unavailable(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }

    /// The page as the answer to this request of this login.
    pub(super) fn for_request(
        self,
        method: &Method,
        path: &str,
        signed_in: Option<SignedIn>,
    ) -> Self {
        let is_form = method == Method::POST;
        Self {
            is_form,
            back: way_back(path).filter(|_| is_form && is_worth_another_try(self.kind)),
            layout: Layout { signed_in, ..self.layout },
            ..self
        }
    }

    fn heading(&self) -> &'static str {
        text::heading(self.kind)
    }

    fn wait(&self) -> String {
        text::wait(self.retry_after_s.unwrap_or_default())
    }
}

fn way_back(path: &str) -> Option<WayBack> {
    let (path, label) = match path {
        "/login" => ("/login", text::BACK_TO_LOGIN),
        "/password" => ("/password", text::BACK_TO_PASSWORD),
        path if path.starts_with("/unit/") => ("/unit", text::BACK_TO_UNIT),
        _ => return None,
    };
    Some(WayBack { path, label })
}

fn is_worth_another_try(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Malformed
        | ErrorKind::TooLarge
        | ErrorKind::CsrfError
        | ErrorKind::RateLimited
        | ErrorKind::Unavailable
        | ErrorKind::ChangedElsewhere => true,
        ErrorKind::NotFound
        | ErrorKind::MethodNotAllowed
        | ErrorKind::OutcomeUnknown
        | ErrorKind::VoidElsewhere(_)
        | ErrorKind::NotAllowed
        | ErrorKind::Internal => false,
    }
}

/// The status of a kind, and what the metric of refused requests counts it as.
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
