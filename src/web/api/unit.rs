//! `POST /api/v1/unit`

use std::collections::HashSet;
use std::fmt;

use axum::Json;
use axum::extract::State;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{IntoResponses, ToSchema};

use super::problems::{self, Responses};
use super::session::BearerSession;
use crate::auth::{Audience, ChangeUnit};
use crate::web::body::{JsonBody, LargeJsonBody};
use crate::web::problem::{NumberSchema, Problem};
use crate::web::rate_limit::{RateLimit, RequestCost, Reservation};
use crate::web::schema::{NewCredentialSchema, UnitSchema};
use crate::web::state::AppState;
use domain::auth_unit::AuthUnit;
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;
use domain::policy::unit::{FormVersion, UnitVerdict};
use domain::rules;
use domain::unit_outcome::{NewCredential, NewLogin, UnitChanged};

/// The new unit, and the passwords that the change requires.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewUnit)]
pub struct UnitChangeRequest {
    /// The authentication unit.
    #[schema(value_type = UnitSchema)]
    pub unit: String,
    /// The current passwords by their numbers.
    #[schema(schema_with = passwords_schema)]
    pub passwords: SubmittedPasswords,
}

/// Passwords by telephone numbers.
fn passwords_schema() -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let number = text().pattern(Some("^0[0-9]{9,10}$"));
    let password = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(
            "The current passwords by their numbers: those that `getUnit` says are asked for, and \
             no others.",
        ))
        .property_names(Some(number))
        .additional_properties(Some(password))
        .into()
}

/// The unit was changed, and the session has ended.
#[derive(Serialize, ToSchema)]
#[schema(as = UnitChanged)]
pub(super) struct UnitChangedView {
    /// The unit now in force.
    #[schema(value_type = UnitSchema)]
    unit: &'static str,
    /// Every number that logs in now.
    #[schema(value_type = Vec<NumberSchema>)]
    login_numbers: Vec<String>,
    /// The same with what each logs in with.
    logins: Vec<NewLoginView>,
}

/// A number that logs in after the change.
#[derive(Serialize, ToSchema)]
#[schema(as = NewLogin)]
pub(super) struct NewLoginView {
    /// The login number.
    #[schema(value_type = NumberSchema)]
    number: String,
    /// What it logs in with.
    #[schema(value_type = NewCredentialSchema)]
    with: &'static str,
}

/// Change the authentication unit. Every session of the contract ends.
///
/// Under `number` and `admin_user` it requires the password of each login number that has set one
/// on the site. Under `line` it requires only the contract number's.
#[utoipa::path(
    post, path = "/api/v1/unit", operation_id = "changeUnit", tag = "unit",
    request_body(
        content = UnitChangeRequest,
        example = json!({ "unit": "number", "passwords": { "0612345678": "abcd1234" } }),
    ),
    responses(
        (status = 200, description = "Changed", body = UnitChangedView, example = json!(UnitChangedView::example())),
        UnitProblems,
    ),
)]
pub(super) async fn change_unit(
    State(state): State<AppState>,
    rate_limit: RateLimit,
    BearerSession { token, access }: BearerSession,
    JsonBody(request): LargeJsonBody<UnitChangeRequest>,
) -> Result<Json<UnitChangedView>, Problem> {
    let unit = request.unit.parse().map_err(|_| Problem::unknown_unit())?;
    let SubmittedPasswords(passwords) = request.passwords;
    let in_force = access.unit;
    let mut reservation = rate_limit.reserve_passwords(passwords.len()).await?;
    let request = ChangeUnit {
        token,
        audience: Audience::Api,
        access,
        unit,
        passwords,
        proven: Vec::new(),
        version: FormVersion::Session,
        form: None,
        address: rate_limit.address,
        may_void: reservation.max_voidings(),
    };
    let verdict = state.auth().change_unit(request).await;
    reservation.settle(RequestCost::from_unit_change(&verdict));
    respond(&state, in_force, verdict?, &reservation)
}

