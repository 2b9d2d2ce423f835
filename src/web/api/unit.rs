//! `POST /api/v1/unit`

use std::fmt;

use axum::Json;
use axum::extract::State;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::session::BearerSession;
use crate::auth::{Audience, ChangeUnit};
use crate::web::AppState;
use crate::web::body::JsonBody;
use crate::web::problem::{Problem, join_numbers};
use crate::web::rate_limit::{RateLimit, RequestCost};
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;
use domain::policy::unit::{FormVersion, UnitChanged, UnitVerdict};

/// The unit wanted, and the passwords that it asks for.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewUnit)]
pub struct UnitChangeRequest {
    /// The authentication unit.
    #[schema(value_type = super::UnitSchema)]
    pub unit: String,
    /// The current password of each number that is asked for one, by the number.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub passwords: SubmittedPasswords,
}

/// The unit is changed; the session is over.
#[derive(Serialize, ToSchema)]
#[schema(as = UnitChanged)]
pub(super) struct ChangedView {
    /// The unit now in force.
    #[schema(value_type = super::UnitSchema)]
    unit: &'static str,
    /// Every number that logs in now.
    login_numbers: Vec<String>,
}

/// Change the authentication unit; every session of the contract is over.
///
/// Under `number` and `admin_user` each login number that has set a password on the site is asked for
/// it, under `line` the contract number alone.
#[utoipa::path(
    post, path = "/api/v1/unit", operation_id = "changeUnit", request_body = UnitChangeRequest,
    responses(
        (status = 200, description = "Changed", body = ChangedView),
        (status = 400, description = "`malformed`, also a password that is not asked for; not counted", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`no_session`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`password_change_required`, `not_allowed`, or `cross_site`: another site's page has made the request", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`changed_elsewhere`: the contract has changed since this session was last told of it; `credential_void` with `numbers`: their passwords would be asked for and cannot be given; not counted", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`malformed`: over 16 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`passwords_missing` with `numbers`: not counted; `wrong_password` with `number` and `numbers`: each counted", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_requests` from this address; not counted as a wrong entry", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 503, description = "`busy` or `unavailable`; not counted as a wrong entry", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
    ),
)]
pub(super) async fn change_unit(
    State(state): State<AppState>,
    admitted: RateLimit,
    BearerSession { token, access }: BearerSession,
    JsonBody(UnitChangeRequest { unit, passwords }): JsonBody<UnitChangeRequest>,
) -> Result<Json<ChangedView>, Problem> {
    let unit = unit.parse().map_err(|_| Problem::malformed("そのような認証単位はありません。"))?;
    let SubmittedPasswords(passwords) = passwords;
    let mut charge = admitted.reserve_passwords(passwords.len()).await?;
    let request = ChangeUnit {
        token,
        audience: Audience::Api,
        access,
        unit,
        passwords,
        version: FormVersion::Session,
        address: admitted.address,
        may_void: charge.max_voidings(),
    };
    let verdict = state.auth().change_unit(request).await;
    charge.settle(RequestCost::from_unit_change(&verdict));
    match verdict? {
        UnitVerdict::Changed(changed) => Ok(Json(changed.into())),
        UnitVerdict::Wrong { numbers, session_over, .. } => {
            let call = session_over.then(|| state.set_up_number());
            Err(Problem::wrong_password(&numbers, call))
        }
        UnitVerdict::CredentialVoid(numbers) => {
            Err(Problem::credential_void(&numbers, state.set_up_number()))
        }
        UnitVerdict::OtherPasswords { missing, unasked } if missing.is_empty() => {
            let detail = format!("{}のパスワードは必要ありません。", join_numbers(&unasked));
            Err(Problem::malformed(detail))
        }
        UnitVerdict::OtherPasswords { missing, .. } => Err(Problem::passwords_missing(&missing)),
        UnitVerdict::InForce => Err(Problem::malformed("その認証単位は、すでに設定されています。")),
        UnitVerdict::NotAllowed => Err(Problem::not_allowed()),
        UnitVerdict::PasswordChangeRequired => Err(Problem::password_change_required()),
        UnitVerdict::ChangedElsewhere => Err(Problem::changed_elsewhere()),
        UnitVerdict::WouldVoid => Err(charge.voiding_refused()),
        UnitVerdict::SessionOver => Err(Problem::no_session()),
    }
}

/// Passwords by their numbers, each number once.
pub struct SubmittedPasswords(pub Vec<(PhoneNumber, SubmittedPassword)>);

impl<'de> Deserialize<'de> for SubmittedPasswords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByNumber)
    }
}

struct ByNumber;

impl<'de> Visitor<'de> for ByNumber {
    type Value = SubmittedPasswords;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("passwords by telephone numbers")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<SubmittedPasswords, M::Error> {
        let mut all: Vec<(PhoneNumber, SubmittedPassword)> = Vec::new();
        while let Some((number, typed)) = map.next_entry::<String, String>()? {
            let typed = SubmittedPassword::from(typed);
            let number = PhoneNumber::from_typed(&number).map_err(Error::custom)?;
            if all.iter().any(|(known, _)| *known == number) {
                return Err(Error::custom("a number stands twice"));
            }
            all.push((number, typed));
        }
        Ok(SubmittedPasswords(all))
    }
}

impl From<UnitChanged> for ChangedView {
    fn from(changed: UnitChanged) -> Self {
        let text = |number: PhoneNumber| number.as_str().to_owned();
        Self {
            unit: changed.unit.as_str(),
            login_numbers: changed.logins.iter().map(|login| text(login.number)).collect(),
        }
    }
}
