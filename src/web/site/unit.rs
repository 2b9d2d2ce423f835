//! `/unit` and `/unit/{unit}` (認証単位変更, table `U`): choosing, and the passwords that are asked for.

use askama::Template;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};

use super::error::ErrorKind;
use super::field_errors::FieldErrors;
use super::form::{CsrfBound as _, CsrfForm, Form};
use super::layout::{Layout, render};
use super::refused::PageError;
use super::session::{CookieSession, RestrictedCookieSession};
use super::text;
use super::unit_changed;
use crate::db::IdempotencyKey;
use crate::login::{self, Audience, ChangeUnit, FormVersion, UnitChoice, UnitChoices, UnitVerdict};
use crate::web::rate_limit::{RateLimit, RequestCost, Reservation};
use crate::web::{AppState, hyphenated};
use domain::auth_unit::AuthUnit;
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;
use domain::rules;

/// A number's password is in the field of this name and the number.
const FIELD: &str = "password-";

/// `unit.html`
#[derive(Template)]
#[template(path = "unit.html", config = ".askama.toml")]
struct ChoicePage {
    layout: Layout,
    in_force: &'static str,
    choices: Vec<ChoiceRow>,
}

/// A unit that can be chosen.
struct ChoiceRow {
    path: &'static str,
    name: &'static str,
    about: &'static str,
}

/// `unit_form.html`
#[derive(Template)]
#[template(path = "unit_form.html", config = ".askama.toml")]
struct FormPage {
    layout: Layout,
    form_token: String,
    version: i64,
    unit: AuthUnit,
    name: &'static str,
    about: &'static str,
    in_force: &'static str,
    /// With what one logs in afterwards.
    afterwards: &'static str,
    fields: Vec<PasswordField>,
    /// The numbers for which it cannot be changed (`U3`).
    blocked: Vec<String>,
    errors: FieldErrors,
    wrong_entries: i32,
}

/// One password that is asked for.
struct PasswordField {
    id: String,
    number: String,
}

/// The unit in the path; anything else is no page.
pub(super) struct UnitPath(AuthUnit);

impl FromRequestParts<AppState> for UnitPath {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let unit = path.ok().and_then(|Path(unit)| unit.parse().ok());
        unit.map(Self).ok_or(PageError::Page(ErrorKind::NotFound))
    }
}

/// The units to choose from.
pub(super) async fn choose(
    State(state): State<AppState>,
    visitor: CookieSession,
) -> Result<Response, PageError> {
    let UnitChoices { choices, .. } = choices(&state, &visitor).await?;
    let choice = |choice: UnitChoice| ChoiceRow {
        path: choice.unit.as_str(),
        name: text::unit(choice.unit),
        about: text::about_unit(choice.unit),
    };
    let page = ChoicePage {
        layout: Layout::for_session(&state, &visitor.0),
        in_force: text::unit(visitor.0.standing.unit),
        choices: choices.into_iter().map(choice).collect(),
    };
    Ok(render(StatusCode::OK, &page))
}

/// The form of one unit; the one in force leads back to the choice.
pub(super) async fn show(
    State(state): State<AppState>,
    UnitPath(unit): UnitPath,
    visitor: CookieSession,
) -> Result<Response, PageError> {
    match FormPage::new(&state, &visitor, unit).await? {
        Some(page) => Ok(page.answer(StatusCode::OK)),
        None => Ok(Redirect::to("/unit").into_response()),
    }
}

/// Changes the unit. The outcome is the answer itself: the session that could show it later is
/// over.
pub(super) async fn change(
    State(state): State<AppState>,
    UnitPath(unit): UnitPath,
    admitted: RateLimit,
    CsrfForm { session: visitor, mut form }: CsrfForm<CookieSession>,
) -> Result<Response, PageError> {
    let told = form.text("version").parse().map_err(|_| PageError::Page(ErrorKind::StaleForm))?;
    let page = FormPage::new(&state, &visitor, unit).await?;
    let CookieSession(visitor) = visitor;
    let passwords = passwords(&mut form);
    let mut charge = admitted.reserve_passwords(passwords.len()).await?;
    let request = ChangeUnit {
        token: visitor.token,
        door: Audience::Pages,
        standing: visitor.standing,
        unit,
        passwords,
        told: FormVersion::ByForm(told),
        address: admitted.address,
        attempt: IdempotencyKey::draw(&mut rand::rng()),
        may_void: charge.max_voidings(),
    };
    let verdict = login::change_unit(state.store(), state.hasher(), request).await;
    charge.settle(RequestCost::from_unit_change(&verdict));
    respond(&state, page, verdict?, &charge)
}

