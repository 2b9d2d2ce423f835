//! `GET /api/v1/unit`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use super::problems::{self, Responses};
use super::session::BearerSession;
use super::unit::NewLoginView;
use crate::auth::Audience;
use crate::web::problem::{NumberSchema, Problem};
use crate::web::schema::UnitSchema;
use crate::web::state::AppState;
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;
use domain::policy::unit::{UnitChoice, UnitChoices};
use domain::policy::unit_plan::may_change_unit;

/// The unit in force, and what it can be changed to.
#[derive(Serialize, ToSchema)]
#[schema(as = UnitChoices)]
pub(super) struct UnitChoicesView {
    /// The unit in force.
    #[schema(value_type = UnitSchema)]
    unit: &'static str,
    /// Rises when any of this changes. A change of the unit is refused with `changed_elsewhere`
    /// unless its session has seen the newest version.
    version: i64,
    /// Every other unit.
    choices: Vec<UnitChoiceView>,
}

/// A unit that can be chosen.
#[derive(Serialize, ToSchema)]
#[schema(as = UnitChoice)]
struct UnitChoiceView {
    /// The unit.
    #[schema(value_type = UnitSchema)]
    unit: &'static str,
    /// The numbers whose passwords the change asks for.
    #[schema(value_type = Vec<NumberSchema>)]
    asked: Vec<String>,
    /// The numbers whose passwords are void or were never set, and block the change until they have
    /// one. Temporary passwords do not count.
    #[schema(value_type = Vec<NumberSchema>)]
    blocked: Vec<String>,
    /// Every number that logs in after the change.
    logins: Vec<NewLoginView>,
}

/// What the authentication unit can be changed to, what each change asks for, and who logs in
/// afterwards.
#[utoipa::path(
    get, path = "/api/v1/unit", operation_id = "getUnit", tag = "unit",
    responses(
        (status = 200, description = "The choices", body = UnitChoicesView, example = json!(UnitChoicesView::example())),
        UnitChoicesProblems,
    ),
)]
pub(super) async fn unit_choices(
    State(state): State<AppState>,
    BearerSession { token, access }: BearerSession,
) -> Result<Json<UnitChoicesView>, Problem> {
    if !may_change_unit(access.role) {
        return Err(Problem::not_allowed());
    }
    let choices = state
        .auth()
        .unit_choices(&token, Audience::Api, &access)
        .await?
        .ok_or_else(Problem::no_session)?;
    state.auth().mark_seen(&token, Audience::Api, &access, choices.version).await?;
    Ok(Json(choices.into()))
}

impl UnitChoicesView {
    /// The example of the description.
    fn example() -> Self {
        let choice = UnitChoiceView {
            unit: AuthUnit::Number.as_str(),
            asked: vec![problems::NUMBER.to_owned()],
            blocked: Vec::new(),
            logins: vec![NewLoginView::example()],
        };
        Self { unit: AuthUnit::Line.as_str(), version: 4, choices: vec![choice] }
    }
}

impl From<UnitChoices> for UnitChoicesView {
    fn from(choices: UnitChoices) -> Self {
        Self {
            unit: choices.in_force.as_str(),
            version: choices.version,
            choices: choices.choices.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<UnitChoice> for UnitChoiceView {
    fn from(choice: UnitChoice) -> Self {
        let texts = |numbers: Vec<PhoneNumber>| -> Vec<String> {
            numbers.iter().map(|number| number.as_str().to_owned()).collect()
        };
        Self {
            unit: choice.unit.as_str(),
            asked: texts(choice.required),
            blocked: texts(choice.blocked),
            logins: choice.logins.into_iter().map(Into::into).collect(),
        }
    }
}

struct UnitChoicesProblems;

impl IntoResponses for UnitChoicesProblems {
    fn responses() -> Responses {
        problems::responses(|_| {
            let own = [(Problem::not_allowed(), "a user cannot change the unit")];
            own.into_iter().chain(problems::reading_problems()).collect()
        })
    }
}
