//! `/unit` and `/unit/{unit}` (認証単位変更, table `U`): choosing, and the passwords that are asked for.

use askama::Template;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};

use super::error::What;
use super::form::{Form, Holder as _, Posted};
use super::frame::{Frame, answer};
use super::mistakes::Mistakes;
use super::refused::Refused;
use super::unit_changed;
use super::visitor::{AnyVisitor, Visitor};
use super::words;
use crate::db::AttemptId;
use crate::login::{self, ChangeUnit, Door, Told, UnitChoice, UnitChoices, UnitVerdict};
use crate::web::limiter::{Admitted, Charge, Cost};
use crate::web::{Site, hyphenated};
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
    frame: Frame,
    in_force: &'static str,
    choices: Vec<Choice>,
}

/// A unit that can be chosen.
struct Choice {
    path: &'static str,
    name: &'static str,
    about: &'static str,
}

/// `unit_form.html`
#[derive(Template)]
#[template(path = "unit_form.html", config = ".askama.toml")]
struct FormPage {
    frame: Frame,
    form_token: String,
    version: i64,
    unit: AuthUnit,
    name: &'static str,
    about: &'static str,
    in_force: &'static str,
    /// With what one logs in afterwards.
    afterwards: &'static str,
    fields: Vec<Field>,
    /// The numbers for which it cannot be changed (`U3`).
    blocked: Vec<String>,
    mistakes: Mistakes,
    wrong_entries: i32,
}

/// One password that is asked for.
struct Field {
    id: String,
    number: String,
}

/// The unit in the path; anything else is no page.
pub(super) struct Chosen(AuthUnit);

impl FromRequestParts<Site> for Chosen {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refused> {
        let path = Path::<String>::from_request_parts(parts, site).await;
        let unit = path.ok().and_then(|Path(unit)| unit.parse().ok());
        unit.map(Self).ok_or(Refused::Told(What::NotFound))
    }
}

/// The units to choose from.
pub(super) async fn choose(
    State(site): State<Site>,
    visitor: Visitor,
) -> Result<Response, Refused> {
    let UnitChoices { choices, .. } = choices(&site, &visitor).await?;
    let choice = |choice: UnitChoice| Choice {
        path: choice.unit.as_str(),
        name: words::unit(choice.unit),
        about: words::about_unit(choice.unit),
    };
    let page = ChoicePage {
        frame: Frame::for_visitor(&site, &visitor.0),
        in_force: words::unit(visitor.0.standing.unit),
        choices: choices.into_iter().map(choice).collect(),
    };
    Ok(answer(StatusCode::OK, &page))
}

/// The form of one unit; the one in force leads back to the choice.
pub(super) async fn show(
    State(site): State<Site>,
    Chosen(unit): Chosen,
    visitor: Visitor,
) -> Result<Response, Refused> {
    match FormPage::new(&site, &visitor, unit).await? {
        Some(page) => Ok(page.answer(StatusCode::OK)),
        None => Ok(Redirect::to("/unit").into_response()),
    }
}

/// Changes the unit. The outcome is the answer itself: the session that could show it later is over.
pub(super) async fn change(
    State(site): State<Site>,
    Chosen(unit): Chosen,
    admitted: Admitted,
    Posted { holder: visitor, mut form }: Posted<Visitor>,
) -> Result<Response, Refused> {
    let told = form.text("version").parse().map_err(|_| Refused::Told(What::StaleForm))?;
    let page = FormPage::new(&site, &visitor, unit).await?;
    let Visitor(visitor) = visitor;
    let passwords = passwords(&mut form);
    let mut charge = admitted.for_passwords(passwords.len()).await?;
    let request = ChangeUnit {
        token: visitor.token,
        door: Door::Pages,
        standing: visitor.standing,
        unit,
        passwords,
        told: Told::ByForm(told),
        address: admitted.address,
        attempt: AttemptId::draw(&mut rand::rng()),
        may_void: charge.may_void(),
    };
    let verdict = login::change_unit(site.store(), site.hasher(), request).await;
    charge.pay(Cost::of_unit(&verdict));
    answered(&site, page, verdict?, &charge)
}

