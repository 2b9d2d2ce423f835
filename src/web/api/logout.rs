//! `POST /api/v1/logout`

use axum::extract::State;
use axum::http::StatusCode;
use utoipa::IntoResponses;

use super::problems::{self, Responses};
use super::session::RestrictedBearerSession;
use crate::auth::Audience;
use crate::web::client_ip::ClientIp;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// End this session.
#[utoipa::path(
    post, path = "/api/v1/logout", operation_id = "logOut", tag = "session",
    responses((status = 204, description = "The session has ended"), LogoutProblems),
)]
pub(super) async fn log_out(
    State(state): State<AppState>,
    ClientIp(address): ClientIp,
    RestrictedBearerSession { token, .. }: RestrictedBearerSession,
) -> Result<StatusCode, Problem> {
    state.auth().log_out(&token, Audience::Api, address).await?;
    Ok(StatusCode::NO_CONTENT)
}

struct LogoutProblems;

impl IntoResponses for LogoutProblems {
    fn responses() -> Responses {
        problems::responses(|_| {
            vec![
                (Problem::not_json(), "there is a body that is not JSON"),
                problems::no_session(),
                (Problem::cross_site(), "another site's page made the request"),
                (Problem::unavailable(), "the database is out of reach"),
            ]
        })
    }
}
