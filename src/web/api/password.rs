//! `POST /api/v1/password`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoResponses, ToSchema};

use super::problems::{self, Responses};
use super::session::RestrictedBearerSession;
use super::views::LoggedIn;
use crate::auth::{Audience, ChangePassword, SessionToken};
use crate::web::body::JsonBody;
use crate::web::problem::Problem;
use crate::web::rate_limit::{RateLimit, RequestCost, Reservation};
use crate::web::state::AppState;
use domain::auth_unit::AuthUnit;
use domain::password::Rejection;
use domain::policy::password::PasswordVerdict;
use domain::rules;

/// The current password and the new one.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewPassword)]
pub struct PasswordChangeRequest {
    /// The current password, exactly as it is.
    #[schema(format = Password)]
    pub current: String,
    /// The new password.
    #[schema(value_type = AllowedPasswordSchema)]
    pub new: String,
    /// The new password again.
    #[schema(value_type = AllowedPasswordSchema)]
    pub new_again: String,
}

/// A password that may be set: 8 to 12 half-width letters and digits, not digits only.
#[derive(ToSchema)]
#[schema(
    as = AllowedPassword,
    format = Password,
    min_length = 8,
    max_length = 12,
    pattern = "^[0-9]*[A-Za-z][0-9A-Za-z]*$"
)]
#[expect(dead_code, reason = "names the form of a password for the description of the API")]
pub(super) struct AllowedPasswordSchema(String);

/// Change the password. Every session of the old one ends, and this one goes on under a new token.
#[utoipa::path(
    post, path = "/api/v1/password", operation_id = "changePassword", tag = "password",
    request_body(
        content = PasswordChangeRequest,
        example = json!({ "current": "48151623", "new": "abcd1234", "new_again": "abcd1234" }),
    ),
    responses(
        (status = 200, description = "Changed; a new session began", body = LoggedIn, example = json!(LoggedIn::example())),
        PasswordProblems,
    ),
)]
pub(super) async fn change_password(
    State(state): State<AppState>,
    rate_limit: RateLimit,
    RestrictedBearerSession { token, access }: RestrictedBearerSession,
    JsonBody(PasswordChangeRequest { current, new, new_again }): JsonBody<PasswordChangeRequest>,
) -> Result<Json<LoggedIn>, Problem> {
    let unit = access.unit;
    let mut reservation = rate_limit.reserve_passwords(1).await?;
    let request = ChangePassword {
        token,
        audience: Audience::Api,
        access,
        current: current.into(),
        new: new.into(),
        confirmation: new_again.into(),
        form: None,
        address: rate_limit.address,
        may_void: reservation.max_voidings() > 0,
    };
    let verdict = state.auth().change_password(request).await;
    reservation.settle(RequestCost::from_password_change(&verdict));
    respond(&state, unit, verdict?, &reservation)
}

fn respond(
    state: &AppState,
    unit: AuthUnit,
    verdict: PasswordVerdict<SessionToken>,
    reservation: &Reservation,
) -> Result<Json<LoggedIn>, Problem> {
    match verdict {
        PasswordVerdict::Changed(token, access) => Ok(Json(LoggedIn::new(state, &token, *access))),
        PasswordVerdict::Rejected(reasons) => Err(Problem::password_rejected(&reasons)),
        PasswordVerdict::Wrong { number, tries_left: 0 } => {
            let call = state.set_up_call(unit);
            Err(Problem::wrong_password_ends(&[number], &[number], call))
        }
        PasswordVerdict::Wrong { number, .. } => Err(Problem::wrong_password(&[number])),
        PasswordVerdict::CredentialVoid(number) => {
            Err(Problem::credential_void(&[number], state.set_up_call(unit)))
        }
        PasswordVerdict::WouldVoid => Err(reservation.voiding_refused()),
        PasswordVerdict::SessionOver => Err(Problem::no_session()),
    }
}

struct PasswordProblems;

impl IntoResponses for PasswordProblems {
    fn responses() -> Responses {
        problems::responses(|example| {
            let own = [
                (Problem::not_json(), "the body is not as described; nothing was counted"),
                problems::no_session(),
                (
                    Problem::credential_void(&example.numbers, example.call),
                    "wrong entries elsewhere have voided the current password; nothing was counted",
                ),
                (
                    Problem::password_rejected(&[Rejection::TooShort, Rejection::DigitsOnly]),
                    "the new password breaks the rules that `reasons` names; the current one was not \
                     compared",
                ),
                (
                    Problem::wrong_password(&example.numbers),
                    "the current password is wrong, and counted; the last one in a row voids it \
                     and ends the session",
                ),
            ];
            own.into_iter()
                .chain(problems::body_problems(rules::MAX_BODY_BYTES))
                .chain(problems::change_problems())
                .collect()
        })
    }
}