fn respond(
    state: &AppState,
    page: Option<FormPage>,
    verdict: UnitVerdict,
    charge: &Reservation,
) -> Result<Response, PageError> {
    match verdict {
        UnitVerdict::Changed(changed) => Ok(unit_changed::outcome(state, &changed)),
        UnitVerdict::Wrong { session_over: true, .. } => Err(PageError::Page(ErrorKind::Voided)),
        UnitVerdict::Wrong { numbers, .. } => form_with_errors(page, &numbers, text::wrong_of),
        UnitVerdict::CredentialVoid(numbers) => blocked(page, &numbers),
        UnitVerdict::OtherPasswords { missing, unasked } if unasked.is_empty() => {
            form_with_errors(page, &missing, text::enter_password_of)
        }
        UnitVerdict::OtherPasswords { .. }
        | UnitVerdict::InForce
        | UnitVerdict::ChangedElsewhere => Err(PageError::Page(ErrorKind::ChangedElsewhere)),
        UnitVerdict::NotAllowed => Err(PageError::Page(ErrorKind::NotAllowed)),
        UnitVerdict::PasswordChangeRequired => Err(PageError::MustChange),
        UnitVerdict::SessionOver => Err(PageError::SessionOver),
        UnitVerdict::WouldVoid => Err(charge.voiding_refused().into()),
    }
}

/// What the session may choose from; a user may not (`U2`).
async fn choices(state: &AppState, visitor: &CookieSession) -> Result<UnitChoices, PageError> {
    let RestrictedCookieSession { token, standing, .. } = &visitor.0;
    if !login::may_change_unit(standing.role) {
        return Err(PageError::Page(ErrorKind::NotAllowed));
    }
    let choices = login::unit_choices(state.store(), token, Audience::Pages, standing).await?;
    choices.ok_or(PageError::LoggedOut)
}

/// The passwords as typed; a field left empty is left out.
fn passwords(form: &mut Form) -> Vec<(PhoneNumber, SubmittedPassword)> {
    let typed = form.passwords(FIELD);
    typed.into_iter().filter_map(|(number, typed)| Some((number.parse().ok()?, typed))).collect()
}

fn field(number: PhoneNumber) -> String {
    format!("{FIELD}{}", number.as_str())
}

/// Why the change is refused, in the form's place (`U3`).
fn blocked(page: Option<FormPage>, numbers: &[PhoneNumber]) -> Result<Response, PageError> {
    let page = page.ok_or(PageError::Page(ErrorKind::ChangedElsewhere))?;
    Ok(FormPage { blocked: hyphenated_all(numbers), ..page }.answer(StatusCode::CONFLICT))
}

fn hyphenated_all(numbers: &[PhoneNumber]) -> Vec<String> {
    numbers.iter().map(|number| hyphenated(*number)).collect()
}

/// The form again, with what is wrong with these numbers' passwords.
fn form_with_errors(
    page: Option<FormPage>,
    numbers: &[PhoneNumber],
    told: fn(&str) -> String,
) -> Result<Response, PageError> {
    let mut page = page.ok_or(PageError::Page(ErrorKind::ChangedElsewhere))?;
    for number in numbers {
        page.errors.add(field(*number), told(&hyphenated(*number)));
    }
    Ok(page.answer(StatusCode::UNPROCESSABLE_ENTITY))
}

impl FormPage {
    /// The page, whose title tells of an error if there is one.
    fn answer(mut self, status: StatusCode) -> Response {
        let is_wrong = !(self.errors.is_empty() && self.blocked.is_empty());
        self.layout = self.layout.with_error(is_wrong);
        render(status, &self)
    }

    /// The form for `unit`; `None` if it is the one in force.
    async fn new(
        state: &AppState,
        visitor: &CookieSession,
        unit: AuthUnit,
    ) -> Result<Option<Self>, PageError> {
        let UnitChoices { version, choices } = choices(state, visitor).await?;
        let in_force = visitor.0.standing.unit;
        let field =
            |number: PhoneNumber| PasswordField { id: field(number), number: hyphenated(number) };
        Ok(choices.into_iter().find(|choice| choice.unit == unit).map(|choice| Self {
            layout: Layout::for_session(state, &visitor.0),
            form_token: visitor.csrf_token().expose(),
            version,
            unit,
            name: text::unit(unit),
            about: text::about_unit(unit),
            in_force: text::unit(in_force),
            afterwards: text::afterwards(in_force, unit),
            fields: choice.asked.into_iter().map(field).collect(),
            blocked: hyphenated_all(&choice.blocked),
            errors: FieldErrors::default(),
            wrong_entries: rules::MAX_PASSWORD_FAILURES,
        }))
    }
}
