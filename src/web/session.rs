//! Who asks: the client's address, and the session of a bearer token (RFC 6750 §2.1), deny by default (`C6`).

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;

use super::Site;
use super::forwarded;
use super::problem::Problem;
use crate::login::{self, Door, SessionState, SessionToken, Standing};

/// The client's address, told by a proxy if one of ours stands between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client(pub(super) IpAddr);

impl FromRequestParts<Site> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let Some(ConnectInfo::<SocketAddr>(address)) = parts.extensions.get() else {
            tracing::error!("a request without its client's address");
            return Err(Problem::internal());
        };
        Ok(Self(forwarded::client(address.ip(), &parts.headers, site.proxies())))
    }
}

/// A session that is good for everything that its role allows; what every handler takes unless it
/// serves `C6` as well.
#[derive(Debug)]
pub(super) struct FullSession {
    pub(super) token: SessionToken,
    pub(super) standing: Standing,
}

/// A session that may be good for nothing but changing the password and logging out (`C6`).
#[derive(Debug)]
pub(super) struct AnySession {
    pub(super) token: SessionToken,
    pub(super) standing: Standing,
}

impl FromRequestParts<Site> for FullSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let AnySession { token, standing } = AnySession::from_request_parts(parts, site).await?;
        match standing.password_change {
            None => Ok(Self { token, standing }),
            Some(_) => Err(Problem::password_change_required()),
        }
    }
}

impl FromRequestParts<Site> for AnySession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let token = bearer(parts, site).ok_or_else(Problem::no_session)?;
        match login::look_up(site.store(), &token, Door::Api, site.idle()).await? {
            SessionState::Live(standing) => Ok(Self { token, standing: *standing }),
            SessionState::Idle | SessionState::None => Err(Problem::no_session()),
        }
    }
}

fn bearer(parts: &Parts, site: &Site) -> Option<SessionToken> {
    let (scheme, token) =
        parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())?;
    site.opened(token, Door::Api)
}
