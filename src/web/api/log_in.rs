//! `POST /api/v1/login`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::LoggedIn;
use crate::hashing::Salt;
use crate::login::{self, Attempt, Door, SessionToken, Verdict};
use crate::number::Number;
use crate::password::TypedPassword;
use crate::store::AttemptId;
use crate::web::Site;
use crate::web::body::JsonBody;
use crate::web::limiter::Admitted;
use crate::web::problem::Problem;
use crate::web::session::Client;

/// Who wants to log in.
#[derive(Deserialize, ToSchema)]
pub struct Login {
    /// The login number, with or without hyphens, in half- or full-width digits (`W3`).
    #[schema(example = "06-1234-5678")]
    pub number: String,
    /// The password, exactly as it is (`W3`).
    #[schema(format = Password)]
    pub password: String,
}

/// Log in.
#[utoipa::path(
    post, path = "/api/v1/login", operation_id = "logIn", security(()), request_body = Login,
    responses(
        (status = 200, description = "A session has begun", body = LoggedIn),
        (status = 400, description = "`malformed`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid_credentials`: every refusal, byte for byte the same", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`malformed`: over 16 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_requests` from this address; not counted as a wrong entry", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 503, description = "`busy` or `unavailable`; not counted as a wrong entry", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
    ),
)]
pub(super) async fn log_in(
    State(site): State<Site>,
    _: Admitted,
    Client(address): Client,
    JsonBody(Login { number, password }): JsonBody<Login>,
) -> Result<Json<LoggedIn>, Problem> {
    let attempt = Attempt {
        login: Number::from_typed(&number).ok(),
        typed: TypedPassword::from(password),
        address,
        door: Door::Api,
        salt: Salt::draw(&mut rand::rng()),
        token: SessionToken::draw(&mut rand::rng()),
        id: AttemptId::draw(&mut rand::rng()),
    };
    match login::log_in(site.store(), site.hasher(), attempt, site.idle()).await? {
        Verdict::Accepted(token, standing) => Ok(Json(LoggedIn::new(&token, *standing))),
        Verdict::Refused => Err(Problem::invalid_credentials(site.refusal())),
    }
}
