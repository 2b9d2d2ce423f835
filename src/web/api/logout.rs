//! `POST /api/v1/logout`

use axum::extract::State;
use axum::http::StatusCode;

use super::session::RestrictedBearerSession;
use crate::auth::Audience;
use crate::web::AppState;
use crate::web::client_ip::ClientIp;
use crate::web::problem::Problem;

/// End this session.
#[utoipa::path(
    post, path = "/api/v1/logout", operation_id = "logOut",
    responses(
        (status = 204, description = "The session has ended"),
        (status = 400, description = "`malformed`: with a body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`no_session`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`cross_site`: another site's page made the request", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
    ),
)]
pub(super) async fn log_out(
    State(state): State<AppState>,
    ClientIp(address): ClientIp,
    RestrictedBearerSession { token, .. }: RestrictedBearerSession,
) -> Result<StatusCode, Problem> {
    state.auth().log_out(&token, Audience::Api, address).await?;
    Ok(StatusCode::NO_CONTENT)
}
