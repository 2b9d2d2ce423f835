//! Who looks at a page: a visitor with a session, deny by default (`C6`), or a stranger before the login.

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;

use super::cookie;
use super::form::{FormToken, Holder};
use super::refused::Refused;
use crate::login::{self, Door, SessionState, SessionToken, Standing};
use crate::web::Site;

/// A session that is good for everything that its role allows; what every page takes unless it serves
/// `C6` as well.
#[derive(Debug)]
pub(super) struct Visitor(pub(super) AnyVisitor);

/// A session that may be good for nothing but changing the password and logging out (`C6`).
#[derive(Debug)]
pub(super) struct AnyVisitor {
    pub(super) token: SessionToken,
    pub(super) standing: Standing,
    pub(super) form_token: FormToken,
}

/// Someone who is about to log in; the cookie is the browser's, or a new one.
#[derive(Debug)]
pub(super) struct Stranger {
    cookie: SessionToken,
    form_token: FormToken,
    is_new: bool,
    /// A session that the browser has, and loses by another login.
    pub(super) session: Option<SessionToken>,
}

impl Holder for Visitor {
    fn form_token(&self) -> &FormToken {
        &self.0.form_token
    }
}

impl Holder for AnyVisitor {
    fn form_token(&self) -> &FormToken {
        &self.form_token
    }
}

impl Holder for Stranger {
    fn form_token(&self) -> &FormToken {
        &self.form_token
    }
}

impl FromRequestParts<Site> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refused> {
        let visitor = AnyVisitor::from_request_parts(parts, site).await?;
        match visitor.standing.password_change {
            None => Ok(Self(visitor)),
            Some(_) => Err(Refused::MustChange),
        }
    }
}

impl FromRequestParts<Site> for AnyVisitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refused> {
        let token = session(parts, site).ok_or(Refused::LoggedOut)?;
        let state = login::look_up(site.store(), &token, Door::Pages, site.idle()).await?;
        let standing = match state {
            SessionState::Live(standing) => *standing,
            SessionState::Idle => return Err(Refused::TimedOut),
            SessionState::None => return Err(Refused::LoggedOut),
        };
        let form_token = FormToken::of(&token);
        Ok(Self { token, standing, form_token })
    }
}

impl FromRequestParts<Site> for Stranger {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refused> {
        let known = cookie::sent(&parts.headers, cookie::BEFORE_LOGIN);
        let known = known.and_then(|sent| sent.parse().ok());
        let is_new = known.is_none();
        let cookie = known.unwrap_or_else(|| SessionToken::draw(&mut rand::rng()));
        let form_token = FormToken::of(&cookie);
        let session = session(parts, site);
        Ok(Self { cookie, form_token, is_new, session })
    }
}

impl Stranger {
    /// The cookie, if the browser has none yet.
    pub(super) fn new_cookie(&self) -> Option<HeaderValue> {
        self.is_new.then(|| cookie::set(cookie::BEFORE_LOGIN, &self.cookie.expose()))
    }
}

fn session(parts: &Parts, site: &Site) -> Option<SessionToken> {
    site.opened(cookie::sent(&parts.headers, cookie::SESSION)?, Door::Pages)
}