fn respond(
    state: &AppState,
    in_force: AuthUnit,
    verdict: UnitVerdict,
    reservation: &Reservation,
) -> Result<Json<UnitChangedView>, Problem> {
    match verdict {
        UnitVerdict::Changed(changed) => Ok(Json(changed.into())),
        UnitVerdict::Wrong { numbers, voided, session_over, .. } => {
            let call = state.set_up_call(in_force);
            Err(match (voided.as_slice(), session_over) {
                ([], _) => Problem::wrong_password(&numbers),
                (voided, false) => Problem::wrong_password_voids(&numbers, voided, call),
                (voided, true) => Problem::wrong_password_ends(&numbers, voided, call),
            })
        }
        UnitVerdict::CredentialVoid(numbers) | UnitVerdict::AlreadyVoided(numbers) => {
            Err(Problem::credential_void(&numbers, state.set_up_call(in_force)))
        }
        UnitVerdict::OtherPasswords { missing, unasked, .. } if missing.is_empty() => {
            Err(Problem::passwords_not_required(&unasked))
        }
        UnitVerdict::OtherPasswords { missing, .. } => Err(Problem::passwords_missing(&missing)),
        UnitVerdict::InForce => Err(Problem::unit_in_force()),
        UnitVerdict::NotAllowed => Err(Problem::not_allowed()),
        UnitVerdict::PasswordChangeRequired => Err(Problem::password_change_required()),
        UnitVerdict::ChangedElsewhere => Err(Problem::changed_elsewhere()),
        UnitVerdict::WouldVoid => Err(reservation.voiding_refused()),
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
        f.write_str("passwords by telephone number")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<SubmittedPasswords, M::Error> {
        let mut all: Vec<(PhoneNumber, SubmittedPassword)> = Vec::new();
        let mut known = HashSet::new();
        while let Some((number, typed)) = map.next_entry::<String, String>()? {
            let typed = SubmittedPassword::from(typed);
            let number = PhoneNumber::from_typed(&number).map_err(Error::custom)?;
            if !known.insert(number) {
                return Err(Error::custom("duplicate number"));
            }
            all.push((number, typed));
        }
        Ok(SubmittedPasswords(all))
    }
}

impl NewLoginView {
    /// The example of the description.
    pub(super) fn example() -> Self {
        Self { number: problems::NUMBER.to_owned(), with: NewCredential::Unchanged.as_str() }
    }
}

impl UnitChangedView {
    /// The example of the description.
    fn example() -> Self {
        Self {
            unit: AuthUnit::Number.as_str(),
            login_numbers: vec![problems::NUMBER.to_owned()],
            logins: vec![NewLoginView::example()],
        }
    }
}

impl From<UnitChanged> for UnitChangedView {
    fn from(changed: UnitChanged) -> Self {
        let logins: Vec<NewLoginView> = changed.logins.into_iter().map(Into::into).collect();
        Self {
            unit: changed.unit.as_str(),
            login_numbers: logins.iter().map(|login| login.number.clone()).collect(),
            logins,
        }
    }
}

impl From<NewLogin> for NewLoginView {
    fn from(login: NewLogin) -> Self {
        Self { number: login.number.as_str().to_owned(), with: login.with.as_str() }
    }
}

struct UnitProblems;

impl IntoResponses for UnitProblems {
    fn responses() -> Responses {
        problems::responses(|example| {
            let numbers = &example.numbers;
            let own = [
                (
                    Problem::passwords_not_required(numbers),
                    "the body is not as described, the unit is in force, or a password is not asked \
                     for; nothing was counted",
                ),
                problems::no_session(),
                (
                    Problem::password_change_required(),
                    "the session may only change its password or log out",
                ),
                (Problem::not_allowed(), "a user cannot change the unit"),
                (
                    Problem::changed_elsewhere(),
                    "the contract has changed since this session last saw it; nothing was counted",
                ),
                (
                    Problem::credential_void(numbers, example.call),
                    "the passwords of `numbers` are asked for and cannot be given; nothing was \
                     counted",
                ),
                (
                    Problem::passwords_missing(numbers),
                    "the passwords of `numbers` are asked for too; nothing was compared",
                ),
                (
                    Problem::wrong_password(numbers),
                    "the passwords of `numbers` are wrong, and counted; the last one in a row \
                     voids a password, and the session's own ends the session; `detail` names \
                     those that became void",
                ),
            ];
            own.into_iter()
                .chain(problems::body_problems(rules::MAX_UNIT_CHANGE_BYTES))
                .chain(problems::change_problems())
                .collect()
        })
    }
}
