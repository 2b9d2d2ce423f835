//! `GET /api/v1/session`

use axum::Json;
use axum::extract::State;

use super::SessionView;
use crate::login::{self, Door};
use crate::web::Site;
use crate::web::problem::Problem;
use crate::web::session::FullSession;

/// What this session is good for.
#[utoipa::path(
    get, path = "/api/v1/session", operation_id = "getSession",
    responses(
        (status = 200, description = "The session", body = SessionView),
        (status = 401, description = "`no_session`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`password_change_required`, or `cross_site`: another site's page has made the request", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
    ),
)]
pub(super) async fn session(
    State(site): State<Site>,
    FullSession { token, standing }: FullSession,
) -> Result<Json<SessionView>, Problem> {
    login::tell(site.store(), &token, Door::Api, &standing).await?;
    Ok(Json(standing.into()))
}
