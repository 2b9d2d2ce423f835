//! The session of a browser's cookie, denied by default (`C6`), and the browser before its login.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use jiff::Timestamp;

use super::cookie;
use super::csrf::{CsrfBound, CsrfToken};
use super::error::{OrPage as _, PageError};
use super::layout::{Layout, SignedIn};
use super::session_end::SessionEnd;
use super::text::Recovery;
use crate::auth::{Audience, SessionState, SessionToken};
use crate::web::AppState;
use domain::access::Access;
use domain::rules;
use domain::session::LoginHistory;

/// A session that may do all that its role allows. Every page takes it unless it serves `C6` too.
#[derive(Debug)]
pub(super) struct CookieSession(pub(super) RestrictedCookieSession);

/// A session that may have to change the password before anything else (`C6`).
#[derive(Debug)]
pub(super) struct RestrictedCookieSession {
    pub(super) token: SessionToken,
    pub(super) access: Access,
    /// The history of its login number.
    pub(super) history: LoginHistory,
    /// The layout of this login's pages.
    pub(super) layout: Layout,
    csrf_token: CsrfToken,
}

/// A browser before its login, with its own cookie or a new one.
#[derive(Debug)]
pub(super) struct Anonymous {
    cookie: SessionToken,
    csrf_token: CsrfToken,
    pub(super) layout: Layout,
    is_new: bool,
    /// The browser's session, which another login ends.
    pub(super) session: Option<SessionToken>,
}

/// The login of a request, once an extractor has found it, for error pages.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownLogin(Arc<OnceLock<SignedIn>>);

impl KnownLogin {
    pub(super) fn get(&self) -> Option<SignedIn> {
        self.0.get().cloned()
    }

    fn set(&self, login: SignedIn) {
        self.0.get_or_init(|| login);
    }
}

/// Anyone, with the layout of a login if there is a live session.
pub(super) struct OptionalSession(pub(super) Layout);

impl CsrfBound for CookieSession {
    fn csrf_token(&self) -> &CsrfToken {
        &self.0.csrf_token
    }

    /// The form of a unit change has a password for each number (`U4`).
    fn max_form_bytes(&self) -> usize {
        rules::MAX_UNIT_CHANGE_BYTES
    }
}

impl CsrfBound for RestrictedCookieSession {
    fn csrf_token(&self) -> &CsrfToken {
        &self.csrf_token
    }
}

impl CsrfBound for Anonymous {
    fn csrf_token(&self) -> &CsrfToken {
        &self.csrf_token
    }
}

impl FromRequestParts<AppState> for CookieSession {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let session = RestrictedCookieSession::from_request_parts(parts, state).await?;
        match session.access.password_change {
            None => Ok(Self(session)),
            Some(_) => Err(PageError::PasswordChangeRequired),
        }
    }
}

impl FromRequestParts<AppState> for RestrictedCookieSession {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let token = session_token(parts, state).ok_or(PageError::LoggedOut)?;
        let (access, history) = look_up(state, &token).await?;
        let csrf_token = CsrfToken::from_cookie(&token);
        let Ok(layout) = Layout::from_request_parts(parts, state).await;
        let mut session = Self { token, access, history, layout, csrf_token };
        let signed_in = session.signed_in();
        if let Some(known) = parts.extensions.get::<KnownLogin>() {
            known.set(signed_in.clone());
        }
        session.layout.signed_in = Some(signed_in);
        Ok(session)
    }
}

impl FromRequestParts<AppState> for OptionalSession {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let session = RestrictedCookieSession::from_request_parts(parts, state).await;
        match session {
            Ok(session) => Ok(Self(session.layout)),
            Err(_) => Layout::from_request_parts(parts, state).await.map(Self),
        }
    }
}

impl FromRequestParts<AppState> for Anonymous {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let known = cookie::get(&parts.headers, cookie::BEFORE_LOGIN);
        let known = known.and_then(|sent| sent.parse().ok());
        let is_new = known.is_none();
        let cookie = known.unwrap_or_else(|| SessionToken::draw(&mut rand::rng()));
        let csrf_token = CsrfToken::from_cookie(&cookie);
        let session = session_token(parts, state);
        let Ok(layout) = Layout::from_request_parts(parts, state).await;
        Ok(Self { cookie, csrf_token, layout, is_new, session })
    }
}

impl RestrictedCookieSession {
    /// The login in the header.
    pub(super) fn signed_in(&self) -> SignedIn {
        let seconds_until = |end: Timestamp| {
            let left = end.duration_since(self.access.now);
            u64::try_from(left.as_secs()).unwrap_or_default()
        };
        SignedIn {
            number: self.access.login_number.hyphenated(),
            csrf_token: self.csrf_token.expose(),
            left_s: seconds_until(self.access.expires_at),
            lifetime_left_s: seconds_until(self.access.lifetime_ends_at),
            recovery: Recovery::under(self.layout.lang, self.access.unit),
        }
    }
}

impl Anonymous {
    /// The cookie, if the browser has none yet.
    pub(super) fn new_cookie(&self) -> Option<HeaderValue> {
        self.is_new.then(|| cookie::set(cookie::BEFORE_LOGIN, &self.cookie.expose()))
    }
}

/// What the session of a token may do, and its login number's history; or why it has ended.
async fn look_up(
    state: &AppState,
    token: &SessionToken,
) -> Result<(Access, LoginHistory), PageError> {
    match state.auth().session(token, Audience::Pages).await.or_page()? {
        SessionState::Live(access, history) => Ok((*access, *history)),
        SessionState::Idle => Err(SessionEnd::Idle.into()),
        SessionState::PastLifetime => Err(SessionEnd::PastLifetime.into()),
        SessionState::TemporaryExpired(unit) => Err(SessionEnd::TemporaryExpired(unit).into()),
        SessionState::UnitChanged(changed) => Err(PageError::UnitChanged(changed)),
        SessionState::WrongEntries(unit) => Err(SessionEnd::WrongEntries(unit).into()),
        SessionState::LoggedOut => Err(SessionEnd::LoggedOut.into()),
        SessionState::PasswordChanged => Err(SessionEnd::PasswordChanged.into()),
        SessionState::None => Err(SessionEnd::Elsewhere.into()),
    }
}

/// Why a session has ended while its request was on the way.
pub(super) async fn end_of(state: &AppState, token: &SessionToken) -> PageError {
    look_up(state, token).await.err().unwrap_or_else(|| SessionEnd::Elsewhere.into())
}

fn session_token(parts: &Parts, state: &AppState) -> Option<SessionToken> {
    state.open_token(cookie::get(&parts.headers, cookie::SESSION)?, Audience::Pages)
}
