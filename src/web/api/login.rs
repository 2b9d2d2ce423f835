//! `POST /api/v1/login`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoResponses, ToSchema};

use super::problems::{self, Responses};
use super::views::LoggedIn;
use crate::auth::{Audience, LoginAttempt, LoginVerdict};
use crate::web::body::JsonBody;
use crate::web::problem::{Problem, login_refusal};
use crate::web::rate_limit::{RateLimit, RequestCost};
use crate::web::state::AppState;
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;
use domain::rules;

/// A login number and its password.
#[derive(Deserialize, ToSchema)]
#[schema(as = Login)]
pub struct LoginRequest {
    /// The login number as people write it, from its area code or from the country code 81. Half-
    /// or full-width digits with hyphens, spaces, brackets, dots or slashes anywhere.
    #[schema(
        example = "06-1234-5678",
        min_length = 10,
        pattern = r"^[^0-9０-９]*(?:[0-9０-９][^0-9０-９]*){10,13}$"
    )]
    pub number: String,
    /// The password exactly as it is. Case, width and spaces count.
    #[schema(format = Password)]
    pub password: String,
}

/// Log in.
#[utoipa::path(
    post, path = "/api/v1/login", operation_id = "logIn", tag = "session", security(()),
    request_body(
        content = LoginRequest,
        example = json!({ "number": "06-1234-5678", "password": "48151623" }),
    ),
    responses(
        (status = 200, description = "A session began", body = LoggedIn, example = json!(LoggedIn::example())),
        LoginProblems,
    ),
)]
pub(super) async fn log_in(
    State(state): State<AppState>,
    rate_limit: RateLimit,
    JsonBody(LoginRequest { number, password }): JsonBody<LoginRequest>,
) -> Result<Json<LoggedIn>, Problem> {
    let login_number = PhoneNumber::from_typed(&number).map_err(|_| Problem::not_a_number())?;
    let mut reservation = rate_limit.reserve_login(login_number).await?;
    let attempt = LoginAttempt {
        login_number,
        password: SubmittedPassword::from(password),
        address: rate_limit.address,
        audience: Audience::Api,
        form: None,
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

struct LoginProblems;

impl IntoResponses for LoginProblems {
    fn responses() -> Responses {
        problems::responses(|example| {
            let own = [
                (
                    Problem::not_a_number(),
                    "the body is not as described, or `number` cannot be a telephone number; \
                     nothing was looked up or counted",
                ),
                (
                    Problem::invalid_credentials(&login_refusal(example.set_up_number)),
                    "every refusal, byte for byte the same",
                ),
            ];
            own.into_iter()
                .chain(problems::body_problems(rules::MAX_BODY_BYTES))
                .chain(problems::password_problems())
                .collect()
        })
    }
}
