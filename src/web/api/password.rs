//! `POST /api/v1/password`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::LoggedIn;
use super::session::RestrictedBearerSession;
use crate::auth::{Audience, ChangePassword, PasswordVerdict};
use crate::web::AppState;
use crate::web::body::JsonBody;
use crate::web::problem::Problem;
use crate::web::rate_limit::{RateLimit, RequestCost, Reservation};

/// The current password and the new one.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewPassword)]
pub struct PasswordChangeRequest {
    /// The current password, exactly as it is.
    #[schema(format = Password)]
    pub current: String,
    /// The new password: 8 to 12 half-width letters and digits, not digits only (`C5`).
    #[schema(format = Password)]
    pub new: String,
    /// The new password again.
    #[schema(format = Password)]
    pub new_again: String,
}

/// Change the password. Every session of the old one ends, and this one goes on under a new token.
#[utoipa::path(
    post, path = "/api/v1/password", operation_id = "changePassword", request_body = PasswordChangeRequest,
    responses(
        (status = 200, description = "Changed; a new session began", body = LoggedIn),
        (status = 400, description = "`malformed`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`no_session`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`cross_site`: another site's page made the request", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`credential_void` with `numbers`: the current password is void; not counted", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`malformed`: over 16 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`password_rejected` with `reasons`, or `wrong_password` with `number`: counted", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_requests` from this address; not counted as a wrong entry", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 503, description = "`busy`: not counted as a wrong entry; `unavailable`: a wrong entry may have been counted, once", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
    ),
)]
pub(super) async fn change_password(
    State(state): State<AppState>,
    rate_limit: RateLimit,
    RestrictedBearerSession { token, access }: RestrictedBearerSession,
    JsonBody(PasswordChangeRequest { current, new, new_again }): JsonBody<PasswordChangeRequest>,
) -> Result<Json<LoggedIn>, Problem> {
    let mut reservation = rate_limit.reserve_passwords(1).await?;
    let request = ChangePassword {
        token,
        audience: Audience::Api,
        access,
        current: current.into(),
        new: new.into(),
        confirmation: new_again.into(),
        address: rate_limit.address,
        may_void: reservation.max_voidings() > 0,
    };
    let verdict = state.auth().change_password(request).await;
    reservation.settle(RequestCost::from_password_change(&verdict));
    respond(&state, verdict?, &reservation)
}

fn respond(
    state: &AppState,
    verdict: PasswordVerdict,
    reservation: &Reservation,
) -> Result<Json<LoggedIn>, Problem> {
    match verdict {
        PasswordVerdict::Changed(token, access) => Ok(Json(LoggedIn::new(state, &token, *access))),
        PasswordVerdict::Rejected(reasons) => Err(Problem::password_rejected(&reasons)),
        PasswordVerdict::Wrong { number, session_over } => {
            let call = session_over.then(|| state.set_up_number());
            Err(Problem::wrong_password(&[number], call))
        }
        PasswordVerdict::CredentialVoid(number) => {
            Err(Problem::credential_void(&[number], state.set_up_number()))
        }
        PasswordVerdict::WouldVoid => Err(reservation.voiding_refused()),
        PasswordVerdict::SessionOver => Err(Problem::no_session()),
    }
}
