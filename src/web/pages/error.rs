//! Error pages: what went wrong, and what to do about it.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::frame::{Frame, answer};
use super::words;
use crate::web::Site;
use crate::web::problem::{Code, Told};

/// `error.html`
#[derive(Template)]
#[template(path = "error.html", config = ".askama.toml")]
struct ErrorPage {
    frame: Frame,
    what: What,
    retry_after_s: Option<u64>,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// No such page.
    NotFound,
    /// No such method on this page.
    NotSo,
    /// The request is not what a form sends.
    Malformed,
    /// Too large a body.
    TooLarge,
    /// A form that was not this browser's own, or is not any more.
    StaleForm,
    /// Too many tries from one address.
    TooMany,
    /// Overload, or the store is out of reach.
    Unavailable,
    /// A fault of the service.
    Fault,
}

/// The page that tells `what` instead of `response`, whose status and own headers it keeps.
pub(super) fn instead_of(response: &Response, told: Told, site: &Site) -> Response {
    let what = what(told.code, response.status());
    page(response, what, told.retry_after_s, site)
}

/// The page that tells of a stale form.
pub(super) fn stale(response: &Response, site: &Site) -> Response {
    page(response, What::StaleForm, None, site)
}

fn page(response: &Response, what: What, retry_after_s: Option<u64>, site: &Site) -> Response {
    let frame = Frame::for_anyone(site).with_error(true);
    let mut page = answer(response.status(), &ErrorPage { frame, what, retry_after_s });
    for (name, value) in response.headers() {
        let is_of_the_body = [header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name);
        if !is_of_the_body && name != header::WWW_AUTHENTICATE {
            page.headers_mut().append(name, value.clone());
        }
    }
    page
}

fn what(code: Code, status: StatusCode) -> What {
    match code {
        Code::Malformed if status == StatusCode::PAYLOAD_TOO_LARGE => What::TooLarge,
        Code::Malformed => What::Malformed,
        Code::TooManyRequests => What::TooMany,
        Code::Busy | Code::Unavailable => What::Unavailable,
        Code::NotFound => What::NotFound,
        Code::MethodNotAllowed => What::NotSo,
        // The pages answer these in their own ways; the API's words for them are for programs.
        Code::InvalidCredentials
        | Code::NoSession
        | Code::PasswordChangeRequired
        | Code::Internal => What::Fault,
    }
}

impl ErrorPage {
    fn heading(&self) -> &'static str {
        words::heading(self.what)
    }

    fn wait(&self) -> String {
        words::wait(self.retry_after_s.unwrap_or_default())
    }
}
