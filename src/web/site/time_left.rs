//! `/session`: how long the session lives without use. The site's script asks before the idle end,
//! and while somebody types (`W9`, `U4`).

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::error::PageError;
use super::session::RestrictedCookieSession;

/// The remaining seconds; the request itself counts as use (`W5`). 410 if the session has ended.
/// The cookie stays, so that the next page can say why.
pub(super) async fn show(
    session: Result<RestrictedCookieSession, PageError>,
) -> Result<Response, PageError> {
    match session {
        Ok(session) => Ok(session.signed_in().left_s.to_string().into_response()),
        Err(PageError::LoggedOut | PageError::SessionEnded(_) | PageError::UnitChanged(_)) => {
            Ok(StatusCode::GONE.into_response())
        }
        Err(
            error @ (PageError::FormAfterUnitChange
            | PageError::SentAgain(_)
            | PageError::PasswordChangeRequired
            | PageError::Page(_)),
        ) => Err(error),
    }
}
