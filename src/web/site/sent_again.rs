//! Forms that are sent again after they did their work (`C2`): they get the first answer again. By
//! then the browser's session may have ended, or be the one that the first answer brought.

use axum::extract::FromRequestParts as _;
use axum::http::request::Parts;

use super::csrf;
use super::error::{OrPage as _, PageError};
use super::form::Form;
use super::session::{RestrictedCookieSession, end_of};
use super::session_end::{EndBeforeForm, SessionEnd};
use crate::auth::{FormId, SessionToken};
use crate::web::AppState;
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;

const LOGIN: &str = "/login";
const PASSWORD: &str = "/password";
const LOGOUT: &str = "/logout";
/// The form of the unit that follows.
const UNIT: &str = "/unit/";

/// The answer to a form whose token is not that of the browser's session: the first answer again,
/// or `otherwise`.
pub(super) async fn answer(
    parts: &mut Parts,
    state: &AppState,
    form: &Form,
    otherwise: PageError,
) -> PageError {
    if parts.uri.path() == LOGIN && is_logged_in(parts, state, form).await {
        return PageError::SentAgain("/");
    }
    match csrf::form_id(form) {
        Some(id) if parts.uri.path() == PASSWORD => answer_password(state, &id, otherwise).await,
        Some(_) | None => otherwise,
    }
}

/// The answer to a form of a password change whose session ended while the form was on its way.
pub(super) async fn answer_late_password(
    state: &AppState,
    token: &SessionToken,
    form: &FormId,
) -> PageError {
    let otherwise = session_ended(end_of(state, token).await, PASSWORD);
    answer_password(state, form, otherwise).await
}

/// The same for a form of a change to this unit.
pub(super) async fn answer_late_unit(
    state: &AppState,
    token: &SessionToken,
    unit: AuthUnit,
) -> PageError {
    session_ended(end_of(state, token).await, &format!("{UNIT}{}", unit.as_str()))
}

/// The first answer to a form of a password change again, or `otherwise`.
async fn answer_password(state: &AppState, form: &FormId, otherwise: PageError) -> PageError {
    match state.auth().has_changed_password(form).await.or_page() {
        Ok(true) => PageError::SentAgain(SessionEnd::PasswordChanged.path()),
        Ok(false) => otherwise,
        Err(error) => error,
    }
}

/// Whether a form at `path`, whose session has ended, may have done its work: it may be that of the
/// session before.
pub(super) fn may_be_done(error: &PageError, path: &str) -> bool {
    let may_follow_a_change = matches!(
        error,
        PageError::SessionEnded(
            SessionEnd::PasswordChanged
                | SessionEnd::LoggedOut
                | SessionEnd::Idle
                | SessionEnd::PastLifetime
        )
    );
    may_follow_a_change && path == PASSWORD
}

/// Whether the browser is logged in already with the number of a login form.
async fn is_logged_in(parts: &mut Parts, state: &AppState, form: &Form) -> bool {
    let session = RestrictedCookieSession::from_request_parts(parts, state).await;
    let number = PhoneNumber::from_typed(form.peek("number"));
    session.is_ok_and(|session| number == Ok(session.access.login_number))
}

/// The answer to a form at `path` whose session has ended. A browser that sends a form was logged
/// in before. The page says that the form has changed nothing, unless the same form has already
/// changed the unit, or was to log out.
pub(super) fn session_ended(error: PageError, path: &str) -> PageError {
    match error {
        PageError::LoggedOut | PageError::SessionEnded(SessionEnd::Elsewhere) if path == LOGOUT => {
            SessionEnd::LoggedOut.into()
        }
        PageError::UnitChanged(_) | PageError::SessionEnded(_) if path == LOGOUT => error,
        PageError::UnitChanged(changed)
            if path.strip_prefix(UNIT) != Some(changed.unit.as_str()) =>
        {
            PageError::FormAfterUnitChange
        }
        PageError::LoggedOut => SessionEnd::BeforeForm(EndBeforeForm::Unknown).into(),
        PageError::SessionEnded(SessionEnd::LoggedOut) => {
            SessionEnd::BeforeForm(EndBeforeForm::LoggedOut).into()
        }
        PageError::SessionEnded(SessionEnd::Idle) => {
            SessionEnd::BeforeForm(EndBeforeForm::Idle).into()
        }
        PageError::SessionEnded(SessionEnd::PastLifetime) => {
            SessionEnd::BeforeForm(EndBeforeForm::PastLifetime).into()
        }
        PageError::SessionEnded(SessionEnd::PasswordChanged) => {
            SessionEnd::BeforeForm(EndBeforeForm::PasswordChanged).into()
        }
        PageError::SessionEnded(SessionEnd::Elsewhere) => {
            SessionEnd::BeforeForm(EndBeforeForm::Elsewhere).into()
        }
        PageError::SessionEnded(_)
        | PageError::UnitChanged(_)
        | PageError::FormAfterUnitChange
        | PageError::SentAgain(_)
        | PageError::PasswordChangeRequired
        | PageError::Page(_) => error,
    }
}
