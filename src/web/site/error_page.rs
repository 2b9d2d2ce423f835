//! The page of an error: what went wrong, whether anything was changed, and the way on.

use askama::Template;
use axum::http::Method;

use super::error::ErrorReport;
use super::error_kind::ErrorKind;
use super::layout::{Layout, SignedIn};
use super::markup::Markup;
use super::text::{self, Recovery};

/// `error.html`
#[derive(Template)]
#[template(path = "error.html", config = ".askama.toml")]
pub(super) struct ErrorPage {
    layout: Layout,
    kind: ErrorKind,
    /// How to set a temporary password, where that helps.
    recovery: Option<Recovery>,
    /// Whether passwords were sent, and none was counted as a wrong one.
    is_uncounted: bool,
    /// The page of the form that was sent, where it is worth trying again.
    back: Option<WayBack>,
    /// Whether a reload sends passwords of many numbers again.
    may_reload: bool,
    retry_after_s: Option<u64>,
}

/// A link to the page of a form.
struct WayBack {
    path: &'static str,
    label: Markup,
}

impl ErrorPage {
    /// The page as the answer to this request of this login.
    pub(super) fn new(
        report: ErrorReport,
        layout: Layout,
        method: &Method,
        path: &str,
        signed_in: Option<SignedIn>,
    ) -> Self {
        let ErrorReport { kind, retry_after_s, may_have_counted, .. } = report;
        let lang = layout.lang;
        let is_form = method == Method::POST;
        let form = form_path(path).filter(|_| is_form);
        // The path of a form that has no page cannot be opened.
        let address = if is_form { form.unwrap_or("/") } else { "" };
        let layout = Layout { signed_in, ..layout.with_error(true).with_address(address) };
        Self {
            layout,
            kind,
            recovery: kind.unit_to_recover().map(|unit| Recovery::under(lang, unit)),
            is_uncounted: form.is_some() && !may_have_counted,
            back: form.filter(|_| is_worth_another_try(kind)).map(|path| {
                let label = match path {
                    LOGIN => lang.back_to_login(),
                    PASSWORD => lang.back_to_password(),
                    _ => lang.back_to_unit(),
                };
                WayBack { path, label }
            }),
            may_reload: form == Some(UNIT) && kind.is_transient(),
            retry_after_s,
        }
    }

    fn heading(&self) -> Markup {
        text::heading(self.layout.lang, self.kind)
    }

    fn wait(&self) -> Markup {
        text::wait(self.layout.lang, self.retry_after_s.unwrap_or_default())
    }
}

const LOGIN: &str = "/login";
const PASSWORD: &str = "/password";
const UNIT: &str = "/unit";

/// The page of the form that is sent to this path.
fn form_path(path: &str) -> Option<&'static str> {
    match path {
        LOGIN => Some(LOGIN),
        PASSWORD => Some(PASSWORD),
        path if path.starts_with("/unit/") => Some(UNIT),
        _ => None,
    }
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