fn answered(
    site: &Site,
    page: Option<FormPage>,
    verdict: UnitVerdict,
    charge: &Charge,
) -> Result<Response, Refused> {
    match verdict {
        UnitVerdict::Changed(changed) => Ok(unit_changed::outcome(site, &changed)),
        UnitVerdict::Wrong { session_over: true, .. } => Err(Refused::Told(What::Voided)),
        UnitVerdict::Wrong { numbers, .. } => again(page, &numbers, words::wrong_of),
        UnitVerdict::CredentialVoid(numbers) => blocked(page, &numbers),
        UnitVerdict::OtherPasswords { missing, unasked } if unasked.is_empty() => {
            again(page, &missing, words::enter_password_of)
        }
        UnitVerdict::OtherPasswords { .. }
        | UnitVerdict::InForce
        | UnitVerdict::ChangedElsewhere => Err(Refused::Told(What::ChangedElsewhere)),
        UnitVerdict::NotAllowed => Err(Refused::Told(What::NotAllowed)),
        UnitVerdict::PasswordChangeRequired => Err(Refused::MustChange),
        UnitVerdict::SessionOver => Err(Refused::SessionOver),
        UnitVerdict::WouldVoid => Err(charge.would_void().into()),
    }
}

/// What the session may choose from; a user may not (`U2`).
async fn choices(site: &Site, visitor: &Visitor) -> Result<UnitChoices, Refused> {
    let AnyVisitor { token, standing, .. } = &visitor.0;
    if !login::may_change_unit(standing.role) {
        return Err(Refused::Told(What::NotAllowed));
    }
    let choices = login::unit_choices(site.store(), token, Door::Pages, standing).await?;
    choices.ok_or(Refused::LoggedOut)
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
fn blocked(page: Option<FormPage>, numbers: &[PhoneNumber]) -> Result<Response, Refused> {
    let page = page.ok_or(Refused::Told(What::ChangedElsewhere))?;
    Ok(FormPage { blocked: hyphened(numbers), ..page }.answer(StatusCode::CONFLICT))
}

fn hyphened(numbers: &[PhoneNumber]) -> Vec<String> {
    numbers.iter().map(|number| hyphenated(*number)).collect()
}

/// The form again, with what is wrong with these numbers' passwords.
fn again(
    page: Option<FormPage>,
    numbers: &[PhoneNumber],
    told: fn(&str) -> String,
) -> Result<Response, Refused> {
    let mut page = page.ok_or(Refused::Told(What::ChangedElsewhere))?;
    for number in numbers {
        page.mistakes.add(field(*number), told(&hyphenated(*number)));
    }
    Ok(page.answer(StatusCode::UNPROCESSABLE_ENTITY))
}

impl FormPage {
    /// The page, whose title tells of an error if there is one.
    fn answer(mut self, status: StatusCode) -> Response {
        let is_wrong = !(self.mistakes.is_empty() && self.blocked.is_empty());
        self.frame = self.frame.with_error(is_wrong);
        answer(status, &self)
    }

    /// The form for `unit`; `None` if it is the one in force.
    async fn new(site: &Site, visitor: &Visitor, unit: AuthUnit) -> Result<Option<Self>, Refused> {
        let UnitChoices { version, choices } = choices(site, visitor).await?;
        let in_force = visitor.0.standing.unit;
        let field = |number: PhoneNumber| Field { id: field(number), number: hyphenated(number) };
        Ok(choices.into_iter().find(|choice| choice.unit == unit).map(|choice| Self {
            frame: Frame::for_visitor(site, &visitor.0),
            form_token: visitor.form_token().expose(),
            version,
            unit,
            name: words::unit(unit),
            about: words::about_unit(unit),
            in_force: words::unit(in_force),
            afterwards: words::afterwards(in_force, unit),
            fields: choice.asked.into_iter().map(field).collect(),
            blocked: hyphened(&choice.blocked),
            mistakes: Mistakes::default(),
            wrong_entries: rules::MAX_PASSWORD_FAILURES,
        }))
    }
}
