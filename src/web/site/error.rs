//! Error pages: what went wrong, and what to do about it.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::layout::{Layout, render};
use super::text;
use crate::web::AppState;
use crate::web::problem::{Code, Told};

/// `error.html`
#[derive(Template)]
#[template(path = "error.html", config = ".askama.toml")]
struct ErrorPage {
    layout: Layout,
    kind: ErrorKind,
    retry_after_s: Option<u64>,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorKind {
    /// No such page.
    NotFound,
    /// No such method on this page.
    MethodNotAllowed,
    /// The request is not what a form sends.
    Malformed,
    /// Too large a body or head.
    TooLarge,
    /// A form that was not this browser's own, or is not any more.
    StaleForm,
    /// Too many tries from one address.
    RateLimited,
    /// Overload, or the store is out of reach.
    Unavailable,
    /// The store went out of reach in the middle of a change.
    OutcomeUnknown,
    /// The session's own password is void by wrong entries; the session is over (`C2`).
    Voided,
    /// The session's own password is void by wrong entries elsewhere; the session goes on (`C2`).
    VoidElsewhere,
    /// Someone else has changed the contract since the form was made (`W6`).
    ChangedElsewhere,
    /// A user's login cannot do this (`U2`).
    NotAllowed,
    /// A fault of the service.
    Internal,
}

impl ErrorKind {
    /// The status of a page that no problem document has given one.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::StaleForm | Self::Voided | Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::ChangedElsewhere | Self::VoidElsewhere => StatusCode::CONFLICT,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::OutcomeUnknown => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn of(problem: Told, status: StatusCode) -> Self {
        match problem.code {
            Code::Malformed if status == StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            Code::HeadTooLarge => Self::TooLarge,
            Code::Malformed => Self::Malformed,
            Code::TooManyRequests => Self::RateLimited,
            Code::Unavailable if problem.may_be_done => Self::OutcomeUnknown,
            Code::Busy | Code::Unavailable => Self::Unavailable,
            Code::NotFound => Self::NotFound,
            Code::MethodNotAllowed => Self::MethodNotAllowed,
            // The pages answer these in their own ways; the API's words for them are for programs.
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
            | Code::Internal => Self::Internal,
        }
    }
}

/// The page that `response` stands for, with its status and headers; `None` if it stands for itself.
pub(super) fn render_error_page(response: &mut Response, state: &AppState) -> Option<Response> {
    let status = response.status();
    let problem = response.extensions_mut().remove::<Told>();
    let kind = response.extensions_mut().remove::<ErrorKind>();
    let kind = kind.or_else(|| problem.map(|problem| ErrorKind::of(problem, status)))?;
    let retry_after_s = problem.and_then(|problem| problem.retry_after_s);
    let layout = Layout::for_anyone(state).with_error(true);
    let mut page = render(status, &ErrorPage { layout, kind, retry_after_s });
    for (name, value) in response.headers() {
        let is_of_the_body = [header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name);
        if !is_of_the_body && name != header::WWW_AUTHENTICATE {
            page.headers_mut().append(name, value.clone());
        }
    }
    Some(page)
}

impl ErrorPage {
    fn heading(&self) -> &'static str {
        text::heading(self.kind)
    }

    fn wait(&self) -> String {
        text::wait(self.retry_after_s.unwrap_or_default())
    }
}
