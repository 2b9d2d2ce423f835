//! `/unit` and `/unit/{unit}` (認証単位変更, table `U`): the choice of the unit, and the passwords that
//! the change asks for.

use askama::Template;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};

use super::csrf::{CsrfForm, FormTokens};
use super::error::{ForPage, OrPage as _, PageError};
use super::error_kind::ErrorKind;
use super::field_errors::FieldErrors;
use super::form::Form;
use super::layout::{Layout, render};
use super::session::{CookieSession, RestrictedCookieSession};
use super::session_end::SessionEnd;
use super::text::{self, Recovery};
use super::unit_changed;
use crate::auth::{Audience, ChangeUnit};
use crate::web::rate_limit::{RateLimit, RequestCost, Reservation};
use crate::web::{AppState, hyphenated};
use domain::access::Access;
use domain::auth_unit::AuthUnit;
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;
use domain::policy::unit::{FormVersion, UnitChoice, UnitChoices, UnitVerdict};
use domain::policy::unit_plan::may_change_unit;

/// The field of a number's password has this name and the number.
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
    tokens: FormTokens,
    contract: PhoneNumber,
    version: i64,
    unit: AuthUnit,
    name: &'static str,
    about: &'static str,
    in_force: &'static str,
    recovery: Recovery,
    /// The password of each login after the change.
    afterwards: &'static str,
    fields: Vec<PasswordField>,
    /// The numbers that keep the unit from being changed (`U3`).
    blocked: Vec<String>,
    errors: FieldErrors,
}

/// One password that the form asks for. The contract number's sorts first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct PasswordField {
    is_additional: bool,
    id: String,
    number: String,
    /// The number as a browser keeps it with its password.
    digits: String,
}

/// The unit in the path; any other path is no page.
pub(super) struct UnitPath(AuthUnit);

impl FromRequestParts<AppState> for UnitPath {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let unit = path.ok().and_then(|Path(unit)| unit.parse().ok());
        unit.map(Self).ok_or_else(|| PageError::new(state, ErrorKind::NotFound))
    }
}

/// Shows the units to choose from.
pub(super) async fn choose(
    State(state): State<AppState>,
    CookieSession(session): CookieSession,
) -> Result<Response, PageError> {
    let UnitChoices { choices, .. } = choices(&state, &session).await?;
    let choice = |choice: UnitChoice| ChoiceRow {
        path: choice.unit.as_str(),
        name: text::unit(choice.unit),
        about: text::about_unit(choice.unit),
    };
    let page = ChoicePage {
        layout: session.layout(&state),
        in_force: text::unit(session.access.unit),
        choices: choices.into_iter().map(choice).collect(),
    };
    Ok(render(StatusCode::OK, &page))
}

/// Shows the form of one unit; the one in force leads back to the choice.
pub(super) async fn show(
    State(state): State<AppState>,
    UnitPath(unit): UnitPath,
    CookieSession(session): CookieSession,
) -> Result<Response, PageError> {
    let UnitChoices { version, choices, .. } = choices(&state, &session).await?;
    let Some(choice) = choices.into_iter().find(|choice| choice.unit == unit) else {
        return Ok(Redirect::to("/unit").into_response());
    };
    let page = FormPage::new(&state, &session, unit, version);
    Ok(page.with_fields(&choice.required).with_blocked(&choice.blocked).render(StatusCode::OK))
}

/// Changes the unit. The outcome answers the form itself: the session that could show it later has
/// ended.
pub(super) async fn change(
    State(state): State<AppState>,
    UnitPath(unit): UnitPath,
    ForPage(rate_limit): ForPage<RateLimit>,
    CsrfForm { session: CookieSession(session), id, mut form }: CsrfForm<CookieSession>,
) -> Result<Response, PageError> {
    let version = form.text("version").parse();
    let version = version.map_err(|_| PageError::new(&state, ErrorKind::CsrfError))?;
    let passwords = passwords(&mut form);
    let given: Vec<PhoneNumber> = passwords.iter().map(|(number, _)| *number).collect();
    let mut reservation = rate_limit.reserve_passwords(passwords.len()).await.or_page(&state)?;
    let request = ChangeUnit {
        token: session.token.clone(),
        audience: Audience::Pages,
        access: session.access.clone(),
        unit,
        passwords,
        version: FormVersion::Form(version),
        form: Some(id),
        address: rate_limit.address,
        may_void: reservation.max_voidings(),
    };
    let verdict = state.auth().change_unit(request).await;
    reservation.settle(RequestCost::from_unit_change(&verdict));
    let page = || FormPage::new(&state, &session, unit, version).with_fields(&given);
    let voided = SessionEnd::WrongEntries(session.access.unit);
    respond(&state, page, voided, verdict.or_page(&state)?, &reservation)
}

