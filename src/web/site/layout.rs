//! The common parts around every page, and the rendering of a page as a response.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};

use super::frame::PageFrame;
use super::language::{self, Language};
use super::markup::Markup;
use super::text::Recovery;
use crate::web::AppState;

/// What `layout.html` shows around a page. Extracted from a request, it has no login.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) site: Arc<PageFrame>,
    pub(super) lang: Language,
    /// Whether the title says that there is an error.
    pub(super) is_error: bool,
    pub(super) signed_in: Option<SignedIn>,
    /// How to set a temporary password, where the unit is known without a login.
    pub(super) recovery: Option<Recovery>,
    /// Where the language switch leads to; empty for the page's own path.
    pub(super) address: &'static str,
}

/// The login that the header shows, and the token of its logout form.
#[derive(Clone)]
pub(super) struct SignedIn {
    pub(super) number: String,
    pub(super) csrf_token: String,
    /// The seconds until the session ends, unless it is used again (`W5`).
    pub(super) left_s: u64,
    /// The seconds until the session ends in any case (`W5`).
    pub(super) lifetime_left_s: u64,
    /// How to set its temporary password again.
    pub(super) recovery: Recovery,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedIn(…)")
    }
}

impl FromRequestParts<AppState> for Layout {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let lang = parts.extensions.get::<Language>().copied().unwrap_or_default();
        let site = Arc::clone(state.frames().in_language(lang));
        Ok(Self { site, lang, is_error: false, signed_in: None, recovery: None, address: "" })
    }
}

impl Layout {
    pub(super) fn with_error(self, is_error: bool) -> Self {
        Self { is_error, ..self }
    }

    /// With a language switch that leads to this path and query.
    pub(super) fn with_address(self, address: &'static str) -> Self {
        Self { address, ..self }
    }

    pub(super) fn with_recovery(self, recovery: Option<Recovery>) -> Self {
        Self { recovery, ..self }
    }

    /// How to set a temporary password, if the unit is known (`W12`).
    pub(super) fn recovery(&self) -> Option<&Recovery> {
        let own = self.signed_in.as_ref().map(|login| &login.recovery);
        own.or(self.recovery.as_ref())
    }

    /// The title of a page, with the name of the site.
    pub(super) fn title(&self, page: Markup) -> Markup {
        if self.is_error {
            self.lang.error_title(page, &self.site.name)
        } else {
            self.lang.page_title(page, &self.site.name)
        }
    }

    /// The page in the other language. Nothing but [`Self::address`] is taken over: what a request
    /// brings is not sent back.
    pub(super) fn other_language_href(&self) -> String {
        let mark = if self.address.contains('?') { '&' } else { '?' };
        format!("{}{mark}{}={}", self.address, language::PARAMETER, self.lang.other().tag())
    }
}

pub(super) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "could not render a page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
