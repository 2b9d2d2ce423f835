//! `POST /api/v1/login`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::LoggedIn;
use crate::auth::{Audience, LoginAttempt, LoginVerdict};
use crate::web::AppState;
use crate::web::body::JsonBody;
use crate::web::problem::Problem;
use crate::web::rate_limit::{RateLimit, RequestCost};
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;

/// A login number and its password.
#[derive(Deserialize, ToSchema)]
#[schema(as = Login)]
pub struct LoginRequest {
    /// The login number, with or without hyphens, in half- or full-width digits (`W3`, `W13`).
    #[schema(example = "06-1234-5678")]
    pub number: String,
    /// The password, exactly as it is (`W3`).
    #[schema(format = Password)]
    pub password: String,
}

/// Log in.
#[utoipa::path(
    post, path = "/api/v1/login", operation_id = "logIn", security(()), request_body = LoginRequest,
    responses(
        (status = 200, description = "A session began", body = LoggedIn),
        (status = 400, description = "`malformed`, also a `number` that is no telephone number; not counted", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid_credentials`: every refusal, byte for byte the same", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`cross_site`: another site's page made the request", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`malformed`: over 16 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_requests` from this address; not counted as a wrong entry", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 503, description = "`busy`: not counted as a wrong entry; `unavailable`: a wrong entry may have been counted, once", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
    ),
)]
pub(super) async fn log_in(
    State(state): State<AppState>,
    rate_limit: RateLimit,
    JsonBody(LoginRequest { number, password }): JsonBody<LoginRequest>,
) -> Result<Json<LoggedIn>, Problem> {
    let login = PhoneNumber::from_typed(&number).map_err(|_| Problem::not_a_number())?;
    let mut reservation = rate_limit.reserve_login(login).await?;
    let attempt = LoginAttempt {
        login,
        password: SubmittedPassword::from(password),
        address: rate_limit.address,
        audience: Audience::Api,
        may_void: reservation.max_voidings() > 0,
    };
    let verdict = state.auth().log_in(attempt).await;
    reservation.settle(RequestCost::from_login(&verdict));
    match verdict? {
        LoginVerdict::Accepted(token, access) => Ok(Json(LoggedIn::new(&state, &token, *access))),
        LoginVerdict::Refused(_) => Err(Problem::invalid_credentials(state.login_refusal())),
        LoginVerdict::WouldVoid => Err(reservation.voiding_refused()),
    }
}