/// Builds the form's page only for an answer that shows it.
fn respond(
    state: &AppState,
    page: impl FnOnce() -> FormPage,
    voided: SessionEnd,
    verdict: UnitVerdict,
    reservation: &Reservation,
) -> Result<Response, PageError> {
    match verdict {
        UnitVerdict::Changed(changed) => Ok(unit_changed::outcome(state, &changed)),
        UnitVerdict::Wrong { session_over: true, .. } => Err(voided.into()),
        UnitVerdict::Wrong { numbers, .. } => Ok(page().with_errors(&numbers, text::wrong_of)),
        UnitVerdict::CredentialVoid(numbers) => {
            Ok(page().with_blocked(&numbers).render(StatusCode::CONFLICT))
        }
        UnitVerdict::OtherPasswords { missing, unasked } if unasked.is_empty() => {
            Ok(page().with_fields(&missing).with_errors(&missing, text::enter_password_of))
        }
        UnitVerdict::OtherPasswords { .. }
        | UnitVerdict::InForce
        | UnitVerdict::ChangedElsewhere => Err(PageError::new(state, ErrorKind::ChangedElsewhere)),
        UnitVerdict::NotAllowed => Err(PageError::new(state, ErrorKind::NotAllowed)),
        UnitVerdict::PasswordChangeRequired => Err(PageError::PasswordChangeRequired),
        UnitVerdict::SessionOver => Err(SessionEnd::BeforeForm.into()),
        UnitVerdict::WouldVoid => Err(reservation.voiding_refused()).or_page(state),
    }
}

/// What the session may choose from.
async fn choices(
    state: &AppState,
    session: &RestrictedCookieSession,
) -> Result<UnitChoices, PageError> {
    let RestrictedCookieSession { token, access, .. } = session;
    require_change_right(state, access)?;
    let choices = state.auth().unit_choices(token, Audience::Pages, access).await;
    choices.or_page(state)?.ok_or(SessionEnd::Elsewhere.into())
}

/// Refuses a user's login (`U2`).
fn require_change_right(state: &AppState, access: &Access) -> Result<(), PageError> {
    if may_change_unit(access.role) {
        Ok(())
    } else {
        Err(PageError::new(state, ErrorKind::NotAllowed))
    }
}

/// The passwords as typed; a field left empty is left out.
fn passwords(form: &mut Form) -> Vec<(PhoneNumber, SubmittedPassword)> {
    let typed = form.passwords(FIELD);
    typed.into_iter().filter_map(|(number, typed)| Some((number.parse().ok()?, typed))).collect()
}

fn field_id(number: PhoneNumber) -> String {
    format!("{FIELD}{}", number.as_str())
}

impl FormPage {
    /// The form for `unit`, made from this version of the contract (`W6`).
    fn new(
        state: &AppState,
        session: &RestrictedCookieSession,
        unit: AuthUnit,
        version: i64,
    ) -> Self {
        let in_force = session.access.unit;
        Self {
            layout: session.layout(state),
            tokens: FormTokens::new(session),
            contract: session.access.contract,
            version,
            unit,
            name: text::unit(unit),
            about: text::about_unit(unit),
            in_force: text::unit(in_force),
            recovery: Recovery::under(in_force),
            afterwards: text::afterwards(in_force, unit),
            fields: Vec::new(),
            blocked: Vec::new(),
            errors: FieldErrors::default(),
        }
    }

    /// Adds fields for these numbers' passwords; the contract number's comes first.
    fn with_fields(mut self, numbers: &[PhoneNumber]) -> Self {
        self.fields.extend(numbers.iter().map(|number| PasswordField {
            id: field_id(*number),
            number: hyphenated(*number),
            digits: number.as_str().to_owned(),
            is_additional: *number != self.contract,
        }));
        self.fields.sort();
        self
    }

    fn with_blocked(mut self, numbers: &[PhoneNumber]) -> Self {
        self.blocked = numbers.iter().copied().map(hyphenated).collect();
        self
    }

    /// The form again, with an error beside each of these numbers' passwords.
    fn with_errors(mut self, numbers: &[PhoneNumber], message: fn(&str) -> String) -> Response {
        for number in numbers {
            self.errors.add(field_id(*number), message(&hyphenated(*number)));
        }
        self.render(StatusCode::UNPROCESSABLE_ENTITY)
    }

    fn render(mut self, status: StatusCode) -> Response {
        let is_error = !(self.errors.is_empty() && self.blocked.is_empty());
        self.layout = self.layout.with_error(is_error);
        render(status, &self)
    }
}
