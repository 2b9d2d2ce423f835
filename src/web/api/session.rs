//! `GET /api/v1/session`, and the session of a bearer token (RFC 6750 §2.1), denied by default
//! (`C6`).

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use utoipa::IntoResponses;

use super::problems::{self, Responses};
use super::views::SessionView;
use crate::auth::{Audience, SessionState, SessionToken};
use crate::web::problem::Problem;
use crate::web::state::AppState;
use domain::access::Access;

/// What this session may do.
#[utoipa::path(
    get, path = "/api/v1/session", operation_id = "getSession", tag = "session",
    responses(
        (status = 200, description = "The session", body = SessionView, example = json!(SessionView::example())),
        SessionProblems,
    ),
)]
pub(super) async fn session(
    State(state): State<AppState>,
    BearerSession { token, access }: BearerSession,
) -> Result<Json<SessionView>, Problem> {
    state.auth().mark_seen(&token, Audience::Api, &access, access.contract_version).await?;
    Ok(Json(access.into()))
}

/// A session that may do all that its role allows. Every handler takes it unless it serves `C6`
/// too.
#[derive(Debug)]
pub(super) struct BearerSession {
    pub(super) token: SessionToken,
    pub(super) access: Access,
}

/// A session that may have to change the password before anything else (`C6`).
#[derive(Debug)]
pub(super) struct RestrictedBearerSession {
    pub(super) token: SessionToken,
    pub(super) access: Access,
}

impl FromRequestParts<AppState> for BearerSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let RestrictedBearerSession { token, access } =
            RestrictedBearerSession::from_request_parts(parts, state).await?;
        match access.password_change {
            None => Ok(Self { token, access }),
            Some(_) => Err(Problem::password_change_required()),
        }
    }
}

impl FromRequestParts<AppState> for RestrictedBearerSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let token = bearer(parts, state).ok_or_else(Problem::no_session)?;
        match state.auth().session(&token, Audience::Api).await? {
            SessionState::Live(access, _) => Ok(Self { token, access: *access }),
            SessionState::Idle
            | SessionState::PastLifetime
            | SessionState::TemporaryExpired(_)
            | SessionState::WrongEntries(_)
            | SessionState::UnitChanged(_)
            | SessionState::LoggedOut
            | SessionState::PasswordChanged
            | SessionState::None => Err(Problem::no_session()),
        }
    }
}

fn bearer(parts: &Parts, state: &AppState) -> Option<SessionToken> {
    let (scheme, token) =
        parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())?;
    state.open_token(token, Audience::Api)
}

struct SessionProblems;

impl IntoResponses for SessionProblems {
    fn responses() -> Responses {
        problems::responses(|_| problems::reading_problems().into())
    }
}
