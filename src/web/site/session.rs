//! The session of a browser's cookie, denied by default (`C6`), and the browser before its login.

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;

use super::cookie;
use super::form::{CsrfBound, CsrfToken};
use super::refused::PageError;
use crate::login::{self, Access, Audience, SessionState, SessionToken};
use crate::web::AppState;

/// A session that may do all that its role allows. Every page takes it unless it serves `C6` too.
#[derive(Debug)]
pub(super) struct CookieSession(pub(super) RestrictedCookieSession);

/// A session that may be good for nothing but changing the password and logging out (`C6`).
#[derive(Debug)]
pub(super) struct RestrictedCookieSession {
    pub(super) token: SessionToken,
    pub(super) standing: Access,
    pub(super) form_token: CsrfToken,
}

/// Someone who is about to log in; the cookie is the browser's, or a new one.
#[derive(Debug)]
pub(super) struct Anonymous {
    cookie: SessionToken,
    form_token: CsrfToken,
    is_new: bool,
    /// A session that the browser has, and loses by another login.
    pub(super) session: Option<SessionToken>,
}

impl CsrfBound for CookieSession {
    fn csrf_token(&self) -> &CsrfToken {
        &self.0.form_token
    }
}

impl CsrfBound for RestrictedCookieSession {
    fn csrf_token(&self) -> &CsrfToken {
        &self.form_token
    }
}

impl CsrfBound for Anonymous {
    fn csrf_token(&self) -> &CsrfToken {
        &self.form_token
    }
}

impl FromRequestParts<AppState> for CookieSession {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let visitor = RestrictedCookieSession::from_request_parts(parts, state).await?;
        match visitor.standing.password_change {
            None => Ok(Self(visitor)),
            Some(_) => Err(PageError::MustChange),
        }
    }
}

impl FromRequestParts<AppState> for RestrictedCookieSession {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let token = session(parts, state).ok_or(PageError::LoggedOut)?;
        let state = login::look_up(state.store(), &token, Audience::Pages, state.idle()).await?;
        let standing = match state {
            SessionState::Live(standing) => *standing,
            SessionState::Idle => return Err(PageError::TimedOut),
            SessionState::None => return Err(PageError::LoggedOut),
        };
        let form_token = CsrfToken::from_cookie(&token);
        Ok(Self { token, standing, form_token })
    }
}

impl FromRequestParts<AppState> for Anonymous {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let known = cookie::get(&parts.headers, cookie::BEFORE_LOGIN);
        let known = known.and_then(|sent| sent.parse().ok());
        let is_new = known.is_none();
        let cookie = known.unwrap_or_else(|| SessionToken::draw(&mut rand::rng()));
        let form_token = CsrfToken::from_cookie(&cookie);
        let session = session(parts, state);
        Ok(Self { cookie, form_token, is_new, session })
    }
}

impl Anonymous {
    /// The cookie, if the browser has none yet.
    pub(super) fn new_cookie(&self) -> Option<HeaderValue> {
        self.is_new.then(|| cookie::set(cookie::BEFORE_LOGIN, &self.cookie.expose()))
    }
}

fn session(parts: &Parts, state: &AppState) -> Option<SessionToken> {
    state.open_token(cookie::get(&parts.headers, cookie::SESSION)?, Audience::Pages)
}
